"""What the linter found, and where."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

__all__ = ["Finding", "Notes", "Severity"]


class Severity(enum.Enum):
    """How bad it is."""

    ERROR = "error"
    """The manifest is refused, or the workflow breaks or hangs when it runs."""
    WARNING = "warning"
    """It works, or may work; the message says when it does not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: the id of the rule, such as ``VAR-05``.
        severity: whether the manifest must be changed.
        path: where, such as ``spec.templates[0].steps[1][0].when``; empty for the whole document.
        message: what is wrong, why, and what to do.
        document: which document, counted from 0.
        line: the line of the text, counted from 1; None when no text was given.
    """

    rule: str
    severity: Severity
    path: str
    message: str
    document: int = 0
    line: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}, " if self.line is not None else ""
        return f"{self.severity.value} {self.rule} {line}{self.path or 'document'}: {self.message}"


@dataclass
class Notes:
    """Findings of one document, as the checks make them; the same one is kept once."""

    document: int = 0
    found: dict[Finding, None] = field(default_factory=dict)

    def error(self, rule: str, path: str, message: str) -> None:
        """Something that must be changed."""
        self.found[Finding(rule, Severity.ERROR, path, message, self.document)] = None

    def warn(self, rule: str, path: str, message: str) -> None:
        """Something that should be looked at."""
        self.found[Finding(rule, Severity.WARNING, path, message, self.document)] = None

    def add(self, severity: Severity, rule: str, path: str, message: str) -> None:
        """Something of a given severity."""
        self.found[Finding(rule, severity, path, message, self.document)] = None

    def placed(self, lines: dict[str, int]) -> list[Finding]:
        """The findings with the lines of their paths, or of what encloses them."""
        return [replace(finding, line=_line(finding.path, lines)) for finding in self.found]


def _line(path: str, lines: dict[str, int]) -> int | None:
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)
