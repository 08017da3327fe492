"""dflow new: a package of OPs whose own tests, checks and script pass as they are written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import tomllib
from dflow.cli.main import main


@pytest.fixture
def package(capsys):
    assert main(["new", "my-ops"]) == 0
    assert "my-ops: 13 files; OPs are in src/my_ops/ops.py" in capsys.readouterr().out
    return Path("my-ops").absolute()


def in_package(package, *command, **env):
    """A command in the package, with this dflow and the package to be imported."""
    places = [str(package / "src"), *(p for p in sys.path if p)]
    return subprocess.run(
        [sys.executable, "-m", *command] if command[0] != "-c" else [sys.executable, *command[1:]],
        cwd=package,
        env={**os.environ, "PYTHONPATH": ":".join(places), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def run_tests(package, **env):
    is_installed = any(entry.value == "dflow.testing.plugin" for entry in entry_points(group="pytest11"))
    plugin = "dflow" if is_installed else "dflow.testing.plugin"
    return in_package(package, "pytest", "-p", plugin, "-p", "no:cacheprovider", **env)


@pytest.mark.artefacts
def test_its_tests_record_once_and_pass_from_then_on_where_nothing_may_be_recorded(package):
    done = run_tests(package, CI="true")
    assert "RecordingMismatch: recording 'energies'" in done.stdout
    assert " 1 failed, 8 passed" in done.stdout
    done = run_tests(package, CI="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((package / "tests" / "__dflow__").rglob("record.json"))) == 3
    done = run_tests(package, CI="true")
    assert " 9 passed" in done.stdout, done.stdout + done.stderr


def test_its_script_runs_and_finds_the_minimum(package):
    done = in_package(package, "-c", "examples/find_minimum.py")
    assert "distance 1.124, energy -1.000" in done.stdout, done.stdout + done.stderr


def test_ruff_has_nothing_to_say():
    assert main(["new", "a" + "b" * 49]) == 0  # the longest name there may be
    package = Path("a" + "b" * 49).absolute()
    for command in (["check"], ["format", "--check"]):
        done = in_package(package, "ruff", *command, ".", "--no-cache")
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_mypy_has_nothing_to_say(package, project_root):
    import dflow

    place = Path(dflow.__path__[0]).parent
    here = {} if place.name == "site-packages" else {"MYPYPATH": str(place)}  # mypy finds what is installed by itself
    done = in_package(package, "mypy", "--cache-dir", os.devnull, **here)
    assert done.returncode == 0, done.stdout
    assert "no issues found in 3 source files" in done.stdout


def test_its_ops_are_registered_under_names_that_exist(package):
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"
    assert (package / "LICENSE").read_text().startswith("MIT License")
    for target in project["entry-points"]["dflow.ops"].values():
        module, _, name = target.partition(":")
        done = in_package(package, "-c", "-c", f"import {module}; {module}.{name}")
        assert done.returncode == 0, done.stderr


def test_place_names_and_license_can_be_chosen(capsys):
    words = ["new", "Cu.relax-2", "--dir", "work/here", "--name", "relax", "--license", "BSD-3-Clause", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["project"], told["module"], told["directory"]) == ("Cu.relax-2", "relax", "work/here")
    assert sorted(told["files"]) == sorted(
        str(p.relative_to("work/here")) for p in Path("work/here").rglob("*") if p.is_file()
    )
    assert Path("work/here/LICENSE").read_text().startswith("BSD 3-Clause")
    assert "from relax import" in Path("work/here/tests/test_ops.py").read_text()
    assert main(["new", "cu-relax", "--license", "none"]) == 0
    assert not Path("cu-relax/LICENSE").exists()
    assert "license" not in tomllib.loads(Path("cu-relax/pyproject.toml").read_text())["project"]
    assert "$" not in Path("cu-relax/.github/workflows/tests.yml").read_text().replace("${{ matrix.python }}", "")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["-my"], 2, None),
        (["my ops"], 2, "is no name of a project"),
        (["a/b"], 2, "give another place with --dir"),
        (["2d"], 2, "'2d' is no name that Python can import; give one with --name"),
        (["class"], 2, "'class' is no name that Python can import"),
        (["json"], 2, "'json' is a module of Python's own"),
        (["tests"], 2, "'tests' is the folder of the tests; give another name with --name"),
        (["PyDflow", "--name", "mine"], 2, "'PyDflow' is what pip knows dflow itself by; give another name"),
        (["pytest"], 2, "'pytest' is installed already"),
        (["x", "--name", "__main__"], 2, "'__main__' is no name that Python can import"),
        (["b" * 51], 2, "has more than 50 letters; give a shorter name with --name"),
        (["x", "--name", "a.b"], 2, "'a.b' is no name that Python can import"),
    ],
)
def test_names_that_cannot_be_are_refused(words, status, message, capsys):
    try:
        found = main(["new", *words])
    except SystemExit as exc:
        found = exc.code
    assert found == status
    assert message is None or message in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_nothing_is_overwritten(capsys):
    Path("my-ops").mkdir()
    Path("my-ops/README.md").write_text("mine")
    assert main(["new", "my-ops"]) == 1
    assert "my-ops is there already, with README.md in it; nothing was written" in capsys.readouterr().err
    assert [p.name for p in Path("my-ops").iterdir()] == ["README.md"]
    Path("other/.git").mkdir(parents=True)
    assert main(["new", "other"]) == 0


def test_what_was_written_is_removed_when_the_rest_cannot_be(monkeypatch, capsys):
    write = Path.write_text

    def full(self, *args, **kwargs):
        if self.name == "README.md":
            write(self, "half of")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, *args, **kwargs)

    Path("mine/.git").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        assert main(["new", "my-ops", "--dir", "mine"]) == 1
        assert main(["new", "my-ops", "--dir", "deep/er"]) == 1
    assert "cannot write mine: No space left on device; nothing of it was kept" in capsys.readouterr().err
    assert [str(path) for path in Path().rglob("*")] == ["mine", "mine/.git"]
    assert main(["new", "my-ops", "--dir", "mine"]) == 0


def test_folders_beside_it_are_no_installed_packages(monkeypatch):
    monkeypatch.syspath_prepend("")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("existing").mkdir()
    Path("elsewhere/spaced").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(Path("elsewhere").absolute()))
    assert main(["new", "existing"]) == 0
    assert main(["new", "spaced"]) == 0


@pytest.mark.artefacts
@pytest.mark.timeout(600)
def test_it_installs_beside_dflow_and_passes_its_tests_there(package, project_root, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q"]
    leave = shutil.ignore_patterns(".git", "build", "*.egg-info", ".*_cache", "__pycache__")
    checkout = shutil.copytree(project_root, tmp_path / "checkout", ignore=leave)  # pip leaves files where it builds
    subprocess.run([*install, str(checkout), f"{package}[test]"], check=True)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CI")}
    for command in (["pytest", "-q"], ["mypy"], ["ruff", "check", "."]):
        done = subprocess.run(
            [python, "-m", *command], cwd=package, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    code = "from dflow.python.registered import registered_ops; print(sorted(registered_ops()))"
    done = subprocess.run([python, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert "my-ops.find-minimum" in done.stdout
