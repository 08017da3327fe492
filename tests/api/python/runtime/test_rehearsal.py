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
print(ran, os.listdir("/dev/shm").count("dflow-" + str(os.getpid())))
"""


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a directory in memory")
def test_a_rehearsal_runs_a_step_and_leaves_nothing():
    import dflow

    code = CODE.format(path=[str(Path(next(iter(dflow.__path__))).parent)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[0] * 9} 0\n"
    assert done.stderr == ""
