"""The words of a ``when``, and which of them may follow which."""

from __future__ import annotations

from typing import NamedTuple

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.gotext import parse_float
from dflow.engine.records import record

__all__ = ["OPERATORS", "Access", "Word", "words"]

OPERATORS = frozenset({"modifier", "logical", "comparator", "ternary", "separator"})
"""Kinds of words that stand between two operands."""

_SYMBOLS = {
    **dict.fromkeys(["+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"], "modifier"),
    **dict.fromkeys(["&&", "||"], "logical"),
    **dict.fromkeys(["==", "!=", ">", ">=", "<", "<=", "=~", "!~"], "comparator"),
    **dict.fromkeys(["?", ":", "??"], "ternary"),
}
_OPERANDS = frozenset({"number", "bool", "text", "time", "pattern", "access"})
_START = frozenset({"prefix", "number", "bool", "text", "time", "access", "open"})
_NEXT = {
    "start": _START,
    "open": _START | {"close"},
    "close": OPERATORS | {"close"},
    "modifier": frozenset({"prefix", "number", "bool", "text", "access", "open"}),
    "comparator": _START | {"pattern"},
    "logical": _START,
    "prefix": frozenset({"number", "bool", "access", "open"}),
    "ternary": _START | {"separator"},
    "separator": _START,
    **dict.fromkeys(["number", "bool", "text"], OPERATORS | {"close"}),
    **dict.fromkeys(["time", "pattern"], (OPERATORS | {"close"}) - {"ternary"}),
    "access": OPERATORS | {"close", "open"},
}
_LAST = _OPERANDS | {"close"}
_HINT = "put texts with blanks or special characters in quotes"


class Word(NamedTuple):
    """A word, its value, and where it starts."""

    kind: str
    value: object
    position: int


@record(frozen=True, slots=True)
class Access:
    """A bare word with a dot, which has no value."""

    text: str


def words(source: str) -> list[Word]:
    """The words of a condition.

    Raises:
        ExpressionError: something that is no word, or a word where it cannot stand.
    """
    reader = _Reader(source)
    found: list[Word] = []
    state = "start"
    while (word := reader.word(state)) is not None:
        if word.kind not in _NEXT[state]:
            raise ExpressionError(f"{_show(word)} cannot stand here; {_HINT}", source=source, position=word.position)
        state = word.kind
        found.append(word)
    if state not in _LAST:
        raise ExpressionError("the condition ends too early", source=source, position=len(source))
    return found


def _show(word: Word) -> str:
    return repr(word.value.text if isinstance(word.value, Access) else word.value)


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def fail(self, message: str, position: int) -> ExpressionError:
        return ExpressionError(f"{message}; {_HINT}", source=self.source, position=position)

    def word(self, state: str) -> Word | None:  # noqa: PLR0911 - one for each kind of word
        """The next word, None at the end."""
        while self.at < len(self.source) and self.source[self.at].isspace():
            self.at += 1
        if self.at == len(self.source):
            return None
        start, first = self.at, self.source[self.at]
        if first in "(),":
            self.at += 1
            return Word({"(": "open", ")": "close", ",": "separator"}[first], first, start)
        if first.isdigit() or first == ".":
            return Word("number", self.number(), start)
        if first == "[":
            self.at += 1
            return Word("text", self.closed("]", "bracket"), start)
        if first.isalpha():
            return self.bare(start)
        if first in "'\"":
            self.at += 1
            text = self.closed("'\"", "quote")
            seconds = _seconds(text)
            return Word("text", text, start) if seconds is None else Word("time", seconds, start)
        return self.symbol(state, start)

    def run(self, accepts: str) -> str:
        """Characters up to a blank or to one that does not belong; a backslash takes the next one as it is."""
        letters: list[str] = []
        while self.at < len(self.source):
            letter = self.source[self.at]
            if letter == "\\" and self.at + 1 < len(self.source):
                letters.append(self.source[self.at + 1])
                self.at += 2
                continue
            if letter.isspace() or not _belongs(letter, accepts):
                break
            letters.append(letter)
            self.at += 1
        return "".join(letters)

    def closed(self, ends: str, name: str) -> str:
        """Everything up to a closing character."""
        start = self.at - 1
        letters: list[str] = []
        while self.at < len(self.source):
            letter = self.source[self.at]
            self.at += 1
            if letter in ends:
                return "".join(letters)
            if letter == "\\" and self.at < len(self.source):
                letter = self.source[self.at]
                self.at += 1
            letters.append(letter)
        raise self.fail(f"this {name} is not closed", start)

    def number(self) -> float:
        start = self.at
        if self.source.startswith("0x", start):
            self.at += 2
            digits = self.run("hex")
            if not digits or not digits.isascii() or int(digits, 16) >= 2**64:
                raise self.fail("this is no number", start)
            return float(int(digits, 16))
        value = parse_float(self.run("number"))
        if value is None:
            raise self.fail("this is no number", start)
        return value

    def bare(self, start: int) -> Word:
        text = self.run("name")
        if text in {"true", "false"}:
            return Word("bool", text == "true", start)
        if text in {"in", "IN"}:
            return Word("comparator", "in", start)
        if "." not in text:
            return Word("text", text, start)
        parts = text.split(".")
        if any(not part or not part[0].isupper() for part in parts[1:]):
            raise self.fail(f"{text!r} must be put in quotes", start)
        return Word("access", Access(text), start)

    def symbol(self, state: str, start: int) -> Word:
        text = self.run("symbol")
        if text in {"-", "!", "~"} and "prefix" in _NEXT[state]:
            return Word("prefix", text, start)
        if text not in _SYMBOLS:
            raise self.fail(f"{text or self.source[start]!r} is no operator", start)
        return Word(_SYMBOLS[text], text, start)


def _belongs(letter: str, accepts: str) -> bool:
    match accepts:
        case "number":
            return letter.isdigit() or letter == "."
        case "hex":
            return letter in "0123456789abcdefABCDEF"
        case "name":
            return letter.isalpha() or letter.isdigit() or letter in "_."
        case _:
            return not (letter.isalpha() or letter.isdigit() or letter in "()[]'\"")


_LAYOUTS = (
    "Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006", "Mon Jan 02 15:04:05 -0700 2006", "3:04PM",
    "2006-01-02T15:04:05Z07:00", "2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05-07:00",
    "2006-01-02T15Z0700", "2006-01-02T15:04Z0700", "2006-01-02T15:04:05Z0700",
)  # fmt: skip


def _seconds(text: str) -> float | None:
    """Unix time of a text that looks like a date, None of any other."""
    if not 6 <= len(text) <= 40 or not any(letter.isdigit() for letter in text) or not ({":", "-"} & set(text)):
        return None
    from dflow.engine.expressions import gotime  # noqa: PLC0415 - datetime is slow to import

    for layout in _LAYOUTS:
        found = gotime.parse(text, layout)
        if found is not None:
            return float(found.moment.timestamp() // 1)
    return None
