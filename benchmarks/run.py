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

from harness import interpreters, process, readme, report, targets
from harness.measure import Bench
from harness.plan import CASES, NAMES, Plan


def main() -> int:
    """Measure, print a line for each finished job, then the tables; write the files that are asked for."""
    options = parse()
    process.adopt_orphans()
    contenders = [interpreters.ours(), interpreters.floor()]
    if not options.no_upstream:
        contenders.append(interpreters.upstream(options.upstream_python))

    parent = Path(tempfile.mkdtemp(prefix="dflow-benchmark-", dir=options.workdir))
    rows = []
    try:
        bench = Bench(contenders, parent)
        bench.warm_up((str(CASES / "cold_start.py"), "1"), options.limit)
        for job in plan(options).jobs():
            rows.append(report.Row(job, bench.measure(job)))
            print("  ".join(rows[-1].texts()), file=sys.stderr, flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(parent, ignore_errors=True)

    verdicts = targets.verdicts(rows)
    text = full_text(rows, verdicts, options)
    print(f"\n{text}")
    if options.json:
        results = report.as_json(rows, [verdict.as_json() for verdict in verdicts])
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.readme:
        readme.put(Path(__file__).with_name("README.md"), text)
    ours = [row.cells["ours"] for row in rows]
    return int(any(not (cell.samples or cell.skipped) or cell.failures or cell.limit for cell in ours))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time the same workflows under this dflow and under upstream's.")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repetition: about a minute")
    parser.add_argument("--only", type=names, default=NAMES, metavar="NAME,...", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--upstream-python", type=Path, metavar="PATH", help="an interpreter with upstream installed")
    parser.add_argument("--no-upstream", action="store_true", help="measure ours alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--readme", action="store_true", help="put the tables into the README beside this file")
    parser.add_argument("--sizes", type=numbers, metavar="N,...", help="numbers of steps, ours (each case has its own)")
    parser.add_argument("--upstream-sizes", type=numbers, metavar="N,...", help="the same, upstream")
    parser.add_argument("--repetitions", type=int, metavar="N", help="runs of each workflow (3)")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="for one run (120)")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the run directories go (the temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave the run directories there")
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
    return Plan(
        options.only,
        options.quick,
        options.repetitions or (1 if options.quick else 3),
        options.limit,
        upstream=not options.no_upstream,
        sizes=options.sizes or (),
        upstream_sizes=options.upstream_sizes or (),
    )


def full_text(rows: list[report.Row], verdicts: list[targets.Verdict], options: argparse.Namespace) -> str:
    """Where and how it was measured, the results, the targets, and the reasons of failed and missing runs."""
    where, repetitions = report.machine(), plan(options).repetitions
    python = f"{where['system']}, Python {where['python']}"
    parts = [
        f"Measured on {where['date'][:10]}, {where['cores']} cores, {python}; repetitions: {repetitions}",
        report.table(rows),
        report.LEGEND,
    ]
    if verdicts:
        parts += ["Against the targets:", targets.table(verdicts)]
    if remarks := report.remarks(rows):
        parts.append("\n".join(f"- {line}" for line in remarks))
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
