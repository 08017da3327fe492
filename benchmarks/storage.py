"""Time our S3 client against the minio client's own transfers, at a real server that this starts.

    python benchmarks/storage.py [--quick] [--repetitions N] [--json FILE]

One large file up and down, and many small ones: ours from as many threads as the client stands, minio's in a loop,
which is how it is mostly used. Each measurement is a process of its own; the two contenders take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SERVICES = Path(__file__).parents[1] / "tests" / "services"
BUCKET = "benchmark"
SMALL = 4096
ACTIONS = ("up", "down", "many up", "many down")


def main() -> int:
    """Measure, and print a table."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(*sys.argv[2:])))
        return 0
    options = parse()
    sys.path.insert(0, str(SERVICES))
    from s3_server import S3Server, why_not  # noqa: PLC0415 - of the tests, where it is known now

    if reason := why_not():
        print(f"skipped: {reason}")
        return 0
    size, count = (500_000_000, 100) if options.quick else (2_000_000_000, 1000)
    repetitions = options.repetitions or (1 if options.quick else 3)
    place = Path(tempfile.mkdtemp(prefix="dflow-storage-", dir=options.workdir))
    try:
        with S3Server() as server:
            prepare(place, server.endpoint, size, count)
            samples = samples_of(place, server.endpoint, repetitions)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(table(samples, size, count))
    if options.json:
        text = json.dumps({"size": size, "count": count, "cores": os.cpu_count(), "samples": samples}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time our S3 client against the minio client's own transfers.")
    parser.add_argument("--quick", action="store_true", help="500 MB and 100 files, once: about a minute")
    parser.add_argument("--repetitions", type=int, metavar="N", help="of each measurement (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the files go (the temporary directory)")
    return parser.parse_args()


def prepare(place: Path, endpoint: str, size: int, count: int) -> None:
    """Make the files and the bucket, and let the server warm up."""
    block = os.urandom(1_000_000)
    with (place / "large").open("wb") as stream:
        for number in range(size // len(block)):
            stream.write(number.to_bytes(8, "big") + block[8:])
    (place / "small").mkdir()
    for number in range(count):
        (place / "small" / f"{number}").write_bytes(os.urandom(SMALL))
    client = minio_of(endpoint)
    client.make_bucket(BUCKET)
    client.fput_object(BUCKET, "warm", str(place / "small" / "0"))
    client.fput_object(BUCKET, "warm in parts", str(place / "large"), part_size=16 << 20)  # makes a pool of its own
    client.remove_object(BUCKET, "warm in parts")


def samples_of(place: Path, endpoint: str, repetitions: int) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Seconds and megabytes of memory, by action and contender."""
    samples: dict[str, dict[str, list[dict[str, float]]]] = {}
    for action in ACTIONS:
        of = samples.setdefault(action, {"ours": [], "minio": []})
        for turn in range(repetitions):
            for who in ("ours", "minio") if turn % 2 == 0 else ("minio", "ours"):
                command = [sys.executable, __file__, "--measure", who, action, endpoint, str(place)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                of[who].append(json.loads(done.stdout))
                print(f"{action:10} {who:6} {of[who][-1]['seconds']:.2f} s", file=sys.stderr, flush=True)
    return samples


def measured(who: str, action: str, endpoint: str, place: str) -> dict[str, float]:
    """Do one thing in this process; after a first request, which makes and loads what is needed."""
    transfer = (Ours if who == "ours" else Theirs)(endpoint)
    transfer.one("up", "warm", f"{place}/small/0")
    keys = ["large"] if "many" not in action else sorted(path.name for path in Path(place, "small").iterdir())
    folder = Path(place, "small") if "many" in action else Path(place)
    direction = action.removeprefix("many ")
    if direction == "down":
        folder = Path(place, "back")
        folder.mkdir(exist_ok=True)
    begin = time.perf_counter()
    transfer.every(direction, [(f"{who}/{key}", str(folder / key)) for key in keys])
    seconds = time.perf_counter() - begin
    if direction == "down":
        shutil.rmtree(folder)
    return {"seconds": seconds, "memory": peak_memory()}


def peak_memory() -> float:
    """Megabytes; that of the process alone, as getrusage counts what its parent had too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000


def minio_of(endpoint: str) -> Any:
    """The other client."""
    from minio import Minio  # noqa: PLC0415 - loaded by who uses it

    return Minio(endpoint, "minioadmin", "minioadmin", secure=False)


class Ours:
    """Our client, with all the threads it stands."""

    def __init__(self, endpoint: str) -> None:
        from dflow.storage.s3 import S3Client, S3Settings  # noqa: PLC0415 - loaded by who uses it

        keys = {"access_key": "minioadmin", "secret_key": "minioadmin"}
        self._client = S3Client(S3Settings(endpoint=endpoint, bucket=BUCKET, **keys))

    def one(self, direction: str, key: str, path: str) -> None:
        """Send or receive a file."""
        (self._client.upload if direction == "up" else self._client.download)(key, path)

    def every(self, direction: str, pairs: list[tuple[str, str]]) -> None:
        """Send or receive files."""
        with ThreadPoolExecutor(self._client.parallel) as pool:
            for _ in pool.map(lambda pair: self.one(direction, *pair), pairs):
                pass


class Theirs:
    """The minio client, one file after the other."""

    def __init__(self, endpoint: str) -> None:
        self._client = minio_of(endpoint)

    def one(self, direction: str, key: str, path: str) -> None:
        """Send or receive a file."""
        (self._client.fput_object if direction == "up" else self._client.fget_object)(BUCKET, key, path)

    def every(self, direction: str, pairs: list[tuple[str, str]]) -> None:
        """Send or receive files."""
        for pair in pairs:
            self.one(direction, *pair)


def table(samples: dict[str, dict[str, list[dict[str, float]]]], size: int, count: int) -> str:
    """Medians; the ratio is that of the throughputs, so that more than 1 is in favour of ours."""
    lines = ["| transfer | ours | minio | ratio | memory, ours | memory, minio |", "|---|---|---|---|---|---|"]
    for action, of in samples.items():
        seconds = {who: statistics.median(sample["seconds"] for sample in of[who]) for who in of}
        memory = {who: max(sample["memory"] for sample in of[who]) for who in of}
        amount, unit = (count, "files/s") if "many" in action else (size / 1e6, "MB/s")
        what = f"{count} x 4 KiB {action.removeprefix('many ')}" if "many" in action else f"{size / 1e9:g} GB {action}"
        lines.append(
            f"| {what} | {amount / seconds['ours']:.0f} {unit} | {amount / seconds['minio']:.0f} {unit} "
            f"| {seconds['minio'] / seconds['ours']:.2f} | {memory['ours']:.0f} MB | {memory['minio']:.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
