"""Loops and slices."""

from __future__ import annotations

from typing import Any

from dflow import HookStep, Step, argo_len, argo_range, argo_sequence
from dflow.python import OP, PythonOPTemplate, Slices
from parity_kit import (
    INPUT,
    SKIPPED,
    Case,
    E,
    F,
    S,
    echo,
    flow,
    gives,
    inner,
    inner_dag,
    ok,
    picky,
    shell,
    step,
    task,
    witness,
    x_of,
)


def over(*items: Any, x: str = "{{item}}", **arguments: Any) -> Any:
    """A loop over these items."""
    return lambda: flow(step("s", x=x, with_param=list(items), **arguments))


def gathered(*items: Any, template: Any = None, **arguments: Any) -> Any:
    """A loop over these items, and a step that gets all its results."""

    def build():
        s = step("s", template and template(), x="{{item}}", with_param=list(items), **arguments)
        return flow(s, step("all", x=x_of(s)))

    return build


def maps_of_outputs(*items: Any, template: Any, **arguments: Any) -> Any:
    """Likewise, but it gets the maps of all outputs."""

    def build():
        s = step("s", template(), with_param=list(items), parameters={"x": "{{item}}"}, **arguments)
        return flow(s, step("all", x="{{steps.s.outputs.parameters}}"))

    return build


def over_text(text: str, **arguments: Any) -> Any:
    """A loop over what a step wrote."""

    def build():
        first = step("first", x=text)
        return flow(first, step("s", x="{{item}}", with_param=x_of(first), **arguments), step("t", ok()))

    return build


def sequence(*arguments: Any, **named: Any) -> Any:
    def build():
        s = step("s", x="{{item}}", with_sequence=argo_sequence(*arguments, **named))
        return flow(s, step("all", x=x_of(s)))

    return build


def sequence_of_parameters():
    first = step("first", x="2")
    s = step("s", x="{{item}}", with_sequence=argo_sequence(count=x_of(first), start=argo_len([1, 2, 3])))
    return flow(first, s, step("all", x=x_of(s)))


def sequence_of_a_word():
    first = step("first", x="word")
    return flow(first, step("s", ok(), with_sequence=argo_sequence(x_of(first))))


def empty_loop_with(default_of_producer: Any = None, default_of_consumer: Any = ...) -> Any:
    def build():
        named = {} if default_of_producer is None else {"default": default_of_producer}
        s = step("s", echo(**named), x="{{item}}", with_param=[])
        return flow(s, step("all", echo(default_of_consumer), x=x_of(s)))

    return build


def empty_loop_in_an_expression():
    s = step("s", x="{{item}}", with_param=[])
    return flow(s, step("all", x="{{=steps.s.outputs.parameters.x ?? 'nothing'}}"))


def copies_end(*items: str, **arguments: Any) -> Any:
    """A loop whose items that begin with ``bad`` fail, and a step behind it."""
    return lambda: flow(step("s", picky(), x="{{item}}", with_param=list(items), **arguments), step("t", ok()))


def loop_in_a_loop():
    leaf = step("leaf", x="{{inputs.parameters.x}}{{item}}", with_param=[0, 1])
    template = inner(leaf, takes={"x": ...}, x=x_of(leaf))
    s = step("s", template, x="{{item}}", with_param=["a", "b"])
    return flow(s, step("all", x=x_of(s)))


def loop_of_dags_with_loops():
    leaf = task("leaf", x="{{inputs.parameters.x}}{{item}}", with_param=[0, 1])
    template = inner_dag(leaf, takes={"x": ...}, x=x_of(leaf))
    s = step("s", template, x="{{item}}", with_param=["a"])
    return flow(s, step("all", x=x_of(s)))


def loop_over_an_input():
    leaf = step("leaf", x="{{item}}", with_param="{{inputs.parameters.x}}")
    template = inner(leaf, takes={"x": ...}, x=x_of(leaf))
    s = step("s", template, x="{{item}}", with_param=[["a", "b"], []])
    return flow(s)


def loop_of_steps_with_a_failure(**arguments: Any) -> Any:
    def build():
        a = step("a", picky(), x=INPUT)
        template = inner(a, step("b", ok()), takes={"x": ...}, x=x_of(a))
        s = step("s", template, x="{{item}}", with_param=["u", "bad", "w"], **arguments)
        return flow(s, step("all", x=x_of(s)))

    return build


def fields_of_items():
    """A field of items that is a map, and one that is a text."""
    s = step("s", x="{{item.k}}", with_param=[{"k": {"a": [True, None], "z": 1}}, {"k": "plain"}])
    return flow(s, step("all", x=x_of(s)))


def one_at_a_time():
    log = witness()
    script = f"echo + >> {log}; sleep 0.05; echo - >> {log}"
    s = step("s", shell("p", script), with_sequence=argo_sequence(3), parallelism=1)
    return flow(s, step("seen", shell("seen", f"tr -d '\\n' < {log} > /tmp/x", outputs=gives())))


def sliced(*values: str, **arguments: Any) -> Any:
    """Slices of a list, and a step that gets the stacked results."""

    def build():
        slices = Slices(input_parameter=["x"], output_parameter=["x"])
        s = step("s", picky(), x=list(values), slices=slices, with_param=argo_range(len(values)), **arguments)
        return flow(s, step("all", x=x_of(s)))

    return build


def slices_of_steps():
    a = step("a", x=f"<{INPUT}>")
    template = inner(a, takes={"x": ...}, x=x_of(a))
    slices = Slices(input_parameter=["x"], output_parameter=["x"])
    s = step("s", template, x=["u", "v"], slices=slices, with_param=argo_range(2))
    return flow(s, step("all", x=x_of(s)))


def nested_slices():
    """A list of lists: one level is dealt out by each of two nested loops."""
    own = Slices(input_parameter=["x"], output_parameter=["x"])
    leaf = step("leaf", x=INPUT, slices=own, with_param=argo_range(2))
    template = inner(leaf, takes={"x": ...}, x=x_of(leaf))
    s = step("s", template, x=[["a", "b"], ["c", "d"]], slices=own, with_param=argo_range(2))
    return flow(s, step("all", x=x_of(s)))


@OP.function
def plus_ten(x: int) -> {"x": int}:  # noqa: F821, UP037 - a sign, not a type
    return {"x": x + 10}


@OP.function
def plus_ten_each(x: list[int]) -> {"x": list[int]}:  # noqa: F821, UP037 - as above
    return {"x": [value + 10 for value in x]}


def groups_of(op: Any, count: int, **how: Any) -> Any:
    """Groups of elements of a list, and a step that gets the stacked results."""

    def build():
        slices = Slices(input_parameter=["x"], output_parameter=["x"], **how)
        s = Step("s", PythonOPTemplate(op, slices=slices), parameters={"x": list(range(count))})
        return flow(s, step("all", x=x_of(s)))

    return build


def groups_of_a_script():
    slices = Slices(input_parameter=["x"], output_parameter=["x"], group_size=2)
    s = step("s", picky(), x=["u", "v", "w"], slices=slices)
    return flow(s, step("all", x=x_of(s)))


def slice_that_is_not_there():
    slices = Slices(input_parameter=["x"])
    return flow(step("s", x=["u"], slices=slices, with_param=argo_range(2)), step("t", ok()))


def slices_failed_in_a_dag():
    from parity_kit import dag

    slices = Slices(input_parameter=["x"], output_parameter=["x"])
    s = task("s", picky(), x=["u", "bad"], slices=slices, with_param=argo_range(2), continue_on_success_ratio=0.5)
    return dag(s, task("all", x=x_of(s)))


def hooks_of_copies():
    """Each copy's hook is told what that copy gives, not what another does."""
    log = witness()
    note = shell("note", f"echo '{INPUT}' >> {log}", {"x": ...})
    hook = HookStep(note, parameters={"x": "{{steps.s.outputs.parameters.x}}"})
    s = step("s", x="{{item}}", with_param=["u", "v"], success_hook=hook)
    return flow(s, step("seen", shell("seen", f"sort {log} | tr -d '\\n' > /tmp/x", outputs=gives())))


UV = {"s(0:u)": S, "s(1:v)": S}
MIXED = {"s(0:u)": S, "s(1:bad)": F, "s(2:w)": S}

LOOPS = [
    # -- lists
    Case("LP-01", "an empty list is skipped", over(), {"s": SKIPPED}),
    Case("LP-01", "no list is an Error", over_text("word"), {"first": S, "s": E}, status=E),
    Case("LP-01", "a map is no list", over_text('{"a": 1}'), {"first": S, "s": E}, status=E),
    Case("LP-01", "no list, but not wanted", over_text("word", when="false"), {"first": S, "s": SKIPPED, "t": S}),
    Case("LP-01", "a list that a step wrote", over_text("[1]"), {"first": S, "s(0:1)": S, "t": S}, {"s(0:1).x": "1"}),
    Case("LP-01", "an empty list that a step wrote", over_text("[]"), {"first": S, "s": SKIPPED, "t": S}),
    Case(
        "LP-02",
        "texts, numbers and booleans",
        over("a b", 1.50, True),
        {"s(0:a b)": S, "s(1:1.5)": S, "s(2:true)": S},
        {"s(0:a b).x": "a b", "s(1:1.5).x": "1.5", "s(2:true).x": "true"},
    ),
    Case(
        "LP-02",
        "numbers as written",
        over_text("[1.50, 1e3]"),
        {"first": S, "s(0:1.50)": S, "s(1:1e3)": S, "t": S},
        {"s(0:1.50).x": "1.50", "s(1:1e3).x": "1e3"},
    ),
    Case(
        "LP-02",
        "maps and lists as JSON",
        over({"b": 1, "a": [2]}, [1, "x"]),
        {"s(0:a:[2],b:1)": S, "s(1:[1 x])": S},
        {"s(0:a:[2],b:1).x": '{"a":[2],"b":1}', "s(1:[1 x]).x": '[1,"x"]'},
    ),
    Case(
        "LP-02",
        "fields of items",
        fields_of_items,
        {'s(0:k:{"a":[true,null],"z":1})': S, "s(1:k:plain)": S, "all": S},
        {"all.x": '["{\\"a\\":[true,null],\\"z\\":1}", "plain"]'},
    ),
    Case("LP-02", "a field that is missing", over({"a": 1}, x="{{item.b}}"), {"s(0:a:1)": E}, status=E),
    Case("ND-02", "parentheses are dropped", over("f(x)"), {"s(0:fx)": S}, {"s(0:fx).x": "f(x)"}),
    # -- sequences
    Case("LP-03", "a count", sequence(2), {"s(0:0)": S, "s(1:1)": S, "all": S}, {"all.x": '["0", "1"]'}),
    Case(
        "LP-03",
        "a count from a start, formatted",
        sequence(2, start=9, format="n%02d"),
        {"s(0:n09)": S, "s(1:n10)": S, "all": S},
        {"all.x": '["n09", "n10"]'},
    ),
    Case(
        "LP-03",
        "an end is included",
        sequence(start=1, end=2),
        {"s(0:1)": S, "s(1:2)": S, "all": S},
        {"all.x": '["1", "2"]'},
    ),
    Case(
        "LP-03",
        "down from start to end",
        sequence(start=2, end=1),
        {"s(0:2)": S, "s(1:1)": S, "all": S},
        {"all.x": '["2", "1"]'},
    ),
    Case(
        "LP-03",
        "a negative count counts down",
        sequence(-2),
        {"s(0:0)": S, "s(1:-1)": S, "s(2:-2)": S, "s(3:-3)": S, "all": S},
        {"all.x": '["0", "-1", "-2", "-3"]'},
    ),
    Case("LP-03", "no elements", sequence(0), {"s": SKIPPED, "all": E}, status=E),
    Case(
        "LP-03",
        "arguments from outputs",
        sequence_of_parameters,
        {"first": S, "s(0:3)": S, "s(1:4)": S, "all": S},
        {"all.x": '["3", "4"]'},
    ),
    Case("LP-03", "a count that is no number", sequence_of_a_word, {"first": S, "s": E}, status=E),
    # -- what is gathered
    Case(
        "LP-04",
        "plain texts become a list of texts",
        gathered("c", "a"),
        {"s(0:c)": S, "s(1:a)": S, "all": S},
        {"all.x": '["c", "a"]'},
    ),
    Case("LP-04", "numbers stay texts", gathered(2, 1), {"s(0:2)": S, "s(1:1)": S, "all": S}, {"all.x": '["2", "1"]'}),
    Case(
        "LP-04",
        "lists and maps become values",
        gathered([1], {"k": 2}),
        {"s(0:[1])": S, "s(1:k:2)": S, "all": S},
        {"all.x": '[[1], {"k": 2}]'},
    ),
    Case(
        "LP-04",
        "one plain text among JSON",
        gathered([1], "w"),
        {"s(0:[1])": S, "s(1:w)": S, "all": S},
        {"all.x": '["[1]", "w"]'},
    ),
    Case(
        "LP-04",
        "skipped copies leave no hole",
        gathered("u", "v", "w", when="'{{item}}' != 'v'"),
        {"s(0:u)": S, "s(1:v)": SKIPPED, "s(2:w)": S, "all": S},
        {"all.x": '["u", "w"]'},
    ),
    Case(
        "LP-04",
        "failed copies leave no hole",
        gathered("u", "bad", "w", template=picky, continue_on_failed=True),
        {**MIXED, "all": S},
        {"all.x": '["u", "w"]'},
    ),
    Case(
        "LP-04",
        "the list of maps",
        maps_of_outputs("u", "v", template=picky),
        {**UV, "all": S},
        {"all.x": '[{"x": "u"}, {"x": "v"}]'},
    ),
    Case(
        "LP-05",
        "the list of maps, when no copy succeeded",
        maps_of_outputs("bad", template=picky, continue_on_failed=True),
        {"s(0:bad)": F, "all": S},
        {"all.x": "[]"},
    ),
    Case(
        "LP-05",
        "an output, when no copy succeeded",
        gathered("bad", template=picky, continue_on_failed=True),
        {"s(0:bad)": F, "all": E},
        status=E,
        differs="the reference never resolves and the node waits for ever",
    ),
    Case("OU-05", "a consumer of an empty loop", empty_loop_with(), {"s": SKIPPED, "all": E}, status=E),
    Case(
        "OU-05",
        "the same with a default of its own",
        empty_loop_with(default_of_consumer="none"),
        {"s": SKIPPED, "all": S},
        {"all.x": "none"},
    ),
    Case(
        "OU-05",
        "the same with a default of the producer",
        empty_loop_with("[]"),
        {"s": SKIPPED, "all": S},
        {"all.x": "[]"},
    ),
    Case(
        "OU-05",
        "an empty loop in an expression is nil",
        empty_loop_in_an_expression,
        {"s": SKIPPED, "all": S},
        {"all.x": "nothing"},
    ),
    # -- copies that fail
    Case("ST-02", "one copy fails", copies_end("u", "bad", "w"), MIXED, status=F),
    Case("ST-03", "one copy fails and may", copies_end("u", "bad", "w", continue_on_failed=True), {**MIXED, "t": S}),
    Case("ST-02", "enough copies succeed", copies_end("u", "bad", "w", continue_on_num_success=2), {**MIXED, "t": S}),
    Case("ST-02", "too few copies succeed", copies_end("u", "bad", "w", continue_on_num_success=3), MIXED, status=F),
    Case(
        "ST-02",
        "a large enough part succeeds",
        copies_end("u", "bad", "w", continue_on_success_ratio=0.6),
        {**MIXED, "t": S},
    ),
    Case(
        "ST-02",
        "too small a part succeeds",
        copies_end("u", "bad", "w", continue_on_success_ratio=0.7),
        MIXED,
        status=F,
    ),
    Case(
        "ST-02",
        "none has to succeed, and none does",
        copies_end("bad1", "bad2", continue_on_success_ratio=0),
        {"s(0:bad1)": F, "s(1:bad2)": F, "t": S},
    ),
    Case(
        "ST-02",
        "none succeeds, some have to",
        copies_end("bad1", "bad2", continue_on_success_ratio=0.1),
        {"s(0:bad1)": F, "s(1:bad2)": F},
        status=F,
    ),
    Case(
        "ST-04",
        "all copies run after a failure",
        copies_end("bad", "v", "w", parallelism=1),
        {"s(0:bad)": F, "s(1:v)": S, "s(2:w)": S},
        status=F,
    ),
    Case(
        "PL-01",
        "so many copies at once",
        one_at_a_time,
        {"s(0:0)": S, "s(1:1)": S, "s(2:2)": S, "seen": S},
        {"seen.x": "+-+-+-"},
    ),
    Case("HK-02", "hooks of copies", hooks_of_copies, {**UV, "hook": f"{S} {S}", "seen": S}, {"seen.x": "uv"}),
    # -- loops of templates
    Case(
        "LP-04",
        "a loop in a loop",
        loop_in_a_loop,
        {"s(0:a)": S, "s(1:b)": S, "leaf(0:0)": f"{S} {S}", "leaf(1:1)": f"{S} {S}", "all": S},
        {"all.x": '[["a0", "a1"], ["b0", "b1"]]'},
    ),
    Case(
        "LP-04",
        "a loop in a DAG in a loop",
        loop_of_dags_with_loops,
        {"s(0:a)": S, "leaf": S, "leaf(0:0)": S, "leaf(1:1)": S, "all": S},
        {"all.x": '[["a0", "a1"]]'},
    ),
    Case(
        "LP-01",
        "an inner loop over an item, once empty",
        loop_over_an_input,
        {"s(0:[a b])": S, "leaf(0:a)": S, "leaf(1:b)": S, "leaf": SKIPPED, "s(1:[])": E},
        status=F,
    ),
    Case(
        "ST-02",
        "a loop of steps with a failure",
        loop_of_steps_with_a_failure(),
        {"s(0:u)": S, "s(1:bad)": F, "s(2:w)": S, "a": f"{S} {F} {S}", "b": f"{S} {S}"},
        status=F,
    ),
    Case(
        "ST-03",
        "a loop of steps that may fail",
        loop_of_steps_with_a_failure(continue_on_failed=True),
        {"s(0:u)": S, "s(1:bad)": F, "s(2:w)": S, "a": f"{S} {F} {S}", "b": f"{S} {S}", "all": S},
        {"all.x": '["u", "w"]'},
    ),
    # -- slices
    Case(
        "LP-04",
        "slices in the order of the list",
        sliced("u", "v"),
        {"s(0:0)": S, "s(1:1)": S, "all": S},
        {"all.x": '["u", "v"]'},
    ),
    Case(
        "LP-04",
        "a failed slice leaves no hole",
        sliced("u", "bad", "w", continue_on_num_success=2),
        {"s(0:0)": S, "s(1:1)": F, "s(2:2)": S, "all": S},
        {"all.x": '["u", "w"]'},
    ),
    Case(
        "LP-05",
        "all slices failed, none had to succeed",
        sliced("bad", "bad", continue_on_success_ratio=0),
        {"s(0:0)": F, "s(1:1)": F, "all": S},
        {"all.x": "[]"},
    ),
    Case(
        "ST-02",
        "all slices failed, half had to succeed",
        sliced("bad", "bad", continue_on_success_ratio=0.5),
        {"s(0:0)": F, "s(1:1)": F},
        status=F,
    ),
    Case(
        "LP-04",
        "slices of steps",
        slices_of_steps,
        {"s(0:0)": S, "s(1:1)": S, "a": f"{S} {S}", "all": S},
        {"all.x": '["<u>", "<v>"]'},
    ),
    Case(
        "LP-04",
        "slices in slices",
        nested_slices,
        {"s(0:0)": S, "s(1:1)": S, "leaf(0:0)": f"{S} {S}", "leaf(1:1)": f"{S} {S}", "all": S},
        {"all.x": '[["a", "b"], ["c", "d"]]'},
    ),
    Case(
        "LP-04",
        "groups of two out of five, one by one",
        groups_of(plus_ten, 5, group_size=2),
        {"s(0:0)": S, "s(1:1)": S, "s(2:2)": S, "all": S},
        {"all.x": "[10, 11, 12, 13, 14]"},
    ),
    Case(
        "LP-04",
        "groups of three out of four, as lists",
        groups_of(plus_ten_each, 4, group_size=3),
        {"s(0:0)": S, "s(1:1)": S, "all": S},
        {"all.x": "[10, 11, 12, 13]"},
    ),
    Case(
        "LP-04",
        "a group larger than the list",
        groups_of(plus_ten, 2, group_size=5, pool_size=2),
        {"s(0:0)": S, "all": S},
        {"all.x": "[10, 11]"},
    ),
    Case(
        "LP-04",
        "groups of a script, whose elements are copies",
        groups_of_a_script,
        {"s(0:order:0)": S, "s(1:order:1)": S, "s(2:order:2)": S, "all": S},
        {"all.x": '["u", "v", "w"]'},
    ),
    Case("ST-05", "a slice that is not there", slice_that_is_not_there, {"s(0:0)": S, "s(1:1)": E}, status=E),
    Case(
        "LP-04",
        "half of the slices in a DAG",
        slices_failed_in_a_dag,
        {"s": S, "s(0:0)": S, "s(1:1)": F, "all": S},
        {"all.x": '["u"]'},
    ),
]
