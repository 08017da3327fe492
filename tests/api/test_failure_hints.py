"""The sections of the page on errors that reports of failures name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dflow.failure_hints import SECTIONS, more

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def test_every_section_is_on_the_page_and_is_named():
    headings = {anchor(text) for text in re.findall(r"^### (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert headings == {section for _, section in SECTIONS}


@pytest.mark.parametrize(
    ("message", "section"),
    [
        ("exit code 137 (killed, probably out of memory)", "killed-or-out-of-memory"),
        ("MemoryError", "killed-or-out-of-memory"),
        ("exit code 127 (no such command)", "no-such-command"),
        ("cannot start 'zsh-none': No such file or directory", "no-such-command"),
        ("it was ended after its time limit of 0.2 s", "a-time-limit"),
        ("output parameter 'e': the program wrote no /tmp/e, and there is no default", "an-output-is-missing"),
        ("OP Train: output artifact 'model' was not returned", "an-output-is-missing"),
        ("OP Train: output 'loss' must be float, not str: 'low'", "a-value-of-another-type"),
        ("input artifact 'data': /x does not exist any more", "an-input-is-missing"),
        ("input parameter 'n' has no value: its source was skipped", "a-reference-without-a-value"),
        ("ModuleNotFoundError: No module named 'ase'", "a-module-that-cannot-be-imported"),
        ("it called sys.exit(0) before it returned its outputs", "sysexit"),
        ("cannot connect to u@h:22: refused (5 tries)", "a-machine-that-does-not-answer"),
        ("OSError: [Errno 28] No space left on device", "no-space-left"),
    ],
)
def test_a_message_names_its_section(message, section):
    assert more(message) == f"docs/errors.md#{section}"


@pytest.mark.parametrize(
    "message",
    [
        "exit code 1",
        "exit code 3",
        "ValueError: the input of the model must be a list, not a dict",
        "RuntimeError: cannot connect to the licence server",
        "ValueError: x does not exist any more",
        "",
    ],
)
def test_what_users_raise_speaks_for_itself(message):
    assert more(message) is None
