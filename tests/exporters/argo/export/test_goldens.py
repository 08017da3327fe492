"""The manifests of many workflows are kept in ``golden/``; a change of any of them is to be seen in a review.

``DFLOW_UPDATE_GOLDEN=1 pytest tests/exporters/argo/export/test_goldens.py`` writes them anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import config, s3_config
from dflow.compile import compile_workflow
from dflow.exporters.argo.export import export, to_yaml
from dflow.exporters.argo.lint import lint_text
from odd_workflows import ODD
from test_parity import CASES
from workflows import WORKFLOWS

GOLDEN = Path(__file__).parent / "golden"
NOT_FOR_ARGO = {"WH-01", "WH-03"}
"""Facts whose workflows have conditions that are no conditions: the linter says so, and it is right."""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _chosen():
    """Every fourth case of the parity set, and all of this directory's own."""
    found = {f"own-{_slug(name)}": build for name, build in {**WORKFLOWS, **ODD}.items()}
    for case in [case for case in CASES if case.fact not in NOT_FOR_ARGO][::4]:
        found[f"parity-{_slug(case.fact + ' ' + case.what)}"] = case.build
    return found


CHOSEN = _chosen()
SECRETS = {"token": "t0ken-of-the-server", "secret_key": "s3cret-key-of-the-store", "access_key": "acc3ss-key"}


@pytest.fixture(autouse=True)
def _configured_secrets(monkeypatch):
    """Secrets are configured while manifests are made; none may be in one. The directory is the same everywhere."""
    monkeypatch.chdir("/")
    monkeypatch.setitem(config, "token", SECRETS["token"])
    monkeypatch.setitem(s3_config, "secret_key", SECRETS["secret_key"])
    monkeypatch.setitem(s3_config, "access_key", SECRETS["access_key"])


def _text(name: str) -> str:
    made = export(compile_workflow(CHOSEN[name]()))
    return to_yaml([made.manifest, *made.documents])


@pytest.mark.parametrize("name", CHOSEN)
def test_the_manifest_is_the_one_that_is_kept(name):
    file = GOLDEN / f"{name}.yaml"
    text = _text(name)
    assert text == _text(name), "it must be the same each time"
    if os.environ.get("DFLOW_UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.is_file(), f"there is no golden manifest {file.name}; set DFLOW_UPDATE_GOLDEN=1 to write it"
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CHOSEN)
def test_the_linter_has_nothing_against_it(name):
    text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
    assert [str(f) for f in lint_text(text, secrets=SECRETS.values()) if f.severity.name == "ERROR"] == []


def test_there_are_enough_of_them_and_none_is_left_over():
    assert len(CHOSEN) >= 40
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(CHOSEN)


def test_no_golden_manifest_holds_a_secret():
    for file in GOLDEN.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert not [value for value in SECRETS.values() if value in text], file.name


def test_the_scan_for_secrets_finds_one():
    text = (GOLDEN / "own-container.yaml").read_text(encoding="utf-8")
    spoiled = text.replace("alpine:3.20", f"alpine:{SECRETS['token']}")
    assert spoiled != text
    assert "X-17" in {finding.rule for finding in lint_text(spoiled, secrets=SECRETS.values())}


def test_another_process_writes_the_same_bytes():
    """Nothing hangs on the order of sets, which is another in each process."""
    names = [name for name in CHOSEN if name.startswith("own-")][:6]
    program = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[3] / 'parity')]!r}\n"
        "from odd_workflows import ODD\n"
        "from workflows import WORKFLOWS\n"
        "WORKFLOWS.update(ODD)\n"
        "from dflow.compile import compile_workflow\n"
        "from dflow.exporters.argo.export import export, to_yaml\n"
        f"for name in {[name[4:].replace('-', '_') for name in names]!r}:\n"
        "    sys.stdout.write(to_yaml([export(compile_workflow(WORKFLOWS[name]())).manifest]))\n"
    )
    texts = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1] == "".join((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8") for name in names)
