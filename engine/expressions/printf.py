"""``fmt.Sprintf`` of Go, with one whole number."""

from __future__ import annotations

import re

from dflow.engine.expressions.limits import check_size

__all__ = ["sprintf"]

_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<verb>.|\Z)", re.DOTALL)
_DIGITS = {"d": "d", "v": "d", "x": "x", "X": "X", "o": "o", "O": "o", "b": "b"}
_SHARP = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}


def sprintf(template: str, number: int) -> str:
    """``template`` with ``number`` for its verb; a second verb is marked as missing, as Go does."""
    used = False

    def written(match: re.Match[str]) -> str:
        nonlocal used
        verb = match["verb"]
        if verb == "%":
            return "%"
        if not verb:
            return "%!(NOVERB)"
        if used:
            return f"%!{verb}(MISSING)"
        used = True
        return _number(match, number)

    text = _VERB.sub(written, template)
    return text if used else f"{text}%!(EXTRA int={number})"


def _number(match: re.Match[str], number: int) -> str:
    flags, verb = match["flags"], match["verb"]
    width = int(match["width"] or 0)
    check_size(width)
    if verb in {"c", "q", "U"}:
        return _character(verb, number, flags).rjust(width)
    if verb not in _DIGITS:
        return f"%!{verb}(int={number})"
    digits = format(abs(number), _DIGITS[verb])
    sign = "-" if number < 0 else "+" if "+" in flags else " " if " " in flags else ""
    sign += "0o" if verb == "O" else _SHARP.get(verb, "") if "#" in flags else ""
    if match["precision"] is not None:
        least = int(match["precision"] or 0)
        check_size(least)
        digits = "" if least == 0 and number == 0 else digits.rjust(least, "0")
    elif "0" in flags and "-" not in flags:
        digits = digits.rjust(width - len(sign), "0")
    text = sign + digits
    return text.ljust(width) if "-" in flags else text.rjust(width)


def _character(verb: str, number: int, flags: str) -> str:
    valid = 0 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
    letter = chr(number) if valid else "\ufffd"
    if verb == "U":
        return f"U+{number & 0xFFFFFFFFFFFFFFFF:04X}" + (f" '{letter}'" if "#" in flags and valid else "")
    return letter if verb == "c" else f"'{letter}'"
