"""Tasks and their dependencies."""

from __future__ import annotations

from typing import Any

from parity_kit import (
    BROKEN_TAG,
    INPUT,
    OMITTED,
    SKIPPED,
    Case,
    E,
    F,
    S,
    bad,
    broken,
    dag,
    flow,
    inner,
    inner_dag,
    ok,
    picky,
    step,
    task,
    x_of,
)


def chain(first: Any, **arguments: Any) -> Any:
    """``a``, then ``b``, then ``c``."""
    return lambda: dag(task("a", first(), **arguments), task("b", ok(), after=("a",)), task("c", ok(), after=("b",)))


def diamond(**arguments: Any) -> Any:
    """``a``, then ``b``, which fails, beside ``c``, then ``d``."""
    return lambda: dag(
        task("a", ok()),
        task("b", bad(), after=("a",), **arguments),
        task("c", ok(), after=("a",)),
        task("d", ok(), after=("b", "c")),
    )


def failure_in_the_middle():
    return dag(
        task("a", ok()),
        task("b", bad(), after=("a",), continue_on_failed=True),
        task("c", ok(), after=("b",)),
        task("d", ok(), after=("c",)),
    )


def independent_branches():
    return dag(task("a", bad()), task("b", ok(), after=("a",)), task("c", ok()), task("d", ok(), after=("c",)))


def omitted_leaf(**arguments: Any) -> Any:
    return lambda: dag(task("a", bad()), task("b", ok(), after=("a",), **arguments))


def leaf_that_may_fail():
    return dag(task("a", ok()), task("b", bad(), after=("a",), continue_on_failed=True))


def skipped_leaf_of_a_failure(**arguments: Any) -> Any:
    return lambda: dag(
        task("a", bad(), continue_on_failed=True), task("b", ok(), after=("a",), when="1 > 2", **arguments)
    )


def skipped_leaf_of_two():
    return dag(
        task("a", bad(), continue_on_failed=True),
        task("b", ok(), after=("a",)),
        task("c", ok(), after=("b",), when="1 > 2"),
    )


def errors(**arguments: Any) -> Any:
    return lambda: dag(task("a", broken(), **arguments), task("b", ok(), after=("a",)))


def cannot_be_prepared(**arguments: Any) -> Any:
    return lambda: dag(task("a", x=BROKEN_TAG, **arguments), task("b", ok(), after=("a",)))


def bad_condition():
    return dag(task("a", ok(), when="1 + 1"), task("b", ok()))


def reference_is_a_dependency():
    a = task("a", x="1")
    b = task("b", x=f"{x_of(a)}2")
    return dag(task("c", x=f"{x_of(b)}3"), b, a)


def loop(*items: str, **arguments: Any) -> Any:
    def build():
        a = task("a", picky(), x="{{item}}", with_param=list(items), **arguments)
        return dag(a, task("b", ok(), after=("a",)))

    return build


def gathered():
    a = task("a", x="{{item}}", with_param=["p", "q"])
    return dag(a, task("b", x=x_of(a)))


def nested_dag_fails(**arguments: Any) -> Any:
    template = inner_dag(task("p", bad()), task("q", ok()))
    return lambda: flow(step("s", template, **arguments), step("t", ok()))


def dag_in_a_loop():
    p = task("p", x=f"{INPUT}!")
    template = inner_dag(p, task("q", ok(), after=("p",)), takes={"x": ...}, x=x_of(p))
    s = step("s", template, x="{{item}}", with_param=["u", "v"])
    return flow(s, step("t", x=x_of(s)))


def steps_in_a_dag():
    template = inner(step("p", bad()), step("q", ok()))
    return dag(task("a", template), task("b", ok(), after=("a",)))


def depends_on_status():
    a = task("a", bad(), continue_on_failed=True)
    return dag(a, task("b", x="{{tasks.a.status}}", after=("a",)))


def empty_loop():
    return dag(task("a", x="{{item}}", with_param=[]), task("b", ok(), after=("a",)))


def loop_of_errors():
    return dag(task("a", broken(), with_param=[1], continue_on_error=True), task("b", ok(), after=("a",)))


DAGS = [
    Case("DG-01", "a dependency that succeeded", chain(ok), {"a": S, "b": S, "c": S}),
    Case(
        "DG-01",
        "a dependency that was skipped",
        lambda: dag(task("a", ok(), when="1 > 2"), task("b", ok(), after=("a",))),
        {"a": SKIPPED, "b": S},
    ),
    Case("DG-01", "continueOn.failed, Failed", chain(bad, continue_on_failed=True), {"a": F, "b": S, "c": S}),
    Case("DG-01", "continueOn.failed, Error", errors(continue_on_failed=True), {"a": E, "b": OMITTED}, status=E),
    Case("DG-01", "continueOn.error, Error", errors(continue_on_error=True), {"a": E, "b": S}),
    Case("DG-02", "an omitted dependency omits", chain(bad), {"a": F, "b": OMITTED, "c": OMITTED}, status=F),
    Case("DG-05", "an omitted leaf has the phase of its branch", omitted_leaf(), {"a": F, "b": OMITTED}, status=F),
    Case(
        "DG-05",
        "an omitted leaf that may fail is ignored",
        omitted_leaf(continue_on_failed=True),
        {"a": F, "b": OMITTED},
    ),
    Case("DG-05", "an Error wins", errors(), {"a": E, "b": OMITTED}, status=E),
    Case("DG-05", "a leaf that may fail", leaf_that_may_fail, {"a": S, "b": F}),
    Case(
        "DG-05", "a skipped leaf after a covered failure", skipped_leaf_of_a_failure(), {"a": F, "b": SKIPPED}, status=F
    ),
    Case(
        "DG-05",
        "a skipped leaf that may fail itself",
        skipped_leaf_of_a_failure(continue_on_failed=True),
        {"a": F, "b": SKIPPED},
    ),
    Case("DG-05", "a completed node in between overrides", skipped_leaf_of_two, {"a": F, "b": S, "c": SKIPPED}),
    Case("DG-05", "a diamond with a failed side", diamond(), {"a": S, "b": F, "c": S, "d": OMITTED}, status=F),
    Case(
        "DG-05",
        "a diamond with a side that may fail",
        diamond(continue_on_failed=True),
        {"a": S, "b": F, "c": S, "d": S},
    ),
    Case("DG-05", "a covered failure in the middle", failure_in_the_middle, {"a": S, "b": F, "c": S, "d": S}),
    Case(
        "DG-06",
        "an independent branch finishes",
        independent_branches,
        {"a": F, "b": OMITTED, "c": S, "d": S},
        status=F,
    ),
    Case("DG-05", "an Error while preparing", cannot_be_prepared(), {"a": E, "b": OMITTED}, status=E),
    Case("DG-05", "an Error while preparing, covered", cannot_be_prepared(continue_on_error=True), {"a": E, "b": S}),
    Case("WH-01", "a condition that is no boolean", bad_condition, {"a": E, "b": S}, status=E),
    Case(
        "DG-08",
        "a reference makes a dependency",
        reference_is_a_dependency,
        {"a": S, "b": S, "c": S},
        {"c.x": "123"},
        differs="only ancestors may be referred to",
    ),
    Case("DG-07", "a loop whose copies succeed", loop("u", "v"), {"a": S, "a(0:u)": S, "a(1:v)": S, "b": S}),
    Case(
        "DG-07",
        "a loop with a failed copy",
        loop("bad", "v"),
        {"a": F, "a(0:bad)": F, "a(1:v)": S, "b": OMITTED},
        status=F,
    ),
    Case(
        "DG-07",
        "a loop that may fail",
        loop("bad", "v", continue_on_failed=True),
        {"a": F, "a(0:bad)": F, "a(1:v)": S, "b": S},
    ),
    Case("DG-07", "a loop of Errors that may be", loop_of_errors, {"a": E, "a(0:1)": E, "b": S}),
    Case(
        "ND-03",
        "the node of a loop has the lists",
        gathered,
        {"a": S, "a(0:p)": S, "a(1:q)": S, "b": S},
        {"a.x": '["p", "q"]', "b.x": '["p", "q"]'},
    ),
    Case("LP-01", "an empty loop lets its followers run", empty_loop, {"a": SKIPPED, "b": S}),
    Case("DG-05", "a DAG inside steps fails", nested_dag_fails(), {"s": F, "p": F, "q": S}, status=F),
    Case(
        "DG-05",
        "a DAG inside steps may fail",
        nested_dag_fails(continue_on_failed=True),
        {"s": F, "p": F, "q": S, "t": S},
    ),
    Case(
        "DG-05",
        "a DAG in a loop",
        dag_in_a_loop,
        {"s(0:u)": S, "s(1:v)": S, "p": f"{S} {S}", "q": f"{S} {S}", "t": S},
        {"t.x": '["u!", "v!"]'},
    ),
    Case("ST-02", "steps inside a DAG fail", steps_in_a_dag, {"a": F, "p": F, "b": OMITTED}, status=F),
    Case("TG-12", "the status of a task", depends_on_status, {"a": F, "b": S}, {"b.x": F}),
]
