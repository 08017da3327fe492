"""Texts, patterns, encodings and paths of ``sprig``."""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import digests, functions, gotext, regex
from dflow.engine.expressions.limits import check_size

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS"]


def _substr(start: int, end: int, text: str) -> str:
    octets = text.encode("utf-8", "surrogatepass")
    low = max(0, start)
    high = len(octets) if end < 0 or end > len(octets) else end
    if start < 0:
        low = 0
    if low > high:
        raise ExpressionError(f"slice bounds out of range: {low}:{high}")
    return octets[low:high].decode("utf-8", "replace")


def _trunc(count: int, text: str) -> str:
    octets = text.encode("utf-8", "surrogatepass")
    if count < 0 and len(octets) + count > 0:
        return octets[count:].decode("utf-8", "replace")
    if 0 <= count < len(octets):
        return octets[:count].decode("utf-8", "replace")
    return text


def _abbrev(width: int, text: str) -> str:
    if width < 4 or len(text) <= width:
        return text
    return text[: width - 3] + "..."


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'])[^\W\d_]", lambda match: match.group().upper(), text)


def _words(text: str) -> list[str]:
    """The words that letters of another case, digits and separators divide a name into."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", text)
    return [word for word in re.split(r"[\s_.\-]+", spaced) if word]


def _camel(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[\s_\-]+", text) if word)


def _untitle(text: str) -> str:
    return re.sub(r"(?<!\S)\S", lambda match: match.group().lower(), text)


def _swapcase(text: str) -> str:
    return "".join(letter.lower() if letter.isupper() else letter.upper() for letter in text)


def _nospace(text: str) -> str:
    return "".join(text.split())


def _quoted(value: object) -> str:
    body = json.dumps(gotext.sprint(value), ensure_ascii=False)
    return re.sub(r"\\u00([01][0-9a-f])", r"\\x\1", body)


def _quote(*values: object) -> str:
    return " ".join(_quoted(value) for value in values if value is not None)


def _squote(*values: object) -> str:
    return " ".join(f"'{gotext.sprint(value)}'" for value in values if value is not None)


def _cat(*values: object) -> str:
    return " ".join(gotext.sprint(value) for value in values if value is not None)


def _indent(count: int, text: str) -> str:
    if count < 0:
        raise ExpressionError(f"indent wants a count of 0 or more, not {count}")
    check_size(len(text) + count * (text.count("\n") + 1))
    pad = " " * count
    return pad + text.replace("\n", "\n" + pad)


def _wrap(width: int, text: str, newline: str = "\n", *, cut: bool = False) -> str:
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
        while cut and 0 < width < len(lines[-1]):
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return newline.join(lines)


def _numbered(separator: str, text: str, count: int = -1) -> dict[str, object]:
    return {f"_{index}": piece for index, piece in enumerate(functions.split(text, separator, count))}


def _repeat(count: int, text: str) -> str:
    return functions.repeat(text, count)


def _match(pattern: str, text: str) -> bool:
    return regex.compiled(pattern).search(text) is not None


def _find(pattern: str, text: str) -> str:
    found = regex.compiled(pattern).search(text)
    return found.group() if found else ""


def _find_all(pattern: str, text: str, count: int) -> list[object]:
    found: list[object] = [match.group() for match in regex.compiled(pattern).finditer(text)]
    return found if count < 0 else found[:count]


def _replace_all(pattern: str, text: str, template: str) -> str:
    def fill(match: re.Match[str]) -> str:
        return re.sub(r"\$(?:(\$)|\{(\w+)\}|(\w+))", lambda part: _group(match, part), template)

    return _sub(pattern, fill, text)


def _group(match: re.Match[str], part: re.Match[str]) -> str:
    if part[1]:
        return "$"
    name = part[2] or part[3]
    try:
        return match[int(name) if name.isdigit() else name] or ""
    except (IndexError, ValueError):
        return ""


def _replace_literal(pattern: str, text: str, new: str) -> str:
    return _sub(pattern, lambda _: new, text)


def _sub(pattern: str, fill: Callable[[re.Match[str]], str], text: str) -> str:
    pieces, size, position = [], 0, 0
    for match in regex.compiled(pattern).finditer(text):
        piece = text[position : match.start()] + fill(match)
        size += len(piece)
        check_size(size)
        pieces.append(piece)
        position = match.end()
    return "".join(pieces) + text[position:]


def _split_pattern(pattern: str, text: str, count: int) -> list[object]:
    if count == 0:
        return []
    pieces: list[object] = []
    position = 0
    for match in regex.compiled(pattern).finditer(text):
        if 0 < count <= len(pieces) + 1:
            break
        if match.end() == 0 or (match.start() == match.end() == len(text)):
            continue
        pieces.append(text[position : match.start()])
        position = match.end()
    return [*pieces, text[position:]]


def _decoded(decode: Callable[[str], str]) -> Callable[[str], str]:
    """What is wrong is no error here, but the result."""

    def run(text: str) -> str:
        try:
            return decode(text)
        except ExpressionError as exc:
            return str(exc)

    return run


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _clean(path: str) -> str:
    return re.sub(r"^//+", "/", posixpath.normpath(path or "."))


def _base(path: str) -> str:
    stripped = path.rstrip("/")
    return posixpath.basename(stripped) if stripped else "/" if path else "."


FUNCTIONS: dict[str, tuple[str, Callable[..., object]]] = {
    "abbrev": ("is", _abbrev),
    "b32dec": ("s", _decoded(digests.from_base32)),
    "b32enc": ("s", digests.to_base32),
    "b64dec": ("s", _decoded(digests.from_base64)),
    "b64enc": ("s", digests.to_base64),
    "base": ("s", _base),
    "camelcase": ("s", _camel),
    "cat": ("?x*", _cat),
    "clean": ("s", _clean),
    "contains": ("ss", lambda part, text: part in text),
    "dir": ("s", lambda path: _clean(posixpath.dirname(path) or ".")),
    "ext": ("s", lambda path: match[0] if (match := re.search(r"\.[^./]*\Z", path)) else ""),
    "hasPrefix": ("ss", lambda prefix, text: text.startswith(prefix)),
    "hasSuffix": ("ss", lambda suffix, text: text.endswith(suffix)),
    "hello": ("", lambda: "Hello!"),
    "indent": ("is", _indent),
    "initials": ("s", lambda text: "".join(word[0] for word in text.split())),
    "isAbs": ("s", lambda path: path.startswith("/")),
    "kebabcase": ("s", lambda text: "-".join(_words(text)).lower()),
    "lower": ("s", str.lower),
    "mustRegexFind": ("ss", _find),
    "mustRegexFindAll": ("ssi", _find_all),
    "mustRegexMatch": ("ss", _match),
    "mustRegexReplaceAll": ("sss", _replace_all),
    "mustRegexReplaceAllLiteral": ("sss", _replace_literal),
    "mustRegexSplit": ("ssi", _split_pattern),
    "nindent": ("is", lambda count, text: "\n" + _indent(count, text)),
    "nospace": ("s", _nospace),
    "plural": ("ssi", _plural),
    "quote": ("?x*", _quote),
    "regexFind": ("ss", _find),
    "regexFindAll": ("ssi", _find_all),
    "regexMatch": ("ss", _match),
    "regexQuoteMeta": ("s", lambda text: re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)),
    "regexReplaceAll": ("sss", _replace_all),
    "regexReplaceAllLiteral": ("sss", _replace_literal),
    "regexSplit": ("ssi", _split_pattern),
    "repeat": ("is", _repeat),
    "replace": ("sss", lambda old, new, text: functions.replace(text, old, new)),
    "snakecase": ("s", lambda text: "_".join(_words(text)).lower()),
    "split": ("ss", _numbered),
    "splitList": ("ss", lambda separator, text: functions.split(text, separator)),
    "splitn": ("sis", lambda separator, count, text: _numbered(separator, text, count)),
    "squote": ("?x*", _squote),
    "substr": ("iis", _substr),
    "swapcase": ("s", _swapcase),
    "title": ("s", _title),
    "toString": ("x", gotext.sprint),
    "trim": ("s", functions.trim),
    "trimAll": ("ss", lambda characters, text: functions.trim(text, characters)),
    "trimPrefix": ("ss", lambda prefix, text: text.removeprefix(prefix)),
    "trimSuffix": ("ss", lambda suffix, text: text.removesuffix(suffix)),
    "trimall": ("ss", lambda characters, text: functions.trim(text, characters)),
    "trunc": ("is", _trunc),
    "untitle": ("s", _untitle),
    "upper": ("s", str.upper),
    "wrap": ("is", _wrap),
    "wrapWith": ("iss", lambda width, newline, text: _wrap(width, text, newline, cut=True)),
}
"""Types of the arguments, and what is done."""
