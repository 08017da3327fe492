"""The verb ``doctor``: what is wrong with a run directory, what a resume would do, and where it would run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from dflow.cli.find import find_run
from dflow.cli.show import print_json, say
from dflow.engine.doctor import Finding, examine
from dflow.engine.errors import DflowError
from dflow.engine.run_directory import load_graph
from dflow.engine.settings import RunSettings, load_settings
from dflow.login_node import look_around
from dflow.python.code import changed_ops

if TYPE_CHECKING:
    import argparse

    from dflow.engine.doctor import Examination
    from dflow.engine.layout import RunLayout
    from dflow.login_node import Surroundings

__all__ = ["doctor"]


def doctor(options: argparse.Namespace) -> int:
    """Say what is wrong with a run; 1 when something is."""
    layout = find_run(options.id, damaged=True)
    found = examine(layout)
    findings = [*found.findings, *_code(layout)]
    settings, machine = _settings(layout), look_around()
    if options.json:
        print_json(
            {
                "id": layout.id,
                "directory": str(layout.root),
                "well": found.is_well,
                "findings": [dataclasses.asdict(finding) for finding in findings],
                "resume": {"keeps": found.kept, "keepsFailed": found.failed, "runsAgain": found.again},
                "files": found.files,
                "loginNode": settings.login_node,
                "nice": settings.nice,
                "machine": {**machine._asdict(), "loginNode": machine.is_login_node},
            }
        )
    else:
        for finding in findings:
            say(_line(finding))
        say(_summary(layout, found))
        for line in _gentleness(settings, machine):
            say(line)
    return 0 if found.is_well else 1


def _settings(layout: RunLayout) -> RunSettings:
    try:
        return load_settings(layout.settings)
    except DflowError:
        return RunSettings()  # that was said already


def _gentleness(settings: RunSettings, machine: Surroundings) -> list[str]:
    """Whether this machine looks like a login node, and whether the run took it for one; nothing where neither."""
    lines = []
    if machine.command:
        looks = "it looks like a login node" if machine.is_login_node else "it does not look like a login node"
        lines.append(f"this machine: {machine.words}: {looks}")
    if settings.login_node or settings.nice:
        where = "on a login node, " if settings.login_node else ""
        many = settings.workers() or "no limit"
        lines.append(f"the run, as it was submitted: {where}steps at once here: {many}, niceness: {settings.nice}")
    return lines


def _code(layout: RunLayout) -> list[Finding]:
    """Changed OPs are worth knowing, but nothing is wrong with the run."""
    try:
        texts = changed_ops(layout, load_graph(layout), load_settings(layout.settings).module_path)
    except (DflowError, ValueError, KeyError, TypeError):
        return []  # that was said already
    return [Finding(".dflow/ops", text, wrong=False) for text in texts]


def _line(finding: Finding) -> str:
    head = f"{'✖' if finding.wrong else '·'} {finding.place or '.'}: {finding.problem}"
    return f"{head}\n    {finding.remedy}" if finding.remedy else head


def _summary(layout: RunLayout, found: Examination) -> str:
    wrong = sum(finding.wrong for finding in found.findings)
    health = "nothing is wrong" if not wrong else f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong"
    failed = f", {found.failed} of them failed (dflow retry {layout.id} runs those again)" if found.failed else ""
    return (
        f"{layout.id}: {health}; {found.files} files and directories\n"
        f"a resume keeps {found.kept} finished steps{failed}, and runs {found.again} again that were begun"
    )
