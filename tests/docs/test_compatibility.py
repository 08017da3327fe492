"""docs/compatibility.md says what is true: every name of upstream has a line, and the line fits the package."""

import inspect
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import dflow
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from surface import IN_THE_PACKAGE, NAMES, look_up

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
ROW = re.compile(r"\| `(?P<name>[^`]+)` \| (?P<state>works|works differently) \| (?P<how>.*?) ?\|")
ELIDED = "…"


class Line(NamedTuple):
    """One line of the page."""

    state: str
    how: str


def read_page() -> dict[str, Line]:
    """The lines of the part "Every name"."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("\n## Every name\n")
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    found = [ROW.fullmatch(line) for line in lines]
    assert all(found), "malformed: " + "; ".join(
        line for line, match in zip(lines, found, strict=True) if match is None
    )
    names = [match["name"] for match in found if match]
    assert len(names) == len(set(names)), "twice: " + ", ".join(sorted({n for n in names if names.count(n) > 1}))
    return {match["name"]: Line(match["state"], match["how"]) for match in found if match}


LINES = read_page()


def parameters_of(callable_: Any) -> list[list[str]]:
    """Names in order, each with the text of its default where there is one; without self."""
    function = callable_.__init__ if inspect.isclass(callable_) else callable_
    result = []
    for position, parameter in enumerate(inspect.signature(function).parameters.values()):
        if position == 0 and parameter.name in ("self", "cls"):
            continue
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = [] if parameter.default is parameter.empty else [repr(parameter.default)]
        result.append([stars + parameter.name, *default])
    return result


def is_same(wanted: list[str], found: list[str]) -> bool:
    """Equal name, and equal default unless upstream's has no short form."""
    return wanted[0] == found[0] and len(wanted) == len(found) and (ELIDED in wanted[-1] or wanted == found)


def test_every_name_of_upstream_has_a_line_and_every_line_a_name() -> None:
    names = {item["name"] for item in NAMES}
    assert sorted(names - set(LINES)) == []
    assert sorted(set(LINES) - names) == []


def test_every_line_fits_the_package() -> None:
    problems = [problem for item in IN_THE_PACKAGE for problem in problems_of(item, LINES[item["name"]])]
    assert problems == []


def problems_of(item: dict[str, Any], line: Line) -> list[str]:
    """What the line of a name says that is not so."""
    name = item["name"]
    try:
        found = look_up(name)
    except LookupError:
        return [f"{name}: the package does not have it"]
    problems = []
    if "default" in item and str(found) != item["default"]:
        problems.append(f"{name}: upstream's is {item['default']}, ours {found}")
    missing = set(item.get("bases", ())) - {base.__name__ for base in getattr(found, "__mro__", ())}
    if missing and line.state == "works":
        problems.append(f"{name}: upstream's is a {', '.join(missing)}")
    if "parameters" in item:
        wanted, have = item["parameters"], parameters_of(found)
        extra = have[len(wanted) :]
        fits = len(have) >= len(wanted) and all(map(is_same, wanted, have))
        if not fits or (extra and line.state == "works"):
            problems.append(f"{name}: upstream has {wanted}, here are {have}")
    return problems


@pytest.mark.parametrize("kind", ["config", "s3_config"])
def test_every_setting_has_a_default(kind: str) -> None:
    settings = getattr(dflow, kind)
    wanted = {item["name"].split('"')[1] for item in NAMES if item["kind"] == kind}
    assert sorted(wanted - set(settings)) == []


def test_what_works_differently_says_how() -> None:
    assert [name for name, line in LINES.items() if line.state == "works differently" and not line.how] == []


def test_count_at_the_top_is_right() -> None:
    works = sum(line.state == "works" for line in LINES.values())
    differs = sum(line.state == "works differently" for line in LINES.values())
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"({len(LINES)} lines: {works} work, {differs} work differently)" in text
