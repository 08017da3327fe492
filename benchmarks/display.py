"""What the display of a run in a terminal costs: the same fan-out in a pseudo terminal, with it and without, in turn.

    python benchmarks/display.py [--slices 10000] [--repetitions 5] [--json FILE]

README.md says what is measured. Exits 1 when the display took 2 % of the time of a run or more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WANTED = 2.0  # per cent
MODES = ("none", "live")
CASE = Path(__file__).resolve().with_name("cases") / "displayed.py"


def main() -> int:
    """Measure in turn, print each run and the medians."""
    parser = argparse.ArgumentParser(description="What the display of a run in a terminal costs.")
    parser.add_argument("--slices", type=int, default=10_000, metavar="N", help="how many (10000)")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="runs with, and as many without (5)")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the run directories go (the temporary one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory(prefix="dflow-display-", dir=options.workdir) as parent:
        for number in range(options.repetitions):
            for mode in MODES if number % 2 == 0 else MODES[::-1]:
                found[mode].append(measured(mode, options.slices, Path(parent) / f"{number}-{mode}"))
                texts = (f"{name} {value:.3f}" for name, value in found[mode][-1].items())
                print(f"{mode:5}", "  ".join(texts), file=sys.stderr, flush=True)
    share = report(found)
    if options.json:
        options.json.write_text(json.dumps({"slices": options.slices, "runs": found}, indent=1) + "\n")
    return int(share >= WANTED)


def measured(mode: str, slices: int, folder: Path) -> dict[str, float]:
    """One run."""
    folder.mkdir()
    command = [sys.executable, str(CASE), str(slices), "--progress", mode]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    result: dict[str, float] = json.loads(done.stdout)
    del result["status"]
    return result


def report(found: dict[str, list[dict[str, float]]]) -> float:
    """Print the medians; the per cent of a run's time that the display took."""
    for name in ("wall", "main_cpu", "cpu"):
        none, live = (statistics.median(run[name] for run in found[mode]) for mode in MODES)
        print(f"{name:9} without {none:7.2f} s  with {live:7.2f} s  {live / none - 1:+.1%}")
    share = statistics.median(run["display_share"] for run in found["live"])
    print(f"processor time of the display: {share:.2f} % of the time of a run; wanted: less than {WANTED:g} %")
    return share


if __name__ == "__main__":
    sys.exit(main())
