"""Which section of the page on errors is about the reason why a step failed."""

from __future__ import annotations

import re

from dflow.engine.errors import DOCS

__all__ = ["SECTIONS", "more"]

SECTIONS = (
    (r"\Aexit code 1(37|39|43)\b|\AMemoryError", "killed-or-out-of-memory"),
    (r"\Aexit code 12[67]\b|\Acannot start ", "no-such-command"),
    (r"\Ait was ended after its time limit", "a-time-limit"),
    (r"the program (wrote|made) no |\AOP .* was not returned\Z", "an-output-is-missing"),
    (r"\A(FileNotFoundError: )?OP .*: output artifact .* does not exist in ", "an-output-is-missing"),
    (r"\AOP .*: (input|output) .* (must be .*, not |is not declared)", "a-value-of-another-type"),
    (r"\Ainput artifact .* (does not exist any more|has no source)", "an-input-is-missing"),
    (r"\Ainput .* has no value: its source|\A[^:]* is not known here", "a-reference-without-a-value"),
    (r"\AModuleNotFoundError: |cannot be imported from .* by ", "a-module-that-cannot-be-imported"),
    (r"\Ait called sys\.exit\(", "sysexit"),
    (r"\Acannot connect to |\A\w+ does not answer", "a-machine-that-does-not-answer"),
    (r"No space left on device|Disk quota exceeded", "no-space-left"),
)
"""What a message says, and the heading of the section as a link has it."""


def more(message: str) -> str | None:
    """Where there is more to read about a failure; None where the message says it all."""
    for pattern, section in SECTIONS:
        if re.search(pattern, message):
            return f"{DOCS}#{section}"
    return None
