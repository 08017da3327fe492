"""Outputs, defaults, what was skipped, expressions, and artifacts."""

from __future__ import annotations

from typing import Any

from dflow import OutputArtifact, OutputParameter, Outputs, if_expression
from parity_kit import (
    SKIPPED,
    Case,
    E,
    F,
    S,
    broken,
    dag,
    echo,
    flow,
    gives,
    inner,
    maker,
    ok,
    picky,
    reader,
    shell,
    step,
    task,
    x_of,
)


def writes(script: str, **arguments: Any) -> Any:
    return lambda: flow(step("s", shell("writer", script, outputs=gives(**arguments))))


def computed(expression: str, text: str = "3") -> Any:
    """An expression over the output of a step, whose name here is ``X``."""
    source = expression.replace("X", "steps.first.outputs.parameters.x")
    return lambda: flow(step("first", x=text), step("s", x="{{=" + source + " }}"))


def skipped_producer(of_producer: Any = None, of_consumer: Any = ..., x: Any = None) -> Any:
    """A consumer of a skipped step; ``x`` is its argument instead of the plain reference."""

    def build():
        named = {} if of_producer is None else {"default": of_producer}
        first = step("first", echo(**named), x="1", when="false")
        return flow(first, step("s", echo(of_consumer), x=x_of(first) if x is None else x))

    return build


def skipped_task(x: str | None = None, default: Any = ...) -> Any:
    def build():
        a = task("a", x="1", when="false")
        return dag(a, task("b", echo(default), x=x_of(a) if x is None else x, after=("a",)))

    return build


def output_of_failure():
    s = step("s", picky(), x="bad one", continue_on_failed=True)
    return flow(s, step("t", x=x_of(s)))


def exit_code():
    s = step("s", shell("bad", "exit 7"), continue_on_failed=True)
    return flow(s, step("t", x="{{steps.s.exitCode}} {{steps.s.status}}"))


def output_of_steps(default: Any = None, *, when: str | None = None) -> Any:
    """Steps whose output is that of a step inside."""

    def build():
        a = step("a", x="1", when=when)
        template = inner(a, x=x_of(a))
        if default is not None:
            template.outputs.parameters["x"].default = default
        return flow(step("s", template), step("t", ok()))

    return build


def chosen_output(text: str, default: Any = None) -> Any:
    def build():
        a = step("a", x=text)
        template = inner(a)
        template.outputs.parameters["x"] = OutputParameter(
            value_from_expression=if_expression(x_of(a) < 3, "small", "large")
        )
        if default is not None:
            template.outputs.parameters["x"].default = default
        return flow(step("s", template))

    return build


def output_of_failed_steps():
    a = step("a", x="1")
    template = inner(a, step("b", broken()), x=x_of(a))
    s = step("s", template, continue_on_failed=True)
    return flow(s, step("t", x=x_of(s)))


def global_outputs(**arguments: Any) -> Any:
    return lambda: flow(step("a", echo(global_name="g"), x="1"), step("b", echo(global_name="g"), x="2", **arguments))


def artifact_of(producer: Any = maker, *, when: str | None = None, optional: bool = False, in_dag: bool = False) -> Any:
    """A step that reads the artifact of another."""

    def build():
        make = task if in_dag else step
        first = make("first", producer(), when=when)
        second = make("second", reader(optional=optional), artifacts={"file": first.outputs.artifacts["file"]})
        return dag(first, second) if in_dag else flow(first, second)

    return build


def unused_artifact_argument():
    return flow(step("s", reader(optional=True)))


def part_of_an_artifact():
    template = shell("maker", "mkdir -p /tmp/file/deep; echo part > /tmp/file/deep/name")
    template.outputs = Outputs(artifacts={"file": OutputArtifact(path="/tmp/file", archive=None)})
    first = step("first", template)
    return flow(
        first, step("second", reader(), artifacts={"file": first.outputs.artifacts["file"].sub_path("deep/name")})
    )


def chosen_artifact(text: str) -> Any:
    """An artifact that is made by one of two steps, the other of which is skipped."""

    def build():
        word = step("word", x=text)
        left = step("left", maker(script="echo left > /tmp/file"), when=x_of(word) == "left")
        right = step("right", maker(script="echo right > /tmp/file"), when=x_of(word) != "left")
        template = inner(word, [left, right])
        template.outputs.artifacts["file"] = OutputArtifact(
            from_expression=if_expression(
                x_of(word) == "left", left.outputs.artifacts["file"], right.outputs.artifacts["file"]
            )
        )
        chosen = step("chosen", template)
        return flow(chosen, step("read", reader(), artifacts={"file": chosen.outputs.artifacts["file"]}))

    return build


def artifact_out_of_steps(*, optional: bool) -> Any:
    """The output of Steps is the artifact of a step that is skipped."""

    def build():
        made = step("made", maker(), when="false")
        template = inner(made)
        artifact = OutputArtifact(_from=made.outputs.artifacts["file"], optional=optional)
        template.outputs.artifacts["file"] = artifact
        s = step("s", template)
        return flow(s, step("read", reader(optional=True), artifacts={"file": s.outputs.artifacts["file"]}))

    return build


def workflow_parameter():
    return flow(step("s", x="{{workflow.parameters.p}}!"), parameters={"p": "v"})


def tag_in_a_value():
    first = step("first", x="{{=string('{') + '{item}' + '}'}}")
    return flow(first, step("s", x=x_of(first)))


NIL = "steps.first.outputs.parameters.x"
BOTH = {"first": S, "s": S}
FIRST_SKIPPED = {"first": SKIPPED, "s": S}

OUTPUTS = [
    # -- output parameters of programs
    Case("OU-02", "one newline at the end is dropped", writes(r"printf 'a\n\n' > /tmp/x"), {"s": S}, {"s.x": "a\n"}),
    Case("OU-02", "no file, but a default", writes("true", default="d"), {"s": S}, {"s.x": "d"}),
    Case("OU-02", "an empty file is no missing one", writes(": > /tmp/x", default="d"), {"s": S}, {"s.x": ""}),
    Case("OU-03", "outputs are collected after a failure", output_of_failure, {"s": F, "t": S}, {"t.x": "bad one"}),
    Case("OU-03", "and the exit code", exit_code, {"s": F, "t": S}, {"t.x": "7 Failed"}),
    # -- expressions
    Case("TG-05", "a result that is no text is JSON", computed("[asInt(X), 1.0, true]"), BOTH, {"s.x": "[3,1,true]"}),
    Case("TG-06", "a text and a number do not add up", computed("X + 1"), {"first": S, "s": E}, status=E),
    Case("TG-06", "a text that is made a number", computed("asInt(X) + 1"), BOTH, {"s.x": "4"}),
    Case("TG-06", "a text is never equal to a number", computed("X == 3"), BOTH, {"s.x": "false"}),
    Case("TG-06", "a fraction is no integer", computed("asInt(X)", "1.5"), {"first": S, "s": E}, status=E),
    Case("TG-07", "a quotient is a float", computed("asInt(X) / 2"), BOTH, {"s.x": "1.5"}),
    Case("TG-07", "a whole float has no point", computed("asInt(X) / 2", "4"), BOTH, {"s.x": "2"}),
    Case("TG-09", "a value out of JSON", computed("jsonpath(X, '$.a')", '{"a": 5}'), BOTH, {"s.x": "5"}),
    Case("TG-11", "a parameter of the workflow", workflow_parameter, {"s": S}, {"s.x": "v!"}),
    # -- outputs of Steps
    Case("OU-04", "the output of steps", output_of_steps(), {"s": S, "a": S, "t": S}, {"s.x": "1"}),
    Case("OU-05", "its source was skipped", output_of_steps(when="false"), {"s": E, "a": SKIPPED}, status=F),
    Case(
        "OU-05",
        "its source was skipped, with a default",
        output_of_steps("d", when="false"),
        {"s": S, "a": SKIPPED, "t": S},
        {"s.x": "d"},
    ),
    Case("OU-04", "chosen by an expression", chosen_output("10"), {"s": S, "a": S}, {"s.x": "large"}),
    Case("OU-04", "its expression fails", chosen_output("word"), {"s": E, "a": S}, status=F),
    Case("OU-04", "its expression fails, with a default", chosen_output("word", "d"), {"s": S, "a": S}, {"s.x": "d"}),
    Case(
        "OU-04",
        "steps that failed give nothing",
        output_of_failed_steps,
        {"s": F, "a": S, "b": E, "t": E},
        status=E,
        differs="the reference never resolves and the node waits for ever",
    ),
    # -- skipped producers
    Case("OU-05", "the producer's default", skipped_producer("d"), FIRST_SKIPPED, {"s.x": "d"}),
    Case("OU-05", "the consumer's default", skipped_producer(of_consumer="c"), FIRST_SKIPPED, {"s.x": "c"}),
    Case("OU-05", "the producer's default goes first", skipped_producer("d", "c"), FIRST_SKIPPED, {"s.x": "d"}),
    Case("OU-05", "no default at all", skipped_producer(), {"first": SKIPPED, "s": E}, status=E),
    Case(
        "OU-05",
        "inside of a longer text",
        skipped_producer(of_consumer="c", x="<{{" + NIL + "}}>"),
        {"first": SKIPPED, "s": E},
        status=E,
    ),
    Case(
        "OU-05", "nil in an expression", skipped_producer(x="{{=" + NIL + " ?? 'nil'}}"), FIRST_SKIPPED, {"s.x": "nil"}
    ),
    Case("OU-05", "nil in a comparison", skipped_producer(x="{{=" + NIL + " == nil}}"), FIRST_SKIPPED, {"s.x": "true"}),
    Case(
        "OU-05",
        "nil as the result, with a default",
        skipped_producer(of_consumer="c", x="{{=" + NIL + "}}"),
        {"first": SKIPPED, "s": E},
        status=E,
    ),
    Case("OU-05", "in a DAG, no default", skipped_task(), {"a": SKIPPED, "b": E}, status=E),
    Case("OU-05", "in a DAG, the consumer's default", skipped_task(default="c"), {"a": SKIPPED, "b": S}, {"b.x": "c"}),
    Case(
        "OU-05",
        "in a DAG, nil in an expression",
        skipped_task("{{=tasks.a.outputs.parameters.x ?? 'nil'}}"),
        {"a": SKIPPED, "b": S},
        {"b.x": "nil"},
    ),
    # -- global outputs
    Case("OU-07", "the last writer wins", global_outputs(), {"a": S, "b": S}, {"workflow.g": "2"}),
    Case(
        "OU-07",
        "what is skipped writes nothing",
        global_outputs(when="false"),
        {"a": S, "b": SKIPPED},
        {"workflow.g": "1"},
    ),
    # -- artifacts
    Case("OU-08", "an artifact", artifact_of(), {"first": S, "second": S}, {"second.x": "made"}),
    Case("PH-07", "an artifact that was not made", artifact_of(lambda: maker(script="true")), {"first": E}, status=F),
    Case(
        "OU-08",
        "an optional output that was not made, an optional input",
        artifact_of(lambda: maker(script="true", optional=True), optional=True),
        {"first": S, "second": S},
        {"second.x": "absent"},
    ),
    Case(
        "OU-08",
        "an optional output that was not made, an input that is needed",
        artifact_of(lambda: maker(script="true", optional=True)),
        {"first": S, "second": E},
        status=F,
    ),
    Case("OU-08", "an optional input without argument", unused_artifact_argument, {"s": S}, {"s.x": "absent"}),
    Case(
        "OU-06",
        "of a skipped step, an optional input",
        artifact_of(when="false", optional=True),
        {"first": SKIPPED, "second": S},
        {"second.x": "absent"},
    ),
    Case(
        "OU-06",
        "of a skipped step, an input that is needed",
        artifact_of(when="false"),
        {"first": SKIPPED, "second": E},
        status=F,
    ),
    Case(
        "OU-06",
        "of a skipped task, an optional input",
        artifact_of(when="false", optional=True, in_dag=True),
        {"first": SKIPPED, "second": S},
        {"second.x": "absent"},
    ),
    Case(
        "OU-06",
        "of a skipped task, an input that is needed",
        artifact_of(when="false", in_dag=True),
        {"first": SKIPPED, "second": E},
        status=E,
    ),
    Case(
        "OU-06",
        "a skipped step's as that of Steps, optional",
        artifact_out_of_steps(optional=True),
        {"s": S, "made": SKIPPED, "read": S},
        {"read.x": "absent"},
    ),
    Case("OU-08", "a part of an artifact", part_of_an_artifact, {"first": S, "second": S}, {"second.x": "part"}),
    Case(
        "OU-06",
        "chosen by an expression, the first",
        chosen_artifact("left"),
        {"chosen": S, "word": S, "left": S, "right": SKIPPED, "read": S},
        {"read.x": "left"},
    ),
    Case(
        "OU-06",
        "chosen by an expression, the second",
        chosen_artifact("other"),
        {"chosen": S, "word": S, "left": SKIPPED, "right": S, "read": S},
        {"read.x": "right"},
    ),
    Case(
        "TG-03",
        "tags in values",
        tag_in_a_value,
        BOTH,
        {"s.x": "{{item}}"},
        differs="a value that holds a tag can be expanded by a later pass",
    ),
]
