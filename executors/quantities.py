"""Quantities of Kubernetes, such as ``500m``, ``1.5`` and ``2Gi``."""

from __future__ import annotations

import re
from fractions import Fraction

from dflow.engine.errors import LeafError

__all__ = ["amount_of", "bytes_of", "cpus_of"]

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
    return float(_positive(text, "limit of cpu"))


def bytes_of(text: str) -> int:
    """A number of bytes, parts of one rounded up.

    Raises:
        LeafError: it is no positive quantity.
    """
    return -int(-_positive(text, "limit of memory") // 1)


def amount_of(text: str, what: str) -> Fraction:
    """A quantity as it is, which may be zero.

    Args:
        what: the words for it in the message, such as ``"limit of memory"``.

    Raises:
        LeafError: it is no quantity, or less than zero.
    """
    match = _FORM.match(text)
    factor = None
    if match is not None and len(match[1]) <= _MOST_DIGITS:
        exponent = int(match[2][1:]) if match[2] else 0
        if abs(exponent) <= _MOST_DIGITS:
            factor = Fraction(10) ** exponent if match[2] else _FACTORS.get(match[3] or "")
    if match is None or factor is None or Fraction(match[1]) < 0:
        raise _no_quantity(text, what)
    return Fraction(match[1]) * factor


def _positive(text: str, what: str) -> Fraction:
    value = amount_of(text, what)
    if value == 0:
        raise _no_quantity(text, what)
    return value


def _no_quantity(text: str, what: str) -> LeafError:
    return LeafError(f"the {what} is {text!r}; it must be a quantity such as 500m, 2 or 1.5Gi")
