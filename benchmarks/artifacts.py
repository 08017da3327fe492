"""Time five steps that pass an artifact on, with one of 500 MB against one of a byte: locally, size costs nothing.

    python benchmarks/artifacts.py [--repetitions N] [--json FILE]

The two take turns, each in a process of its own. The disk is what the run and the upload take beyond the file itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate

DATA = {"data": Artifact(Path)}
SIZES = {"one byte": 1, "500 MB": 500_000_000}


def main() -> int:
    """Measure, and print a table."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(int(sys.argv[2]))))
        return 0
    parser = argparse.ArgumentParser(description="Time five steps that pass a large artifact on.")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="of each measurement (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    options = parser.parse_args()
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in SIZES}
    for turn in range(options.repetitions):
        for name in SIZES if turn % 2 == 0 else reversed(SIZES):
            command = [sys.executable, __file__, "--measure", str(SIZES[name])]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            samples[name].append(json.loads(done.stdout.splitlines()[-1]))
    print("| artifact | five steps | disk |\n|---|---|---|")
    for name, of in samples.items():
        seconds = statistics.median(sample["seconds"] for sample in of)
        print(f"| {name} | {seconds * 1000:.0f} ms | {max(sample['disk'] for sample in of) / 1000:.0f} kB |")
    if options.json:
        options.json.write_text(json.dumps(samples, indent=1) + "\n", encoding="utf-8")
    return 0


@OP.function
def pass_on(data: Artifact(Path)) -> DATA:
    """Give what it was given."""
    return {"data": data}


def measured(size: int) -> dict[str, float]:
    """Run the five steps in this process; seconds of the submit, and bytes on the disk."""
    with tempfile.TemporaryDirectory(prefix="dflow-artifacts-") as folder:
        os.chdir(folder)
        with Path("big").open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)
        known = Path("big").stat().st_ino
        wf, source = Workflow("chain"), upload_artifact("big")
        for number in range(5):
            step = Step(f"s{number}", PythonOPTemplate(pass_on, image=""), artifacts={"data": source})
            wf.add(step)
            source = step.outputs.artifacts["data"]
        begin = time.perf_counter()
        wf.submit()
        seconds = time.perf_counter() - begin
        found = [path.lstat() for path in Path().rglob("*") if not path.is_dir() or path.is_symlink()]
        disk = sum({f.st_ino: f.st_blocks * 512 for f in found if f.st_ino != known}.values())
        os.chdir("/")
    return {"seconds": seconds, "disk": disk}


if __name__ == "__main__":
    sys.exit(main())
