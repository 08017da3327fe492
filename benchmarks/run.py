"""Time the same workflow scripts under this interpreter's dflow and under upstream's.

    python benchmarks/run.py [--quick] [--only NAME,...] [--upstream-python PATH | --no-upstream] [--json FILE]

README.md says what each case measures. Exits 1 when a run of ours failed or reached its time limit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from harness import floor, interpreters, process, report
from harness.measure import Bench
from harness.plan import CASES, NAMES, Plan


def main() -> int:
    """Measure, print the table while it grows, write the JSON."""
    options = parse()
    process.adopt_orphans()
    compared = [interpreters.ours()]
    if not options.no_upstream:
        compared.append(interpreters.upstream(options.upstream_python))

    parent = Path(tempfile.mkdtemp(prefix="dflow-benchmark-", dir=options.workdir))
    try:
        floors = floor.measure(parent / "floor", repetitions=10 if options.quick else 50)
        bench = Bench(compared, parent)
        bench.warm_up((str(CASES / "cold_start.py"), "1"), options.limit)
        rows = []
        for job in plan(options).jobs():
            row = report.Row(job, bench.measure(job))
            rows.append(row)
            print("  ".join(row.texts()[:5]), file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(parent, ignore_errors=True)

    print_report(rows, floors)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(rows, floors), indent=1) + "\n", encoding="utf-8")
    return int(any(not ours.samples or ours.failures or ours.limit for ours in (row.cells["ours"] for row in rows)))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time the same workflows under this dflow and under upstream's.")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repetition: a minute or two")
    parser.add_argument("--only", type=names, default=NAMES, metavar="NAME,...", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--upstream-python", type=Path, metavar="PATH", help="an interpreter with upstream installed")
    parser.add_argument("--no-upstream", action="store_true", help="measure ours alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--sizes", type=numbers, metavar="N,...", help="steps, ours (20,100,1000)")
    parser.add_argument("--upstream-sizes", type=numbers, metavar="N,...", help="steps, upstream (20,100)")
    parser.add_argument("--repetitions", type=int, metavar="N", help="runs of each workflow (3)")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="for one run (120)")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the run directories go (the temporary one)")
    return parser.parse_args()


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names of cases."""
    chosen = tuple(text.split(","))
    if unknown := [name for name in chosen if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"no case {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return chosen


def numbers(text: str) -> tuple[int, ...]:
    """Comma-separated numbers, all positive."""
    values = tuple(map(int, text.split(",")))
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"a workflow has at least one step, not {min(values)}")
    return values


def plan(options: argparse.Namespace) -> Plan:
    """The chosen cases with their sizes."""
    sizes = options.sizes or ((20,) if options.quick else (20, 100, 1000))
    theirs = options.upstream_sizes or ((20,) if options.quick else (20, 100))
    repetitions = options.repetitions or (1 if options.quick else 3)
    return Plan(options.only, sizes, () if options.no_upstream else theirs, repetitions, options.limit)


def print_report(rows: list[report.Row], floors: dict[str, float]) -> None:
    """The table, its legend, the import target, the floors, and the reasons of failed runs."""
    where = report.machine()
    print(
        f"\n{where['date']}, Python {where['python']}, {where['system']} {where['machine']}, {where['cores']} cores\n"
    )
    print(report.table(rows))
    print(f"\n{report.LEGEND}")
    for line in report.import_lines(rows):
        print(line)
    for name, seconds in floors.items():
        print(f"floor, {name}: {report.seconds_text(seconds)}")
    for row in rows:
        for label, cell in row.cells.items():
            for message in sorted(set(cell.failures)):
                print(f"failed: {row.job.case} {row.job.label}, {label}: {message}")


if __name__ == "__main__":
    sys.exit(main())
