"""Wheel and sdist: what is in them, and that they work where there is no checkout and no package index.

``DFLOW_ARTEFACTS=full`` runs the whole suite of the sdist with the installed wheel; otherwise some of its folders.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import tarfile
import textwrap
import zipfile
from email.parser import Parser

import pytest

pytestmark = [pytest.mark.artefacts, pytest.mark.timeout(5400)]

LEFT_OUT = {
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".venv",
    ".git",
    "node_modules",
}
SOME = ["tests/api/python", "tests/cli", "tests/conformance", "tests/docs/test_compatibility.py", "tests/testing"]
CARRIED = ["README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "LICENSE.GPL"]


@pytest.fixture(scope="module")
def in_wheel(built):
    with zipfile.ZipFile(built.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """The sdist, as somebody unpacks it."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built.sdist) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def installed(built, environments, tmp_path_factory):
    """An environment made without an index, from a wheel house that was filled with one."""
    folder = tmp_path_factory.mktemp("offline")
    filler = environments.make(folder / "filler")
    house = folder / "wheelhouse"
    wheel = f"{built.wheel}[test,ui]"
    filler.pip("download", "-q", "--prefer-binary", "-d", str(house), wheel)
    environment = environments.make(folder / "venv")
    environment.pip("install", "-q", "--no-index", "--find-links", str(house), wheel)
    assert "No broken requirements found" in environment.pip("check")
    return environment


def _tree(source, built):
    """Every file of the packages in what was built, by its name in the package."""
    packages = source.pyproject["tool"]["setuptools"]["package-dir"]
    found = {}
    for package, folder in packages.items():
        root = built.source / folder
        for file in root.rglob("*"):
            if file.is_file() and not LEFT_OUT & set(file.relative_to(root).parts) and file.suffix != ".pyc":
                found[f"{package.replace('.', '/')}/{file.relative_to(root).as_posix()}"] = file.read_bytes()
    return found


def test_the_wheel_holds_the_files_of_the_packages_and_no_others(source, built, in_wheel):
    package = {name: data for name, data in in_wheel.items() if ".dist-info/" not in name}
    tree = _tree(source, built)
    assert sorted(package) == sorted(tree)
    assert [name for name, data in package.items() if data != tree[name]] == []
    assert {"dflow/py.typed", "dflow/ui/static/index.html", "dflow/exporters/argo/lint/schema.json"} <= set(package)


def test_the_metadata_of_the_wheel_is_that_of_the_project(source, in_wheel, built):
    info = next(name for name in in_wheel if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
    metadata = Parser().parsestr(in_wheel[f"{info}/METADATA"].decode())
    assert (metadata["Name"], metadata["License-Expression"]) == ("pydflow", "LGPL-3.0-or-later")
    assert (
        metadata["Version"] == built.wheel.name.split("-")[1] == built.sdist.name.removesuffix(".tar.gz").split("-")[1]
    )
    assert metadata["Requires-Python"] == source.pyproject["project"]["requires-python"]
    assert metadata.get_payload() == (built.source / "README.md").read_text()
    for licence in source.pyproject["project"]["license-files"]:
        assert in_wheel[f"{info}/licenses/{licence}"] == (built.source / licence).read_bytes()
    points = configparser.ConfigParser()
    points.read_string(in_wheel[f"{info}/entry_points.txt"].decode())
    assert dict(points["console_scripts"]) == source.pyproject["project"]["scripts"]


def test_the_sdist_holds_all_that_is_needed_to_test_it_and_nothing_of_a_workplace(source, built, unpacked):
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=source.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode == 0:
        wanted = {name for name in tracked.stdout.splitlines() if (built.source / name).is_file()}
        held = {file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()}
        made = {name for name in held if name in {"PKG-INFO", "setup.cfg"} or name.startswith("pydflow.egg-info/")}
        assert sorted(wanted - held) == []
        assert sorted(held - made - wanted) == []
    assert [name for name in CARRIED if not (unpacked / name).is_file()] == []
    assert [file for file in unpacked.rglob("*") if LEFT_OUT & set(file.relative_to(unpacked).parts)] == []


def test_a_wheel_from_the_sdist_is_the_wheel_from_the_tree(unpacked, in_wheel, installed, environments, tmp_path):
    builder = environments.make(tmp_path / "venv")
    builder.pip("wheel", "-q", "--no-deps", "-w", str(tmp_path / "again"), str(unpacked))
    (wheel,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        again = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    assert sorted(again) == sorted(in_wheel)
    assert [name for name in again if again[name] != in_wheel[name]] == []


def test_the_build_has_no_warnings_of_missing_or_doubtful_files(built):
    doubtful = ["no files found matching", "is absent from the `packages` configuration", "Deprecat"]
    assert [words for words in doubtful if words in built.said] == []


def test_the_installed_package_runs_a_workflow_and_its_commands(installed, built, tmp_path):
    (tmp_path / "flow.py").write_text(
        textwrap.dedent(
            """
            from dflow import Step, Workflow, config
            from dflow.python import OP, PythonOPTemplate

            config["mode"] = "debug"

            @OP.function
            def double(x: int) -> {"y": int}:
                return {"y": 2 * x}

            wf = Workflow("small")
            wf.add(Step("double", PythonOPTemplate(double, image="none"), parameters={"x": 21}))
            wf.submit()
            print("told", wf.query_step(name="double")[0].outputs.parameters["y"].value)
            """
        )
    )
    version = built.wheel.name.split("-")[1]
    assert installed.run("dflow", "--version", folder=tmp_path).stdout.strip() == f"pydflow {version}"
    where = installed.run("python", "-c", "import dflow; print(dflow.__file__)", folder=tmp_path).stdout
    assert where.startswith(str(installed.root))
    assert "told 42" in installed.run("dflow", "run", "flow.py", folder=tmp_path).stdout
    assert "small-" in installed.run("dflow", "list", folder=tmp_path).stdout
    assert "usage" in installed.run("python", "-m", "dflow.cli", "--help", folder=tmp_path).stdout.lower()


def test_a_users_script_is_type_checked_against_the_installed_package(installed, tmp_path):
    """``py.typed`` is there, so what is wrong in a script is found, and nothing in a right one."""
    (tmp_path / "right.py").write_text(
        "from dflow import Step, Steps, Workflow\n"
        "from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate\n\n\n"
        "def build(template: PythonOPTemplate) -> Workflow:\n"
        '    workflow = Workflow("w")\n'
        '    workflow.add(Step("s", template, parameters={"x": 1}))\n'
        "    return workflow\n"
    )
    (tmp_path / "wrong.py").write_text(
        'from dflow import Workflow\n\nWorkflow("w").submitt()\nx: int = Workflow("w").id\n'
    )
    right = installed.run("python", "-m", "mypy", "--strict", "right.py", folder=tmp_path)
    assert "Success" in right.stdout
    wrong = installed.run("python", "-m", "mypy", "--strict", "wrong.py", folder=tmp_path, check=False)
    assert 'has no attribute "submitt"' in wrong.stdout
    assert "wrong.py:4: error: Incompatible types" in wrong.stdout


def test_the_suite_of_the_sdist_passes_with_the_installed_package(installed, unpacked, tmp_path):
    """In a copy that has no packages of ours beside it but what tests read as text."""
    copy = tmp_path / "suite"
    shutil.copytree(unpacked, copy)
    whole = os.environ.get("DFLOW_ARTEFACTS") == "full"
    folders = [] if whole else [name for name in SOME if (copy / name).exists()]
    options = ["-q", "-n", "auto", "-p", "no:cacheprovider", *folders]
    ended = installed.run("python", "-m", "pytest", *options, folder=copy, check=False, seconds=5000)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert " passed" in ended.stdout
