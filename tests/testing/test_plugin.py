"""The plugin: what it offers to tests, what it gives back after them, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import tomllib

pytest_plugins = "pytester"


def test_the_fixtures_run_ops_and_workflows_in_directories_of_their_own(check, pytester):
    result = check(
        """
def test_op(run_op, tmp_path):
    outputs = run_op(repeat, n=1, data="x")
    assert outputs == {"count": 1, "out": outputs["out"]}
    assert tmp_path in outputs["out"].parents

def test_workflow(run_workflow, dflow_dir, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = run_workflow(repeating())
    assert_phases(run, {"repeat": "Succeeded"})
    assert_outputs(run.step("repeat"), count=2, out="x\\nx\\n")
    assert run.path.parent == dflow_dir
    assert (dflow_dir / "upload").is_dir()

@parametrize_slices(n=[1, 2], data=["a", "b"])
def test_slice(slice_inputs, run_op):
    assert run_op(repeat, slice_inputs).text("out") == slice_inputs["data"] * slice_inputs["n"]
""",
        "-v",
    )
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_slice?n=1-data=a? PASSED*"])
    assert sorted(p.name for p in pytester.path.iterdir() if not p.name.startswith((".", "__"))) == ["test_it.py"]


def test_a_failure_shows_the_difference_and_no_frame_of_dflow(check):
    result = check("""
def test_texts(run_op):
    assert_outputs(run_op(repeat, n=2, data="line\\n"), count=3, out="line\\nlime\\n")

def test_equal(run_op):
    assert run_op(repeat, n=2, data="line\\n") == {"count": 3, "out": b"line"}

def test_error(run_op):
    run_op(repeat, n=-1, data="")
""")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E       AssertionError: outputs differ (- expected, + as they are)",
            "E       count:",
            "E       - 3",
            "E       + 2",
            "E       --- expected",
            "E       +++ out",
            "E       -lime",
            "E       +line",
            "E       AssertionError: assert outputs differ (- right, + left)",
            "E         - 4 bytes; at 4: b'line'",
            "E         + 10 bytes; at 4: b'line\\nline\\n'",
            "E  *FatalError: n is -1",
        ]
    )
    assert "api/testing" not in result.stdout.str()
    assert "dflow/testing" not in result.stdout.str().replace("dflow/testing/comparing", "")


def test_a_workflow_that_fails_shows_its_steps_and_the_log(check):
    result = check("""
def test_it(run_workflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_workflow(repeating(-1))

def test_expected(run_workflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "n is -1" in run_workflow(repeating(-1), expect="Failed").step("repeat").message

def test_not_expected(run_workflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_workflow(repeating(1), expect="Failed")
""")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "E       *UnexpectedPhase: workflow w-* ended Failed; expected was Succeeded",
            "E         Failed     repeat  FatalError: n is -1",
            "E*raise FatalError(*",
            "*UnexpectedPhase: workflow w-* ended Succeeded; expected was Failed",
        ]
    )


def test_settings_are_those_of_before_after_each_test(check):
    result = check("""
from dflow import config, s3_config

@pytest.fixture(scope="module", autouse=True)
def of_the_module():
    config["namespace"] = "mine"

def test_change():
    config.update(mode="argo", extra=1, namespace="other")
    s3_config["endpoint"] = "elsewhere"

def test_back():
    assert config["mode"] == "debug" and "extra" not in config
    assert config["namespace"] == "mine"
    assert s3_config["endpoint"] == "127.0.0.1:9000"
""")
    result.assert_outcomes(passed=2)


def test_settings_of_a_test_that_is_the_first_to_load_dflow_are_given_back(pytester, plugin, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))
    pytester.makepyfile(
        "def test_a():\n    from dflow import config\n    config['mode'] = 'argo'\n"
        "def test_b():\n    from dflow import config\n    assert config['mode'] == 'debug'\n"
    )
    pytester.runpytest_subprocess(*plugin).assert_outcomes(passed=2)


@pytest.mark.waiting
def test_it_is_found_by_pytest_once_it_is_installed_and_can_be_left_out(pytester, monkeypatch, project_root):
    entry = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert entry == {"dflow": "dflow.testing.plugin"}
    package = pytester.path / "installed" / "plugin-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[pytest11]\ndflow = dflow.testing.plugin\n")
    monkeypatch.setenv("PYTHONPATH", ":".join([str(package.parent), *(p for p in sys.path if p)]))
    pytester.makepyfile("def test_it(dflow_dir): assert dflow_dir.is_dir()")
    monkeypatch.delenv("CI", raising=False)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    result = pytester.runpytest_subprocess("-p", "no:dflow")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'dflow_dir' not found"])


def test_files_that_are_recorded_are_no_tests(check, pytester):
    folder = pytester.path / "__dflow__" / "x"
    folder.mkdir(parents=True)
    (folder / "test_recorded.py").write_text("raise RuntimeError\n")
    check("def test_it(): pass\n").assert_outcomes(passed=1)


@pytest.mark.waiting
def test_tests_can_run_in_several_processes(check, pytester):
    pytest.importorskip("xdist")
    source = """
@pytest.mark.parametrize("n", range(3))
def test_op(run_op, n):
    assert run_op(repeat, n=n, data="x", record=True)["count"] == n

@pytest.mark.dflow_offline
def test_workflow(run_workflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_outputs(run_workflow(repeating(), replay=["repeat"]).step("repeat"), count=2)
"""
    check(source, "-p", "xdist", "-n", "2", apart=True).assert_outcomes(passed=4)
    assert len(list((pytester.path / "__dflow__").rglob("record.json"))) == 4
    check(None, "--dflow-record=none").assert_outcomes(passed=4)


def test_a_wrong_mode_is_named(check, pytester):
    result = check("def test_it(): pass\n", "--dflow-record", "test_it.py")
    result.stderr.fnmatch_lines(["*'test_it.py' is no mode; write --dflow-record=missing|all|none, or put*"])
    (pytester.path / "pytest.ini").write_text("[pytest]\ndflow_record = some\n")
    result = check(None)
    result.stderr.fnmatch_lines(["*dflow_record = some: it must be one of missing, all, none*"])


def test_loading_it_loads_nothing_of_the_engine_and_takes_no_time():
    """The module in an interpreter that has pytest already, as when pytest starts."""
    program = (
        "import pytest, sys, time, json\nbefore = set(sys.modules)\nbegan = time.perf_counter()\n"
        "import dflow.testing.plugin\ntook = time.perf_counter() - began\n"
        "print(json.dumps([took, sorted(set(sys.modules) - before)]))"
    )

    def load():
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    took, loaded = min(load() for _ in range(3))
    assert {name for name in loaded if name.startswith("dflow")} == {
        "dflow", "dflow.testing", "dflow.testing.current", "dflow.testing.plugin"
    }  # fmt: skip
    assert took < 0.1


def test_lists_and_dicts_in_settings_are_given_back_as_well(check):
    source = """
from dflow.config import config, s3_config

def test_one():
    config["observers"].append("x")
    config["lists"] = {"a": []}
    s3_config["extra"] = {"b": 1}

def test_other():
    assert config["observers"] == [] and "lists" not in config and not s3_config.get("extra")
"""
    check(source).assert_outcomes(passed=2)
