"""What a server does before it forks leaves no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
sys.path[:0] = {path!r}
from dflow.python.runtime import rehearsal
ran = []
real = rehearsal.main
rehearsal.main = lambda *a: ran.append(real(*a))
rehearsal.rehearse()
print(ran, sum(name.startswith("dflow-") and name.endswith("-" + str(os.getpid())) for name in os.listdir("/dev/shm")))
"""
KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from dflow.python.runtime import rehearsal
def killed(*a):
    open(a[0][1] + "/outputs.tmp", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
rehearsal.main = killed
rehearsal.rehearse()
"""


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a directory in memory")
def test_a_rehearsal_runs_a_step_and_leaves_nothing():
    import dflow

    code = CODE.format(path=[str(Path(next(iter(dflow.__path__))).parent)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[0] * 9} 0\n"
    assert done.stderr == ""


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a directory in memory")
def test_what_a_killed_one_leaves_is_removed_by_a_later_one_but_not_while_it_may_go_on():
    import dflow

    path = [str(Path(next(iter(dflow.__path__))).parent)]

    def rehearse(code: str = CODE) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", code.format(path=path)], stdout=subprocess.DEVNULL)
        process.wait()
        return process

    killed = rehearse(KILLED)
    assert killed.returncode == -9
    left = Path(f"/dev/shm/dflow-rehearsal-{os.geteuid()}-{killed.pid}")
    assert sorted(entry.name for entry in left.iterdir()) == ["inputs", "outputs.tmp"]
    rehearse()
    assert left.is_dir()
    os.utime(left, (1, 1))
    live = left.with_name(f"dflow-rehearsal-{os.geteuid()}-{os.getpid()}")
    live.mkdir()
    os.utime(live, (1, 1))
    try:
        rehearse()
        assert live.is_dir()
        assert not left.exists()
    finally:
        live.rmdir()
