"""Phases, conditions, and steps one after another."""

from __future__ import annotations

from typing import Any

from parity_kit import (
    BROKEN_TAG,
    INPUT,
    SKIPPED,
    Case,
    E,
    F,
    S,
    bad,
    broken,
    flow,
    gives,
    inner,
    ok,
    shell,
    step,
    witness,
    x_of,
)


def when(text: str) -> Any:
    """A workflow whose only step has this condition."""
    return lambda: flow(step("s", ok(), when=text))


def after(template: Any, **arguments: Any) -> Any:
    """A workflow of a step ``s`` and then a step ``t``."""
    return lambda: flow(step("s", template(), **arguments), step("t", ok()))


def when_of_an_output(text: str, condition: str) -> Any:
    def build():
        first = step("first", x=text)
        return flow(first, step("s", ok(), when=condition.format(x=x_of(first))))

    return build


def when_false_with_a_missing_argument():
    return flow(step("s", x=BROKEN_TAG, when="1 > 2"))


def when_false_with_a_broken_list():
    first = step("first", x="no list")
    return flow(first, step("s", x="{{item}}", with_param=x_of(first), when="1 > 2"))


def when_on_items():
    return flow(step("s", x="{{item}}", with_param=["u", "v"], when="{{item}} == v"))


def when_on_items_that_is_no_boolean():
    return flow(step("s", x="{{item}}", with_param=[1], when="{{item}} + 1"), step("t", ok()))


def when_in_a_list_of_words():
    return flow(step("s", x="{{item}}", with_param=["a", "c"], when="'{{item}}' in ('a', 'b')"))


def side_by_side_then_one():
    a, b = step("a", x="1"), step("b", x="2")
    return flow([a, b], step("c", x=f"{x_of(a)}{x_of(b)}"))


def sibling_of_a_failure():
    slow = shell("slow", "sleep 0.2; echo done > /tmp/x", outputs=gives())
    return flow([step("a", bad()), step("b", slow)], step("c", ok()))


def held_sibling_of_a_failure():
    template = inner([step("a", bad()), step("b", ok())], parallelism=1)
    return flow(step("s", template))


def cannot_be_prepared(**arguments: Any) -> Any:
    return lambda: flow(step("s", x=BROKEN_TAG, **arguments), step("t", ok()))


def inner_cannot_be_prepared(**arguments: Any) -> Any:
    return lambda: flow(step("s", inner(step("a", x=BROKEN_TAG)), **arguments), step("t", ok()))


def inner_ends(template: Any, **arguments: Any) -> Any:
    return lambda: flow(step("s", inner(step("a", template())), **arguments), step("t", ok()))


def two_at_a_time():
    log = witness()
    script = f"echo + >> {log}; sleep 0.05; echo - >> {log}"
    template = inner([step(f"s{i}", shell("p", script)) for i in range(3)], parallelism=1)
    return flow(
        step("limited", template), step("seen", shell("seen", f"tr -d '\\n' < {log} > /tmp/x", outputs=gives()))
    )


def timed_out(**arguments: Any) -> Any:
    return lambda: flow(step("s", shell("sleepy", "sleep 20"), timeout=0.3, **arguments), step("t", ok()))


def template_timed_out():
    return flow(step("s", shell("sleepy", "sleep 20", timeout=0.3)))


def recursion(depth: int) -> Any:
    """A template that calls itself with its counter, one less each time."""

    def build():
        template = inner(takes={"x": ...})
        template.add(step("show", x=INPUT))
        template.add(step("again", template, x="{{=asInt(inputs.parameters.x) - 1}}", when=f"{INPUT} > 1"))
        return flow(step("count", template, x=depth))

    return build


def recursion_phases(depth: int) -> dict[str, str]:
    """All levels succeed; the innermost does not call itself again."""
    calls = " ".join([S] * (depth - 1) + [SKIPPED])
    return {"count": S, "show": " ".join([S] * depth), "again": calls}


def recursion_with_result():
    """A recursion that ends by its own criterion and hands the result up."""
    from dflow import OutputParameter, if_expression

    template = inner(takes={"x": ...})
    template.outputs.parameters["x"] = OutputParameter()
    half = step("half", shell("half", f"echo $(({INPUT} / 2)) > /tmp/x", {"x": ...}, outputs=gives()), x=INPUT)
    again = step("again", template, x=x_of(half), when=x_of(half) > 3)
    template.outputs.parameters["x"].value_from_expression = if_expression(x_of(half) > 3, x_of(again), x_of(half))
    template.add(half)
    template.add(again)
    return flow(step("halve", template, x=20))


STEPS = [
    # -- phases
    Case("PH-03", "a program that fails", after(bad), {"s": F}, status=F),
    Case("PH-05", "what is skipped counts as success", after(ok, when="1 > 2"), {"s": SKIPPED, "t": S}),
    Case("PH-06", "a workflow of skipped steps succeeds", when("false"), {"s": SKIPPED}),
    Case("PH-07", "no output file is an Error, the template Failed", after(broken), {"s": E}, status=F),
    # -- when
    Case("WH-02", "bare words", when("heads == heads"), {"s": S}),
    Case("WH-02", "numbers compare as numbers", when("3 < 10"), {"s": S}),
    Case("WH-02", "quoted numbers compare as texts", when("'3' < '10'"), {"s": SKIPPED}),
    Case("WH-02", "a text is no number", when("'1' == 1"), {"s": SKIPPED}),
    Case("WH-02", "only lower-case words are booleans", when("True == true"), {"s": SKIPPED}),
    Case("WH-02", "an output as a number", when_of_an_output("9", "{x} < 10"), {"first": S, "s": S}),
    Case("WH-02", "an output as a text", when_of_an_output("9", "'{x}' < '10'"), {"first": S, "s": SKIPPED}),
    Case("WH-02", "an output with blanks, quoted", when_of_an_output("a b", "'{x}' == 'a b'"), {"first": S, "s": S}),
    Case("WH-03", "an output with blanks, bare", when_of_an_output("a b", "{x} == c"), {"first": S, "s": E}, status=E),
    Case("WH-03", "an empty operand", when_of_an_output("", "{x} == c"), {"first": S, "s": E}, status=E),
    Case("WH-03", "a bare word with a hyphen", when("a-b == a-b"), {"s": E}, status=E),
    Case("WH-03", "a pattern, and, or, not", when("'abc' =~ '^a' && (false || !false)"), {"s": S}),
    Case("WH-01", "what is no boolean is an Error", when("1 + 1"), {"s": E}, status=E),
    Case("WH-04", "an expression gives the boolean", when("{{= 1 + 1 == 2 }}"), {"s": S}),
    Case("WH-05", "false, with a broken argument", when_false_with_a_missing_argument, {"s": SKIPPED}),
    Case("WH-05", "false, with a broken list", when_false_with_a_broken_list, {"first": S, "s": SKIPPED}),
    Case("WH-05", "on items, each copy decides", when_on_items, {"s(0:u)": SKIPPED, "s(1:v)": S}),
    Case("WH-01", "on items, no boolean", when_on_items_that_is_no_boolean, {"s(0:1)": E}, status=E),
    Case("WH-03", "on items, in a list of words", when_in_a_list_of_words, {"s(0:a)": S, "s(1:c)": SKIPPED}),
    # -- steps
    Case("ST-01", "a group ends before the next", side_by_side_then_one, {"a": S, "b": S, "c": S}, {"c.x": "12"}),
    Case("ST-02", "after a failure no later group has nodes", after(bad), {"s": F}, status=F),
    Case("ST-03", "continueOn.failed, Failed", after(bad, continue_on_failed=True), {"s": F, "t": S}),
    Case("ST-03", "continueOn.failed, Error", after(broken, continue_on_failed=True), {"s": E}, status=F),
    Case("ST-03", "continueOn.error, Error", after(broken, continue_on_error=True), {"s": E, "t": S}),
    Case("ST-03", "continueOn.error, Failed", after(bad, continue_on_error=True), {"s": F}, status=F),
    Case("ST-03", "a time-out is Failed", timed_out(continue_on_failed=True), {"s": F, "t": S}),
    Case("ST-04", "siblings of a failure finish", sibling_of_a_failure, {"a": F, "b": S}, {"b.x": "done"}, status=F),
    Case("ST-04", "siblings held back run too", held_sibling_of_a_failure, {"s": F, "a": F, "b": S}, status=F),
    Case("ST-05", "an Error while preparing is the template's", cannot_be_prepared(), {"s": E}, status=E),
    Case("ST-05", "continueOn does not cover it", cannot_be_prepared(continue_on_error=True), {"s": E}, status=E),
    Case("ST-05", "in an inner template", inner_cannot_be_prepared(), {"s": E, "a": E}, status=F),
    Case(
        "ST-05",
        "the inner template's Error can be covered",
        inner_cannot_be_prepared(continue_on_error=True),
        {"s": E, "a": E, "t": S},
    ),
    Case("ST-02", "an inner failure", inner_ends(bad), {"s": F, "a": F}, status=F),
    Case("ST-02", "an inner Error is Failed", inner_ends(broken), {"s": F, "a": E}, status=F),
    Case(
        "ST-02",
        "an inner Error is covered as Failed",
        inner_ends(broken, continue_on_failed=True),
        {"s": F, "a": E, "t": S},
    ),
    Case("ST-02", "and not as Error", inner_ends(broken, continue_on_error=True), {"s": F, "a": E}, status=F),
    Case("TM-01", "a step over its time", timed_out(), {"s": F}, status=F),
    Case("TM-01", "a template over its time", template_timed_out, {"s": F}, status=F),
    Case(
        "PL-01",
        "a template's parallelism",
        two_at_a_time,
        {"limited": S, "s0": S, "s1": S, "s2": S, "seen": S},
        {"seen.x": "+-+-+-"},
    ),
    # -- recursion
    Case("ND-07", "recursion to a depth of 100", recursion(100), recursion_phases(100)),
    Case(
        "ND-07",
        "recursion to a depth of 1000",
        recursion(1000),
        recursion_phases(1000),
        differs="nesting deeper than 100 is an error",
    ),
    Case(
        "WH-05",
        "recursion that ends by its result",
        recursion_with_result,
        {"halve": S, "half": f"{S} {S} {S}", "again": f"{S} {S} {SKIPPED}"},
        {"halve.x": "2"},
    ),
]
