"""Put the results into the README, between its markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def put(path: Path, text: str) -> None:
    """Replace what stands between the markers.

    Raises:
        ValueError: the file does not have both, in this order.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no place for the results: {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{text.strip()}\n\n{END}{after}", encoding="utf-8")
