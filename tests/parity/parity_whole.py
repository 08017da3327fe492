"""What concerns whole templates and the workflow: retries of Steps and DAGs, failing fast, kept outputs, the exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parity_kit import (
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
    echo,
    flow,
    gives,
    inner,
    inner_dag,
    ok,
    shell,
    step,
    task,
    witness,
    x_of,
)

if TYPE_CHECKING:
    from dflow import Workflow


def until(attempt: int) -> Any:
    """Fails until its input ``x`` is this number, which it gives."""
    script = f"echo {INPUT} > /tmp/x; test {INPUT} -ge {attempt} || exit 1"
    return shell("until", script, {"x": ...}, outputs=gives())


def retried(template: Any, strategy: dict[str, Any], **arguments: Any) -> Any:
    """A step ``s`` of this template, which is tried again; ``t`` gets what it gives."""

    def build() -> Workflow:
        whole = template()
        whole.retry_strategy = dict(strategy)
        s = step("s", whole, **arguments)
        groups = [s] if "x" not in whole.outputs.parameters else [s, step("t", x=x_of(s))]
        return flow(*groups)

    return build


def steps_until(attempt: int) -> Any:
    def build() -> Any:
        a = step("a", x="{{retries}}")
        b = step("b", until(attempt), x="{{retries}}")
        return inner(a, b, x=x_of(a))

    return build


def dag_until(attempt: int) -> Any:
    def build() -> Any:
        a = task("a", until(attempt), x="{{retries}}")
        b = task("b", x=x_of(a))
        return inner_dag(a, b, x=x_of(b))

    return build


def dag_with_an_error() -> Any:
    return inner_dag(task("a", broken()))


def last_retry() -> Any:
    a = step("a", x="{{lastRetry.status}}/{{lastRetry.exitCode}}")
    return inner(a, step("b", until(1), x="{{retries}}"), x=x_of(a))


def leaf_knows() -> Workflow:
    log = witness()
    known = "{{lastRetry.status}}-{{lastRetry.exitCode}}"
    script = f"printf '%s;' '{known}' >> {log}; test {{{{retries}}}} = 1 || exit 4"
    s = step("s", shell("knows", script, retry_strategy={"limit": 1}))
    return flow(s, step("n", shell("show", f"cat {log} > /tmp/x", outputs=gives())))


def copies() -> Workflow:
    whole = inner(step("a", until(1), x="{{retries}}"), takes={"n": ...})
    whole.retry_strategy = {"limit": 1}
    return flow(step("s", whole, parameters={"n": "{{item}}"}, with_param=[1, 2]))


def covered() -> Workflow:
    whole = inner(step("a", bad()))
    whole.retry_strategy = {"limit": 1}
    return flow(step("s", whole, continue_on_failed=True), step("t", ok()))


def in_the_time_of_the_first(strategy: dict[str, Any], script: str) -> Any:
    """Leaves a mark for each attempt of ``s``; ``n`` counts the marks."""

    def build() -> Workflow:
        log = witness()
        s = step("s", shell("marks", f"echo x >> {log}; {script}", retry_strategy=strategy), continue_on_failed=True)
        return flow(s, step("n", shell("count", f"wc -l < {log} | tr -d ' ' > /tmp/x", outputs=gives())))

    return build


def fast_steps(**arguments: Any) -> Workflow:
    whole = inner([step("a", bad(), **arguments), step("b", ok()), step("c", ok())], parallelism=1)
    whole.fail_fast = True
    return flow(step("s", whole))


def fast_covered() -> Workflow:
    return fast_steps(continue_on_failed=True)


def fast_later_groups() -> Workflow:
    whole = inner(step("a", bad()), step("b", ok()))
    whole.fail_fast = True
    return flow(step("s", whole))


def fast_dag() -> Workflow:
    whole = inner_dag(task("a", bad()), task("b", ok()), task("c", ok()), parallelism=1)
    whole.fail_fast = True
    return flow(step("s", whole))


def kept(*inputs: str) -> Any:
    """Steps of one template with a key from its input, one after another; ``n`` counts those that ran."""

    def build() -> Workflow:
        log = witness()
        script = f"echo x >> {log}; echo {INPUT} > /tmp/x"
        template = shell("kept", script, {"x": ...}, outputs=gives(), memoize_key="k-{{inputs.parameters.x}}")
        steps = [step(f"s{number}", template, x=text) for number, text in enumerate(inputs)]
        return flow(*steps, step("n", shell("count", f"wc -l < {log} | tr -d ' ' > /tmp/x", outputs=gives())))

    return build


def kept_under_no_key() -> Workflow:
    template = shell("kept", "true", {"x": ...}, memoize_key="{{inputs.parameters.x}}")
    return flow(step("first", x="a_b"), step("s", template, x="{{steps.first.outputs.parameters.x}}"))


def kept_failure() -> Workflow:
    template = shell("kept", f"echo x >> {witness()}; test $(wc -l < {witness()}) -ge 2", memoize_key="k")
    return flow(step("s", template, continue_on_failed=True), step("t", template))


def left_by(*groups: Any) -> Any:
    """A workflow of these steps with an exit handler that gives what it knows of its end."""

    def build() -> Workflow:
        made = [group() for group in groups]
        script = "printf %s '{{workflow.status}}' > /tmp/x"
        template = shell("leave", script, outputs=gives(global_name="status"))
        return flow(*made, on_exit=template)

    return build


def exit_that_fails() -> Workflow:
    return flow(step("s", ok()), on_exit=bad())


def exit_that_fails_too() -> Workflow:
    return flow(step("s", broken()), on_exit=bad())


def exit_sees_outputs() -> Workflow:
    script = "printf %s '{{workflow.outputs.parameters.g}}' > /tmp/x"
    return flow(step("s", echo(global_name="g"), x="7"), on_exit=shell("leave", script, outputs=gives()))


def exit_of_steps() -> Workflow:
    leave = inner(step("say", x="{{workflow.status}}"), step("not", ok(), when="{{workflow.status}} == Succeeded"))
    return flow(step("s", bad()), on_exit=leave)


def exit_after_an_omission() -> Workflow:
    leave = shell("leave", "printf %s '{{workflow.status}}' > /tmp/x", outputs=gives())
    return dag(
        task("a", ok(), when="false"), task("b", bad(), after=("a",)), task("c", ok(), after=("b",)), on_exit=leave
    )


ONCE, TWICE = {"limit": 1}, {"limit": 2}

WHOLE = [
    Case(
        "RT-05",
        "all of a Steps runs again under a node of its own",
        retried(steps_until(1), TWICE),
        {"s": S, "s(0)": F, "a": f"{S} {S}", "b": f"{F} {S}", "s(1)": S, "t": S},
        {"t.x": "1"},
    ),
    Case(
        "RT-05",
        "all of a DAG runs again",
        retried(dag_until(2), TWICE),
        {"s": S, "s(0)": F, "s(1)": F, "s(2)": S, "a": f"{F} {F} {S}", "b": f"{OMITTED} {OMITTED} {S}", "t": S},
        {"t.x": "2"},
    ),
    Case(
        "RT-05",
        "each copy of a loop by itself",
        copies,
        {
            **dict.fromkeys(("s(0:1)", "s(0:1)(1)", "s(1:2)", "s(1:2)(1)"), S),
            **dict.fromkeys(("s(0:1)(0)", "s(1:2)(0)"), F),
            "a": f"{F} {S} {F} {S}",
        },
    ),
    Case(
        "RT-06",
        "the last attempt of a Steps counts",
        retried(steps_until(9), ONCE),
        {"s": F, "s(0)": F, "s(1)": F, "a": f"{S} {S}", "b": f"{F} {F}"},
        status=F,
    ),
    Case(
        "RT-06",
        "a retried Steps that failed can be covered",
        covered,
        {"s": F, "s(0)": F, "s(1)": F, "a": f"{F} {F}", "t": S},
    ),
    Case(
        "RT-01",
        "the default is no retry after an Error of a DAG",
        retried(dag_with_an_error, ONCE),
        {"s": E, "s(0)": E, "a": E},
        status=F,
    ),
    Case(
        "RT-01",
        "OnError after an Error of a DAG",
        retried(dag_with_an_error, {"limit": 1, "retryPolicy": "OnError"}),
        {"s": E, "s(0)": E, "s(1)": E, "a": f"{E} {E}"},
        status=F,
    ),
    Case(
        "RT-02",
        "an expression on the attempt of a Steps",
        retried(steps_until(9), {"limit": 5, "expression": "asInt(retries) < 1"}),
        {"s": F, "s(0)": F, "s(1)": F, "a": f"{S} {S}", "b": f"{F} {F}"},
        status=F,
    ),
    Case(
        "RT-03",
        "what the steps inside know of the last attempt",
        retried(last_retry, ONCE),
        {"s": S, "s(0)": F, "s(1)": S, "a": f"{S} {S}", "b": f"{F} {S}", "t": S},
        {"t.x": "Failed/-1"},
    ),
    Case(
        "RT-03",
        "what a leaf knows of its first attempt and its second",
        leaf_knows,
        {"s": S, "n": S},
        {"n.x": "-0;Failed-4;"},
    ),
    Case(
        "RT-04",
        "no retry whose wait would cross the longest duration",
        in_the_time_of_the_first({"limit": 3, "backoff": {"duration": "1m", "maxDuration": "30s"}}, "exit 1"),
        {"s": F, "n": S},
        {"n.x": "1"},
    ),
    Case(
        "RT-04",
        "a retry within the longest duration",
        in_the_time_of_the_first({"limit": 1, "backoff": {"duration": "0.01", "maxDuration": "1m"}}, "exit 1"),
        {"s": F, "n": S},
        {"n.x": "2"},
    ),
    Case(
        "RT-04",
        "the longest duration bounds the attempt that runs",
        in_the_time_of_the_first({"limit": 3, "backoff": {"maxDuration": "1"}}, "sleep 60"),
        {"s": F, "n": S},
        {"n.x": "1"},
    ),
    Case(
        "RT-04",
        "the longest duration of a Steps",
        retried(steps_until(9), {"limit": 3, "backoff": {"duration": "1m", "maxDuration": "30s"}}),
        {"s": F, "s(0)": F, "a": S, "b": F},
        status=F,
    ),
    Case("ST-04", "failFast starts no more siblings", fast_steps, {"s": F, "a": F}, status=F),
    Case(
        "ST-04",
        "failFast and a failure that is covered",
        fast_covered,
        {"s": S, "a": F, "b": S, "c": S},
        differs="a failure that continueOn covers counts for failFast too",
    ),
    Case("ST-04", "failFast and later groups", fast_later_groups, {"s": F, "a": F}, status=F),
    Case("DG-06", "failFast starts no more tasks", fast_dag, {"s": F, "a": F}, status=F),
    Case("MM-01", "a miss runs, a hit does not", kept("1", "1"), {"s0": S, "s1": S, "n": S}, {"s1.x": "1", "n.x": "1"}),
    Case("MM-01", "another key runs", kept("1", "2"), {"s0": S, "s1": S, "n": S}, {"s1.x": "2", "n.x": "2"}),
    Case("MM-01", "a key with an underscore is an Error", kept_under_no_key, {"first": S, "s": E}, status=E),
    Case("MM-01", "what failed is not kept", kept_failure, {"s": F, "t": S}),
    Case(
        "HK-02",
        "the exit handler after success",
        left_by(lambda: step("s", ok())),
        {"s": S, "onExit": S},
        {"workflow.status": "Succeeded"},
    ),
    Case(
        "HK-02",
        "the exit handler after a failure",
        left_by(lambda: step("s", bad())),
        {"s": F, "onExit": S},
        {"workflow.status": "Failed"},
        status=F,
    ),
    Case("PH-06", "an exit handler that fails, fails the workflow", exit_that_fails, {"s": S, "onExit": F}, status=F),
    Case("PH-06", "a workflow that failed stays so", exit_that_fails_too, {"s": E, "onExit": F}, status=F),
    Case("HK-02", "it sees what the workflow gives", exit_sees_outputs, {"s": S, "onExit": S}, {"onExit.x": "7"}),
    Case(
        "HK-02",
        "it may be a Steps",
        exit_of_steps,
        {"s": F, "onExit": S, "say": S, "not": SKIPPED},
        {"say.x": "Failed"},
        status=F,
    ),
    Case(
        "PH-06",
        "its status where a failure leaves a task out",
        exit_after_an_omission,
        {"a": SKIPPED, "b": F, "c": OMITTED, "onExit": S},
        {"onExit.x": "Failed"},
        status=F,
    ),
]
