"""The first lines of job scripts, from dpdispatcher: it knows the words of each scheduler for its dictionaries.

It is called in a process of its own, in a directory of its own: to import it makes files, takes hold of standard
output, and seeds the random numbers of the whole process.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["head_of"]

_log = logging.getLogger("dflow.executors")
_PATIENCE = 60.0
_MISSING = 3
_PROGRAM = """
import json, os, sys
from types import SimpleNamespace
said, sys.stdout = sys.stdout, sys.stderr
wanted = json.load(sys.stdin)
try:
    from dpdispatcher import Machine, Resources
except ImportError as exc:
    print(exc, file=sys.stderr)
    sys.exit(3)
machine = Machine.load_from_dict(
    {"batch_type": wanted["batch_type"], "context_type": "LazyLocalContext", "local_root": "./"}
)
odd = ""
try:
    Resources.arginfo(detail_kwargs=False).check_value(wanted["resources"], strict=True)
except Exception as exc:
    odd = str(exc)
resources = Resources.load_from_dict(wanted["resources"])
job = SimpleNamespace(resources=resources, job_hash="", job_id="", job_task_list=[], fail_count=0)
head = machine.gen_script_header(job) + "\\n" + machine.gen_script_custom_flags_lines(job)
json.dump([head, odd], said)
said.flush()
os._exit(0)
"""
_ARRAYS = {"SlurmJobArray": "Slurm"}
_OWN = ("#$ -N", "#$ -cwd", "#BSUB -o ", "#BSUB -e ")
_ONCE = {
    "Slurm": "#SBATCH --no-requeue",
    "PBS": "#PBS -r n",
    "Torque": "#PBS -r n",
    "LSF": "#BSUB -rn",
    "SGE": "#$ -r n",
}


def head_of(batch_type: str, resources: Mapping[str, Any], python: str = sys.executable) -> tuple[str, ...]:
    """The lines that say what a job asks for, the first of them what runs it.

    Raises:
        ConfigError: dpdispatcher does not take the resources; with its words.
        MissingExtra: it is not installed.
    """
    kind = _ARRAYS.get(batch_type, batch_type)
    wanted = json.dumps({"batch_type": kind, "resources": dict(resources)})
    with tempfile.TemporaryDirectory(prefix="dflow-") as place:
        done = subprocess.run(
            [python, "-c", _PROGRAM],
            input=wanted,
            capture_output=True,
            text=True,
            cwd=place,
            env={**os.environ, "HOME": place},
            timeout=_PATIENCE,
            check=False,
        )
    if done.returncode == _MISSING:
        raise MissingExtra("DispatcherExecutor needs dpdispatcher: pip install 'pydflow[hpc]'")
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise ConfigError(f"dpdispatcher does not take the resources: {lines[-1] if lines else 'it says nothing'}")
    head, odd = json.loads(done.stdout)
    if odd:
        _log.warning("resources_dict: %s; dpdispatcher does not use that", " ".join(odd.split()))
    lines = [line for line in head.splitlines() if line.strip() and not line.startswith(_OWN)]
    first = [] if lines and lines[0].startswith("#!") else ["#!/bin/bash -l"]
    return (*first, *lines, *([_ONCE[kind]] if kind in _ONCE else []))
