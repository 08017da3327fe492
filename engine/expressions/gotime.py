"""Points in time and durations, for ``now()``, ``date(…)`` and ``duration(…)``."""

from __future__ import annotations

import datetime
import re

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.gotext import Special, json_float
from dflow.engine.records import record

__all__ = ["Duration", "Time", "apply", "date", "duration", "now", "parse", "timezone"]

_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_FORMATS = (
    "2006-01-02", "15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 MST",
)  # fmt: skip
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LONG_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                "November", "December"]  # fmt: skip
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_LAYOUT = re.compile(
    r"2006|January|Jan|Monday|Mon|MST|Z07:00|Z0700|-07:00|-0700|-07|[.,][0]+|[.,][9]+|01|02|03|04|05|06|_2|15|PM|pm|[12345]"
)
_NUMBERS = {
    "2006": (r"\d{4}", "year"), "01": (r"\d\d", "month"), "1": (r"\d\d?", "month"), "02": (r"\d\d", "day"),
    "2": (r"\d\d?", "day"), "_2": (r"[ \d]?\d", "day"), "15": (r"\d\d?", "hour"), "03": (r"\d\d", "hour12"),
    "3": (r"\d\d?", "hour12"), "04": (r"\d\d", "minute"), "4": (r"\d\d?", "minute"),
    "05": (r"\d\d(?:[.,]\d+)?", "second"), "5": (r"\d\d?(?:[.,]\d+)?", "second"), "06": (r"\d\d", "year2"),
    "January": ("|".join(_LONG_MONTHS), "long"), "Jan": ("|".join(_MONTHS), "short"),
    "Monday": ("|".join(_DAYS), ""), "Mon": ("|".join(day[:3] for day in _DAYS), ""), "MST": ("[A-Z]{3,5}", ""),
    "PM": ("AM|PM", "half"), "pm": ("am|pm", "half"), "Z07:00": (r"Z|[+-]\d\d:\d\d", "zone"),
    "Z0700": (r"Z|[+-]\d{4}", "zone"), "-07:00": (r"[+-]\d\d:\d\d", "zone"), "-0700": (r"[+-]\d{4}", "zone"),
    "-07": (r"[+-]\d\d", "zone"),
}  # fmt: skip


@record(frozen=True, slots=True)
class Duration(Special):
    """A span of time.

    Attributes:
        nanoseconds: its length.
    """

    nanoseconds: int
    go_kind = "duration"

    def __str__(self) -> str:
        count = abs(self.nanoseconds)
        sign = "-" if self.nanoseconds < 0 else ""
        if count < 10**9:
            for unit, size in (("ms", 10**6), ("µs", 1000), ("ns", 1)):
                if count >= size:
                    return f"{sign}{_decimal(count, size)}{unit}"
            return "0s"
        minutes, rest = divmod(count, 60 * 10**9)
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(rest, 10**9)}s"
        if hours or minutes:
            text = f"{minutes}m{text}"
        return sign + (f"{hours}h{text}" if hours else text)

    def go_json(self) -> str:
        """Its nanoseconds."""
        return str(self.nanoseconds)

    def go_method(self, name: str) -> object:
        """The method ``name``."""
        count = self.nanoseconds
        values: dict[str, object] = {
            "Hours": count / (3600 * 10**9),
            "Minutes": count / (60 * 10**9),
            "Seconds": count / 10**9,
            "Milliseconds": int(count / 10**6),
            "Microseconds": int(count / 1000),
            "Nanoseconds": count,
            "String": str(self),
        }
        if name not in values:
            raise ExpressionError(f"a duration has no method {name!r}")
        return lambda: values[name]


def _decimal(count: int, size: int) -> str:
    whole, rest = divmod(count, size)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


@record(frozen=True, slots=True)
class Time(Special):
    """A point in time.

    Attributes:
        moment: it, with its zone.
    """

    moment: datetime.datetime
    go_kind = "time"

    def __str__(self) -> str:
        zone = self.moment.strftime("%z")
        name = "UTC" if zone == "+0000" else zone
        return f"{self.moment:%Y-%m-%d %H:%M:%S}{_fraction(self.moment)} {zone} {name}"

    def go_json(self) -> str:
        """The time by RFC 3339."""
        return f'"{self.format("2006-01-02T15:04:05")}{_fraction(self.moment)}{self.format("Z07:00")}"'

    def format(self, layout: str) -> str:
        """The time in a layout of Go."""
        return _LAYOUT.sub(lambda match: _written(self.moment, match.group()), layout)

    def go_method(self, name: str) -> object:
        """The method ``name``."""
        at = self.moment
        if name in {"Year", "Month", "Day", "Hour", "Minute", "Second"}:
            return lambda: getattr(at, name.lower())
        methods: dict[str, object] = {
            "Unix": lambda: int(at.timestamp() // 1),
            "UnixMilli": lambda: int(at.timestamp() * 1000 // 1),
            "Nanosecond": lambda: at.microsecond * 1000,
            "YearDay": lambda: at.timetuple().tm_yday,
            "Weekday": lambda: at.isoweekday() % 7,
            "UTC": lambda: Time(at.astimezone(datetime.timezone.utc)),
            "String": lambda: str(self),
            "Format": lambda layout: self.format(str(layout)),
            "Add": lambda other: apply("+", self, other),
            "Sub": lambda other: apply("-", self, other),
            "Before": lambda other: apply("<", self, other),
            "After": lambda other: apply(">", self, other),
            "Equal": lambda other: apply("<=", self, other) and apply(">=", self, other),
        }
        if name not in methods:
            raise ExpressionError(f"a time has no method {name!r}")
        return methods[name]


def _fraction(moment: datetime.datetime) -> str:
    return f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""


def _written(at: datetime.datetime, word: str) -> str:
    zone = at.strftime("%z") or "+0000"
    if word[0] in ".,":
        digits = f"{at.microsecond:06d}000"[: len(word) - 1].ljust(len(word) - 1, "0")
        digits = digits.rstrip("0") if word[1] == "9" else digits
        return word[0] + digits if digits else ""
    plain = {
        "2006": f"{at.year:04d}", "06": f"{at.year % 100:02d}", "01": f"{at.month:02d}", "1": str(at.month),
        "02": f"{at.day:02d}", "2": str(at.day), "_2": f"{at.day:2d}", "15": f"{at.hour:02d}",
        "03": f"{(at.hour + 11) % 12 + 1:02d}", "3": str((at.hour + 11) % 12 + 1), "04": f"{at.minute:02d}",
        "4": str(at.minute), "05": f"{at.second:02d}", "5": str(at.second), "PM": "AM" if at.hour < 12 else "PM",
        "pm": "am" if at.hour < 12 else "pm", "January": _LONG_MONTHS[at.month - 1], "Jan": _MONTHS[at.month - 1],
        "Monday": _DAYS[at.weekday()], "Mon": _DAYS[at.weekday()][:3], "MST": "UTC" if zone == "+0000" else zone[:3],
        "-0700": zone, "-07:00": f"{zone[:3]}:{zone[3:]}", "-07": zone[:3],
        "Z0700": "Z" if zone == "+0000" else zone, "Z07:00": "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}",
    }  # fmt: skip
    return plain[word]


def now() -> Time:
    """The current time."""
    return Time(datetime.datetime.now(datetime.timezone.utc))


def duration(text: str) -> Duration:
    """The duration that a text like ``1h30m`` stands for.

    Raises:
        ExpressionError: it stands for none.
    """
    body = text.lstrip("+-") if text[:1] in {"+", "-"} else text
    parts = _PART.findall(body)
    if body == "0":
        return Duration(0)
    if not parts or "".join(number + unit for number, unit in parts) != body or len(body) > 100:
        raise ExpressionError(f"invalid duration {text!r}")
    count = 0
    for number, unit in parts:
        whole, _, fraction = number.partition(".")
        count += int(whole or 0) * _UNITS[unit] + int(fraction or 0) * _UNITS[unit] // 10 ** len(fraction)
    if count >= 2**63:
        raise ExpressionError(f"the duration {text!r} is too long")
    return Duration(-count if text.startswith("-") else count)


def date(value: object, layout: str | None = None, zone: str | None = None) -> Time:
    """The time that a text stands for.

    Raises:
        ExpressionError: it stands for none.
    """
    if isinstance(value, Time):
        return value
    where = timezone(zone) if zone else datetime.timezone.utc
    text = str(value)
    for candidate in (layout,) if layout else _FORMATS:
        found = parse(text, candidate, where)
        if found is not None:
            return found
    raise ExpressionError(f"invalid date {text!r}")


def timezone(name: str) -> datetime.tzinfo:
    """The zone of a name such as ``Europe/Zurich``."""
    import zoneinfo  # noqa: PLC0415 - slow to import, and seldom used

    if name in {"", "UTC"}:
        return datetime.timezone.utc
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ExpressionError(f"unknown time zone {name!r}") from exc


def parse(text: str, layout: str, zone: datetime.tzinfo = datetime.timezone.utc) -> Time | None:
    """The time of ``text`` written in a layout of Go; None when it does not fit."""
    pattern, fields, position = "", [], 0
    for match in _LAYOUT.finditer(layout):
        body, name = _NUMBERS.get(match.group(), (re.escape(match.group()[0]) + r"\d+", ""))
        pattern += re.escape(layout[position : match.start()]) + f"({body})"
        fields.append(name)
        position = match.end()
    found = re.fullmatch(pattern + re.escape(layout[position:]), text, re.ASCII)
    if found is None:
        return None
    try:
        return _moment(dict(zip(fields, found.groups(), strict=True)), zone)
    except (ValueError, OverflowError):
        return None


def _moment(parts: dict[str, str], zone: datetime.tzinfo) -> Time | None:
    hour = int(parts.get("hour", 0))
    if "hour12" in parts:
        hour = int(parts["hour12"]) % 12 + (12 if parts.get("half", "AM").upper() == "PM" else 0)
    month = int(parts.get("month", 1))
    if "long" in parts or "short" in parts:
        month = _LONG_MONTHS.index(parts["long"]) + 1 if "long" in parts else _MONTHS.index(parts["short"]) + 1
    year = int(parts.get("year", 0))
    if "year2" in parts:
        year = int(parts["year2"]) + (2000 if int(parts["year2"]) < 69 else 1900)
    seconds, _, fraction = parts.get("second", "0").replace(",", ".").partition(".")
    if parts.get("zone", "Z") != "Z":
        digits = parts["zone"][1:].replace(":", "").ljust(4, "0")
        offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        zone = datetime.timezone(-offset if parts["zone"][0] == "-" else offset)
    elif "zone" in parts:
        zone = datetime.timezone.utc
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    day = int(parts.get("day", 1))
    minute = int(parts.get("minute", 0))
    return Time(datetime.datetime(max(1, year), month, day, hour, minute, int(seconds), micro, tzinfo=zone))


def apply(symbol: str, left: object, right: object) -> object:  # noqa: PLR0911 - one for each pair of types
    """``left symbol right`` where one of the two is a time or a duration; None when it is not defined."""
    try:
        match symbol, left, right:
            case ("+", Time(a), Duration(b)) | ("+", Duration(b), Time(a)):
                return Time(a + datetime.timedelta(microseconds=b / 1000))
            case "-", Time(a), Duration(b):
                return Time(a - datetime.timedelta(microseconds=b / 1000))
            case "-", Time(a), Time(b):
                return Duration(round((a - b) / datetime.timedelta(microseconds=1)) * 1000)
            case (("<" | "<=" | ">" | ">="), Time(a), Time(b)):
                return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[symbol]
            case _, Duration(a), Duration(b):
                return _spans(symbol, a, b)
            case (("*" | "/"), Duration(a), int() | float()):
                return _spans(symbol, a, right)
            case "*", int() | float(), Duration(b):
                return _spans(symbol, b, left)
            case _:
                return None
    except (OverflowError, ValueError) as exc:
        raise ExpressionError(f"the time is out of range: {exc}") from exc


def _spans(symbol: str, a: int, b: object) -> object:  # noqa: PLR0911 - one for each operator
    if not isinstance(b, (int, float)):
        return None
    match symbol:
        case "+":
            return Duration(a + int(b))
        case "-":
            return Duration(a - int(b))
        case "*":
            json_float(float(b))
            return Duration(int(a * b))
        case "/" if b:
            return a / b
        case "<" | "<=" | ">" | ">=":
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[symbol]
        case _:
            return None
