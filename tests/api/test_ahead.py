"""The server of steps that starts while the engine is imported: it is taken over, or ended, and never in the way."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import dflow
import pytest
from dflow import ShellOPTemplate, Step, Steps, Workflow, config, local, upload_packages
from dflow.ahead import server_ahead
from dflow.engine.errors import CompileError, LeaseHeld
from dflow.engine.layout import RunLayout
from dflow.engine.process import STEP_VARIABLE
from dflow.executors.first import First, is_possible, runtime_directory, start_ahead
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
from until import until

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Linux with pidfd")

LIBRARY = Path(next(iter(dflow.__path__)))
SEEDING = """
import uuid
from dflow.python import OP, OPIO, OPIOSign

ME = str(uuid.uuid4())

class Seeding(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign()

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"me": str, "found": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        import only_in_the_library
        return OPIO({"me": ME, "found": only_in_the_library.WORD})
"""


class Ancestors(OP):
    """Tells which processes it descends from, and where it has ``dflow`` from."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"wait_for": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"pids": list, "package": str, "word": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        import os
        import time
        from pathlib import Path

        import dflow

        pids = [os.getpid()]
        while pids[-1] > 1:
            pids.append(int(Path(f"/proc/{pids[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
        while op_in["wait_for"] and not Path(op_in["wait_for"]).exists():
            time.sleep(0.01)
        return OPIO({"pids": pids, "package": dflow.__path__[0], "word": os.environ.get("WORD", "")})


def workflow(name="ahead", wait_for="", **template):
    wf = Workflow(name)
    wf.add(Step("s", PythonOPTemplate(Ancestors, **template), parameters={"wait_for": wait_for}))
    return wf


def outputs(wf):
    assert wf.query_status() == "Succeeded"
    return {name: p.value for name, p in wf.query_step("s")[0].outputs.parameters.items()}


def descriptors():
    return {file.name for file in Path("/proc/self/fd").iterdir()}


@pytest.fixture(autouse=True)
def _nothing_is_left():
    """No child, no zombie, no descriptor."""
    before = descriptors()
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert descriptors() == before


def test_steps_descend_from_the_server_that_was_started_before_the_engine():
    wf = workflow()
    with server_ahead(detach=False) as server:
        local.submit(wf, False, server=server)
        assert [child.kind for child in server.children] == ["base", "op"]
    assert server.process.pid in outputs(wf)["pids"]


def test_a_run_takes_the_server_of_the_op_that_was_loaded_ahead(tmp_path):
    """The OP's module is imported once, so by nobody but the server that was asked for ahead."""
    (tmp_path / "counted.py").write_text(
        f"with open({str(tmp_path / 'imports')!r}, 'a') as f: f.write('x')\n" + SEEDING.replace("uuid.uuid4()", "uuid")
    )
    (tmp_path / "only_in_the_library.py").write_text("WORD = 'w'")
    sys.path.insert(0, str(tmp_path))
    try:
        from counted import Seeding  # type: ignore[import-not-found]

        (tmp_path / "imports").unlink()
        wf = Workflow("counted")
        wf.add(Step("s", PythonOPTemplate(Seeding)))
        wf.submit()
    finally:
        sys.path.remove(str(tmp_path))
        del sys.modules["counted"]
    assert outputs(wf)["found"] == "w"
    assert (tmp_path / "imports").read_text() == "x"


def test_variables_that_a_template_sets_are_seen_though_the_server_did_not_have_them():
    wf = workflow(envs={"WORD": "said"})
    wf.submit()
    assert outputs(wf)["word"] == "said"


def test_variables_that_are_set_while_the_server_starts_are_seen(monkeypatch):
    wf = workflow()
    with server_ahead(detach=False) as server:
        monkeypatch.setenv("WORD", "late")
        local.submit(wf, False, server=server)
    assert outputs(wf)["word"] == "late"
    assert server.process.pid in outputs(wf)["pids"]


def test_steps_that_each_load_their_op_find_what_is_in_the_library_of_the_run(tmp_path, monkeypatch):
    extras = tmp_path / "extras" / "only_in_the_library"
    extras.mkdir(parents=True)
    (extras / "__init__.py").write_text("WORD = 'found'")
    (tmp_path / "seeding.py").write_text(SEEDING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "seeding", None)
    del sys.modules["seeding"]
    from seeding import Seeding  # type: ignore[import-not-found]

    upload_packages.append(str(extras))
    try:
        wf = Workflow("seeding")
        wf.add([Step(f"s-{n}", PythonOPTemplate(Seeding)) for n in range(3)])
        wf.submit()
    finally:
        upload_packages.remove(str(extras))
    assert wf.query_status() == "Succeeded"
    steps = [step.outputs.parameters for step in wf.query_step("s-")]
    assert [p["found"].value for p in steps] == ["found"] * 3
    assert len({p["me"].value for p in steps}) == 3


@pytest.mark.parametrize("isolation", ["spawn", "warm", "inline"])
def test_no_server_is_started_where_nothing_is_to_be_forked(isolation):
    before, config["isolation"] = config["isolation"], isolation
    try:
        with server_ahead(detach=False) as server:
            assert server is None
        wf = workflow()
        wf.submit()
    finally:
        config["isolation"] = before
    assert wf.query_status() == "Succeeded"


def test_no_server_is_started_for_a_run_in_the_background():
    with server_ahead(detach=True) as server:
        assert server is None


def test_without_python_ops_the_runtime_is_not_loaded(run_script):
    done = run_script("""
        import sys
        from dflow import ShellOPTemplate, Step, Workflow
        from dflow.ahead import server_ahead
        with server_ahead(detach=False) as server:
            print(server.children)
        wf = Workflow("shell")
        wf.add(Step("s", ShellOPTemplate("t", script="echo from a shell")))
        wf.submit()
        """)
    assert done.stdout.splitlines()[0] == "[]"
    assert "Succeeded" in done.stdout


def test_a_workflow_that_cannot_run_leaves_no_server():
    wf = Workflow("wrong")
    wf.add(Step("s", PythonOPTemplate(Ancestors)))
    with pytest.raises(CompileError):
        wf.submit()


def test_a_run_that_somebody_else_has_leaves_no_server(tmp_path):
    wf = workflow()
    wf.id = "held"
    (tmp_path / "fail").touch()
    failing = Workflow("held", id="held")
    failing.add(Step("s", ShellOPTemplate("t", script="exit 1")))
    failing.submit()
    layout = RunLayout(tmp_path / "held")
    layout.lease.write_text('{"host": "elsewhere", "pid": 1, "start": "0", "fence": 1}')
    with pytest.raises(LeaseHeld):
        wf.submit()


def test_a_server_that_is_killed_before_the_run_begins_is_replaced():
    wf = workflow()
    with server_ahead(detach=False) as server:
        os.kill(server.process.pid, signal.SIGKILL)
        local.submit(wf, False, server=server)
    assert server.process.pid not in outputs(wf)["pids"]


def test_the_base_that_is_killed_before_the_run_begins_is_replaced():
    wf = workflow()
    with server_ahead(detach=False) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        until(children.read_text)
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        local.submit(wf, False, server=server)
    assert server.process.pid in outputs(wf)["pids"]


def test_a_server_of_another_package_is_not_taken(tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    wf, server = workflow(), start_ahead(tmp_path / "other", with_base=True)
    local.submit(wf, False, server=server)
    server.close()
    assert server.process.pid not in outputs(wf)["pids"]


def test_a_run_that_goes_on_keeps_the_package_of_its_library(tmp_path):
    wf = Workflow("kept", id="kept")
    entry = Steps("main")
    entry.add(Step("gate", ShellOPTemplate("t", script=f"test -e {tmp_path}/go")))
    entry.add(Step("s", PythonOPTemplate(Ancestors), parameters={"wait_for": ""}))
    wf.entrypoint = entry
    wf.submit()
    assert wf.query_status() == "Failed"
    shutil.copytree(LIBRARY, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    package = tmp_path / "kept" / ".dflow" / "lib" / "dflow"
    package.unlink()
    package.symlink_to(tmp_path / "other")
    (tmp_path / "go").touch()
    wf.submit()
    assert outputs(wf)["package"] == str(package)


def test_two_threads_submit_at_once_each_with_its_own_server(tmp_path):
    go, workflows = tmp_path / "go", [workflow(f"at-once-{n}", str(tmp_path / "go")) for n in range(2)]
    threads = [threading.Thread(target=wf.submit) for wf in workflows]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(list(tmp_path.glob("at-once-*/*/workdir"))) == 2)
    finally:
        go.touch()
        for thread in threads:
            thread.join()
    one, other = [outputs(wf)["pids"] for wf in workflows]
    assert one[-1] == other[-1]
    above = [pids[: pids.index(os.getpid())] for pids in (one, other)]
    assert not set(above[0]) & set(above[1])


def test_submit_inside_a_running_event_loop():
    wf = workflow()

    async def main():
        wf.submit()

    asyncio.run(main())
    assert outputs(wf)["pids"]


def test_a_server_that_cannot_be_started_leaves_nothing():
    with pytest.raises(FileNotFoundError):
        First("/nowhere/python", runtime_directory(""))


def test_a_server_is_given_once_and_only_to_who_needs_such_a_one():
    first = First(sys.executable, runtime_directory(""))
    assert not first.give("/another/python", runtime_directory(""))
    assert not first.give(sys.executable, Path("/another/dflow/python/runtime"))
    assert not first.give(sys.executable, runtime_directory(""), 5)
    first.close()
    assert not first.give(sys.executable, runtime_directory(""))


def test_a_server_that_cannot_be_watched_is_not_left_running():
    """With no descriptor left for its pidfd, which is the last that is made."""
    limits, spare = resource.getrlimit(resource.RLIMIT_NOFILE), []
    free = min(set(range(256)) - {int(name) for name in descriptors()})
    try:
        for more in range(1, 24):
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, limits[1]))
            try:
                spare.append(First(sys.executable, runtime_directory("")))
            except OSError:
                continue
            break
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(spare) == 1, "the last try had enough"
    spare[0].load_base(LIBRARY)
    spare[0].close()


def test_the_room_that_a_server_keeps_for_the_names_of_steps_is_cheap_to_search():
    """Whoever looks for the processes of a step splits that variable of every process."""
    first = First(sys.executable, runtime_directory(""))
    deadline, variables = time.monotonic() + 10, {}
    while STEP_VARIABLE.encode() not in variables and time.monotonic() < deadline:  # it may be just about to begin
        text = Path(f"/proc/{first.process.pid}/environ").read_bytes()
        variables = dict(v.partition(b"=")[::2] for v in text.split(b"\0"))
    first.close()
    entries = variables[STEP_VARIABLE.encode()].split(os.pathsep.encode())
    assert len(entries) == 2
    assert len(entries[1]) > 4096
