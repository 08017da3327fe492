"""What docs/terminal.md shows is what is seen."""

from __future__ import annotations

import re
from pathlib import Path

from dflow.engine.phase import Phase
from dflow.terminal import display, frame, plain
from dflow.terminal.outline import _SHOWN_COPIES

PAGE = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text(encoding="utf-8")
SCREENS = Path(__file__).parent / "screens"


def test_its_screens_are_those_of_the_tests():
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    end = (SCREENS / "end.txt").read_text(encoding="utf-8")
    assert blocks == [
        (SCREENS / "mixed_100x30.txt").read_text(encoding="utf-8"),
        end[end.index("✔ wf-1\n") :],
        (SCREENS / "plain.txt").read_text(encoding="utf-8"),
    ]


def test_its_numbers_are_those_of_the_code():
    assert (display._FIRST, display._LONG, plain._HEARTBEAT) == (0.3, 2.0, 30.0)
    assert (plain._MOST_CALLS, plain._MOST_FAILURES) == (200, 50)
    assert (frame._LOGS, _SHOWN_COPIES) == (5, 5)


def test_it_names_every_symbol_and_setting():
    shown = [phase for phase in Phase if phase is not Phase.TERMINATED]
    assert [phase for phase in shown if f"`{phase.symbol}`" not in PAGE] == []
    assert [mode for mode in display._MODES if f'`"{mode}"`' not in PAGE] == []
