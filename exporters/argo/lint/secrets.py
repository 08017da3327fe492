"""X-17: what looks like a secret, or is one that the caller knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import texts

if TYPE_CHECKING:
    from collections.abc import Collection

    from dflow.exporters.argo.lint.findings import Notes

__all__ = ["check", "check_environment"]

_SHAPES = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("an access key of AWS", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a token of GitHub", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})")),
    ("a token of GitLab", re.compile(r"\bglpat-[A-Za-z0-9_-]{20}")),
    ("a token of Slack", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@{}$]+:[^\s/@{}$]+@")),
)
_HINTS = re.compile(r"-----|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox|eyJ|://")
_NAMES = re.compile(r"(?i)(?:^|[_-])(?:password|passwd|secret|token|api_?key|secret_?key|access_?key)(?:$|[_-])")
_SHORTEST = 6
_ADVICE = "everybody who may read workflows sees it; put it in a Secret and use env.valueFrom.secretKeyRef"


def check(document: object, secrets: Collection[str], notes: Notes) -> None:
    """Looks through all texts of a document."""
    known = [secret for secret in secrets if len(secret) >= _SHORTEST]
    for text, path in texts(document, ""):
        place = path.removeprefix(".")
        if any(secret in text for secret in known):
            notes.error("X-17", place, f"this has one of the configured secrets; {_ADVICE}")
        if not _HINTS.search(text):
            continue
        for what, shape in _SHAPES:
            if shape.search(text):
                notes.error("X-17", place, f"this looks like {what}; {_ADVICE}")


def check_environment(container: dict[str, Any], path: str, notes: Notes) -> None:
    """Environment variables whose names say that they are secrets."""
    for index, variable in enumerate(container.get("env", [])):
        name, value = variable.get("name", ""), variable.get("value", "")
        if value and "{{" not in value and "$(" not in value and _NAMES.search(name):
            notes.warn("X-17", f"{path}.env[{index}].value", f"{name} has its value in clear; {_ADVICE}")
