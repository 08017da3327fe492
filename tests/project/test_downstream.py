"""Packages of others that use dflow, with this package in upstream's place.

Each environment has the wheel of this checkout and packages from the package index, as ``pip install`` resolves them:
pip takes ours for the ``pydflow`` that they ask for. What they offer without a simulation code at hand is run.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
SCRIPTS = HERE / "downstream"
NEVER = ("torch", "tensorflow", "deepmd-kit", "jax", "nvidia-cublas-cu12")  # gigabytes that nothing here needs
ALUMINIUM = "Al\n1.0\n4.05 0 0\n0 4.05 0\n0 0 4.05\nAl\n4\nDirect\n0 0 0\n0 0.5 0.5\n0.5 0 0.5\n0.5 0.5 0\n"


def _environment_of(environments, built, folder, packages, alone=()):
    """An environment with our wheel and packages; those of ``alone`` without what they ask for."""
    environment = environments.make(folder / "venv")
    (folder / "never.txt").write_text("".join(f"{name}<0\n" for name in NEVER))
    environment.pip("install", "-q", "-c", str(folder / "never.txt"), str(built.wheel), *packages)
    assert "No broken requirements found" in environment.pip("check")
    if alone:
        environment.pip("install", "-q", "--no-deps", *alone)
    return environment


@pytest.fixture(scope="module")
def dpgen2(environments, built, tmp_path_factory):
    """dpgen2 and fpop as they are; rid-kit and dflow-galaxy pin versions that no new Python has, and come alone."""
    asked = ["dpgen2", "fpop", "dflow-hello", "dflow-phonon", "ase", "scikit-learn", "matplotlib"]
    alone = ["rid-kit", "mdtraj", "parmed", "pandas", "threadpoolctl"]
    return _environment_of(environments, built, tmp_path_factory.mktemp("dpgen2"), asked, alone)


@pytest.fixture(scope="module")
def apex(environments, built, tmp_path_factory):
    return _environment_of(environments, built, tmp_path_factory.mktemp("apex"), ["apex-flow", "ase"])


@pytest.fixture
def environment(request):
    return request.getfixturevalue(request.param)


def _walk(environment, package, folder):
    ended = environment.run("python", str(SCRIPTS / "walk.py"), package, folder=folder)
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("WALKED ")]
    return json.loads(line.removeprefix("WALKED "))


@pytest.mark.parametrize("environment", ["dpgen2", "apex"], indirect=True)
def test_pip_keeps_this_package_as_pydflow(environment, built):
    version = built.wheel.name.split("-")[1]
    assert f"Version: {version}\n" in environment.pip("show", "pydflow")


@pytest.mark.parametrize(
    ("environment", "package", "least"),
    [
        ("dpgen2", "dpgen2", 100),
        ("dpgen2", "fpop", 9),
        ("dpgen2", "dflow_hello", 2),
        ("dpgen2", "dflowphonon", 9),
        ("apex", "apex", 80),
    ],
    indirect=["environment"],
)
def test_every_module_of_a_package_can_be_imported(environment, package, least, tmp_path):
    walked = _walk(environment, package, tmp_path)
    assert walked["failed"] == {}
    assert len(walked["imported"]) >= least


def test_modules_of_rid_kit_can_be_imported_but_for_those_that_need_tensorflow(dpgen2, tmp_path):
    walked = _walk(dpgen2, "rid", tmp_path)
    other = {name: why for name, why in walked["failed"].items() if "No module named 'tensorflow'" not in why}
    assert other == {}
    assert len(walked["imported"]) >= 60


@pytest.mark.parametrize(
    ("environment", "command", "told"),
    [
        ("dpgen2", "dpgen2", "DPGEN2"),
        ("dpgen2", "dpgen2 submit", "CONFIG"),
        ("dpgen2", "dpgen2 status", "ID"),
        ("dpgen2", "dpgen2 showkey", "ID"),
        ("apex", "apex", "Alloy Properties EXplorer"),
        ("apex", "apex submit", "local debug mode"),
        ("apex", "apex get", "usage"),
    ],
    indirect=["environment"],
)
def test_the_help_of_a_command_is_shown(environment, command, told, tmp_path):
    ended = environment.run(*command.split(), "--help", folder=tmp_path)
    assert told.lower() in ended.stdout.lower()


def test_steps_of_fpop_run_with_a_calculator_of_the_users_own(dpgen2, tmp_path):
    ended = dpgen2.run("python", str(SCRIPTS / "fpop_emt.py"), folder=tmp_path)
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["keys"] == ["prep-fp", "run-fp-000000", "run-fp-000001", "run-fp-000002"]
    assert told["energies"] == [0.09, -0.027, 0.121]  # of ASE's EMT, at 3.5, 3.6 and 3.7 Å


def test_apex_computes_an_equation_of_state_in_its_debug_mode(apex, tmp_path):
    """Relaxation and property, with ASE's EMT behind LAMMPS's files, and the results that APEX fetches."""
    structure = tmp_path / "confs" / "std-fcc"
    structure.mkdir(parents=True)
    (structure / "POSCAR").write_text(ALUMINIUM)
    (tmp_path / "Al.eam.alloy").write_text("not read\n")
    shutil.copy(SCRIPTS / "lammps_of_ase.py", tmp_path)
    parameters = {
        "structures": ["confs/std-*"],
        "interaction": {"type": "eam_alloy", "model": "Al.eam.alloy", "type_map": {"Al": 0}},
        "relaxation": {"cal_setting": {"etol": 0, "ftol": 1e-10, "maxiter": 5000, "maximal": 500000}},
        "properties": [{"type": "eos", "vol_start": 0.9, "vol_end": 1.1, "vol_step": 0.05}],
    }
    command = f"{apex.python} {tmp_path / 'lammps_of_ase.py'}"
    settings = {"lammps_run_command": command, "lammps_image_name": "none", "apex_image_name": "none"}
    (tmp_path / "param.json").write_text(json.dumps(parameters))
    (tmp_path / "global.json").write_text(json.dumps(settings))
    ended = apex.run("apex", "submit", "-d", "param.json", "-c", "global.json", folder=tmp_path, HOME=str(tmp_path))
    assert re.search(r"Workflow \S+ Succeeded", ended.stdout + ended.stderr)
    curve = json.loads((structure / "eos_00" / "result.json").read_text())
    energies = [curve[volume] for volume in sorted(curve, key=float)]
    assert len(energies) == 5
    assert min(energies) == energies[2]  # the cell was relaxed first
