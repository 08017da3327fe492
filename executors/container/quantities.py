"""Quantities of Kubernetes, such as ``500m``, ``1.5`` and ``2Gi``."""

from __future__ import annotations

import re
from fractions import Fraction

from dflow.engine.errors import LeafError

__all__ = ["bytes_of", "cpus_of"]

_FORM = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([a-zA-Z]*))\s*\Z")
_FACTORS = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
}
_MOST_DIGITS = 20


def cpus_of(text: str) -> float:
    """A number of processors, such as 0.5 for ``500m``.

    Raises:
        LeafError: it is no positive quantity.
    """
    return float(_value(text, "cpu"))


def bytes_of(text: str) -> int:
    """A number of bytes, parts of one rounded up.

    Raises:
        LeafError: it is no positive quantity.
    """
    return -int(-_value(text, "memory") // 1)


def _value(text: str, what: str) -> Fraction:
    match = _FORM.match(text)
    factor = None
    if match is not None and len(match[1]) <= _MOST_DIGITS:
        exponent = int(match[2][1:]) if match[2] else 0
        if abs(exponent) <= _MOST_DIGITS:
            factor = Fraction(10) ** exponent if match[2] else _FACTORS.get(match[3] or "")
    value = Fraction(match[1]) * factor if match is not None and factor is not None else Fraction(0)
    if value <= 0:
        raise LeafError(f"the limit of {what} is {text!r}; it must be a quantity such as 500m, 2 or 1.5Gi")
    return value
