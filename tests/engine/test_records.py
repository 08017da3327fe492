"""Records behave as frozen dataclasses with slots do, before and after they get the methods of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import os
import pickle
import subprocess
import sys
import threading
import typing
from dataclasses import FrozenInstanceError, field
from pathlib import Path

import pytest
from dflow.engine import model
from dflow.engine.records import record

MORE_THAN_FEW = 1000


def kinds(decorator):
    """The same classes, made by ``record`` or by the standard library."""

    @decorator(frozen=True, slots=True)
    class Point:
        """A place."""

        x: int
        y: int = 0
        tags: list[str] = field(default_factory=list, compare=False)
        name: str = field(default="", kw_only=True, repr=False)

    @decorator(frozen=True, slots=True)
    class Solid(Point):
        """A place with a height."""

        z: int = 0

    @decorator(frozen=True, slots=True)
    class Checked:
        """Refuses what is negative, and remembers the double."""

        number: int
        double: int | None = None

        def __post_init__(self):
            if self.number < 0:
                raise ValueError(f"{self.number} is negative")
            object.__setattr__(self, "double", 2 * self.number)

    @decorator(frozen=True, slots=True)
    class Nothing:
        """Has no fields."""

    @decorator(frozen=True, slots=True)
    class One:
        """Has one."""

        value: object

    return {kind.__name__: kind for kind in (Point, Solid, Checked, Nothing, One)}


@record(frozen=True, slots=True)
class Page:
    """Is pickled by name."""

    number: int
    lines: tuple[str, ...] = ()


@pytest.fixture(params=["first", "many"])
def made(request):
    """The records, when the first instances are made and when many were."""
    classes = kinds(record)
    if request.param == "many":
        for _ in range(MORE_THAN_FEW):
            classes["Point"](1), classes["Solid"](1), classes["Checked"](1), classes["Nothing"](), classes["One"](1)
    return classes


@pytest.fixture
def standard():
    return kinds(dataclasses.dataclass)


def message(call, *args, **named):
    with pytest.raises(TypeError) as caught:
        call(*args, **named)
    return str(caught.value)


ARGUMENTS = {
    "defaults": ((1,), {}),
    "by position": ((1, 2, ["a"]), {}),
    "by name": ((), {"tags": ["a"], "x": 1, "name": "n", "y": 2}),
    "both": ((1,), {"name": "n", "y": 2}),
}


@pytest.mark.parametrize("args", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("kind", ["Point", "Solid"])
def test_fields_get_what_the_standard_library_gives_them(made, standard, kind, args):
    positional, named = args
    ours, theirs = made[kind](*positional, **named), standard[kind](*positional, **named)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs)


WRONG = {
    "missing": ((), {}),
    "missing, with a name": ((), {"y": 1}),
    "unknown": ((1,), {"colour": "red"}),
    "one missing and one unknown": ((), {"colour": "red"}),
    "too many": ((1, 2, [], 4, 5), {}),
    "twice": ((1,), {"x": 1}),
    "named only": ((1, 2, [], "name"), {}),
}


@pytest.mark.parametrize("args", WRONG.values(), ids=WRONG)
def test_arguments_that_do_not_fit_are_refused_in_the_words_of_the_standard_library(made, standard, args):
    positional, named = args
    ours = message(made["Point"], *positional, **named)
    assert ours == message(standard["Point"], *positional, **named)
    assert "Point.__init__()" in ours


def test_a_record_without_fields_takes_no_argument(made, standard):
    assert message(made["Nothing"], 1) == message(standard["Nothing"], 1)
    assert made["Nothing"]() == made["Nothing"]()
    assert hash(made["Nothing"]()) == hash(made["Nothing"]())


def test_each_instance_has_a_default_of_its_own_from_a_factory(made):
    one, other = made["Point"](1), made["Point"](1)
    one.tags.append("a")
    assert other.tags == []


def test_records_of_the_same_kind_and_equal_fields_are_equal(made):
    point, solid = made["Point"], made["Solid"]
    assert point(1, 2) == point(1, 2)
    assert hash(point(1, 2)) == hash(point(1, 2))
    assert point(1, 2) != point(1, 3)
    assert point(1) != point(1, name="n")
    assert point(1) != solid(1)
    assert point(1) != 1
    assert point(1).__eq__(1) is NotImplemented
    assert len({point(1), point(1), point(2)}) == 2


def test_a_field_that_is_not_compared_makes_no_difference(made):
    point = made["Point"]
    assert point(1, tags=["a"]) == point(1)
    assert hash(point(1, tags=["a"])) == hash(point(1))


def test_a_value_is_not_taken_for_a_tuple_of_it(made):
    assert made["One"](1) == made["One"](1)
    assert made["One"]((1,)) != made["One"](1)


def test_a_record_with_an_unhashable_field_has_no_hash(made):
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(made["One"]([]))


ONE_OF_EACH = {"Point": (1, 2), "Solid": (1, 2, [], 3), "Checked": (4,), "Nothing": (), "One": ("a",)}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_an_instance_stays_equal_and_keeps_its_hash_while_many_others_are_made(name):
    kind, args = kinds(record)[name], ONE_OF_EACH[name]
    early = kind(*args)
    known = {early: "found"}
    for _ in range(MORE_THAN_FEW):
        kind(*args)
    assert early == kind(*args)
    assert known[kind(*args)] == "found"


def test_a_record_does_not_change(made):
    point = made["Point"](1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.colour = "red"
    assert point.x == 1


def test_a_record_has_slots_and_no_dict(made):
    assert made["Point"].__slots__ == ("x", "y", "tags", "name")
    assert not hasattr(made["Point"](1), "__dict__")
    assert not hasattr(made["Solid"](1), "__dict__")


def test_a_derived_record_has_the_fields_of_its_base_first(made):
    solid = made["Solid"](1, 2, [], 3, name="n")
    assert [f.name for f in dataclasses.fields(solid)] == ["x", "y", "tags", "name", "z"]
    assert (solid.x, solid.y, solid.z, solid.name) == (1, 2, 3, "n")
    assert isinstance(solid, made["Point"])


def test_a_plain_class_derived_from_a_record_is_filled_by_it(made):
    class Named(made["Point"]):
        def __init__(self, x):
            super().__init__(x, y=7)

    assert (Named(3).x, Named(3).y) == (3, 7)


def test_post_init_is_called_and_may_refuse(made):
    assert made["Checked"](4).double == 8
    with pytest.raises(ValueError, match="-1 is negative"):
        made["Checked"](-1)


def test_an_error_of_post_init_is_not_taken_for_arguments_that_do_not_fit():
    calls = []

    @record(frozen=True, slots=True)
    class Strict:
        """Counts."""

        value: object

        def __post_init__(self):
            calls.append(self.value)
            raise TypeError("no")

    assert message(Strict, 1) == "no"
    assert calls == [1]


def test_replace_makes_a_checked_copy(made):
    assert dataclasses.replace(made["Point"](1, name="n"), y=5) == made["Point"](1, 5, name="n")
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(made["Checked"](1), number=-2)
    assert "colour" in message(dataclasses.replace, made["Point"](1), colour="red")


def test_a_record_is_matched_by_position_and_by_name(made):
    point = made["Point"]
    match point(1, 2, name="n"):
        case point(x, y, name=name):
            assert (x, y, name) == (1, 2, "n")
        case _:
            pytest.fail("not matched")
    assert point.__match_args__ == ("x", "y", "tags")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_record_is_pickled_and_copied(protocol):
    page = Page(3, ("a", "b"))
    assert pickle.loads(pickle.dumps(page, protocol)) == page  # noqa: S301 - made here
    assert copy.copy(page) == page
    assert copy.deepcopy(page) == page


def test_a_pickled_record_is_read_by_a_process_that_has_made_none():
    code = "import pickle, sys; print(repr(pickle.load(sys.stdin.buffer)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    stdin = pickle.dumps(model.Literal("5"))
    done = subprocess.run([sys.executable, "-c", code], env=env, input=stdin, capture_output=True, check=True)
    assert done.stdout == b"Literal(text='5')\n"


def test_methods_of_the_class_itself_are_kept():
    @record(frozen=True, slots=True)
    class Loud:
        """Has its own."""

        word: str

        def __eq__(self, other):
            return isinstance(other, Loud) and self.word.lower() == other.word.lower()

        def __repr__(self):
            return self.word.upper()

        def __hash__(self):
            return 5

    for _ in range(MORE_THAN_FEW):
        last = Loud("a")
    assert last == Loud("A")
    assert repr(last) == "A"
    assert hash(last) == 5
    assert hash(Loud("b")) == 5


def test_who_looks_at_a_record_sees_the_signature_of_a_dataclass(standard):
    for kind, theirs in standard.items():
        assert inspect.signature(kinds(record)[kind]) == inspect.signature(theirs)
    assert dataclasses.is_dataclass(Page)
    assert typing.get_type_hints(Page.__init__) == {"number": int, "lines": tuple[str, ...], "return": type(None)}
    assert Page.__doc__ == "Is pickled by name."


def at_once(work, count=8):
    """What ``work`` returns in each of several threads that start together."""
    start = threading.Barrier(count)
    results: dict[int, object] = {}

    def run(number):
        start.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(count)]


def test_first_instances_made_by_threads_at_once_are_all_whole():
    point = kinds(record)["Point"]
    made = at_once(lambda number: [point(i, y=number) for i in range(MORE_THAN_FEW)])
    for number, points in enumerate(made):
        assert [(p.x, p.y, p.tags, p.name) for p in points] == [(i, number, [], "") for i in range(MORE_THAN_FEW)]


def test_wrong_arguments_given_by_threads_at_once_are_all_refused(standard):
    point = kinds(record)["Point"]
    expected = message(standard["Point"], colour="red")
    assert at_once(lambda _: message(point, colour="red")) == [expected] * 8
    assert point(1) == point(1)


def test_what_a_record_cannot_be_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False, slots=True)
    with pytest.raises(TypeError, match=r"Odd: a record has no field\(init=False\)"):

        @record(frozen=True, slots=True)
        class Odd:
            """Has a field that is not given."""

            value: int = field(default=0, init=False)


def test_frozen_classes_with_slots_of_the_engine_are_records():
    folder = Path(inspect.getfile(record)).parent
    sources = {path: path.read_text() for path in folder.rglob("*.py") if path.name != "records.py"}
    assert sum(text.count("@record(frozen=True, slots=True)\n") for text in sources.values()) > 50
    assert [path.name for path, text in sources.items() if "@dataclass(frozen=True" in text] == []
