"""Retries and their time limits."""

from __future__ import annotations

from typing import Any

from parity_kit import Case, E, F, S, counter, echo, flow, gives, ok, shell, step, witness, x_of


def attempts(script: str, strategy: dict[str, Any], *, outputs: Any = None, **arguments: Any) -> Any:
    """A step that leaves a mark for each of its attempts and may end as it likes; another counts the marks."""

    def build():
        log = witness()
        template = shell("marks", f"echo x >> {log}; {script}", retry_strategy=strategy, outputs=outputs and outputs())
        s = step("s", template, continue_on_failed=True, continue_on_error=True, **arguments)
        return flow(s, step("n", shell("count", f"wc -l < {log} | tr -d ' ' > /tmp/x", outputs=gives())))

    return build


def counts_to(until: int, limit: int, **arguments: Any) -> Any:
    """A step that succeeds at its attempt ``until``, counted from 0."""

    def build():
        s = step("s", counter(until, retry_strategy={"limit": limit}), **arguments)
        return flow(s, step("t", x=x_of(s)))

    return build


def retried_in_a_loop():
    script = "echo {{retries}} > /tmp/x; test {{retries}} -ge {{inputs.parameters.x}}"
    template = shell("counter", script, {"x": ...}, outputs=gives(), retry_strategy={"limit": 2})
    s = step("s", template, x="{{item}}", with_param=[0, 2])
    return flow(s, step("t", x=x_of(s)))


def never_prepared():
    log = witness()
    strategy = {"limit": 2, "retryPolicy": "Always"}
    template = shell("marks", f"echo x >> {log}", {"x": ...}, retry_strategy=strategy)
    return flow(step("s", template, x="{{=asInt('word')}}"), step("t", ok()))


def echoes_after_retries():
    s = step("s", counter(1, retry_strategy={"limit": 1}))
    return flow(s, step("t", echo(), x="{{steps.s.outputs.parameters.x}} {{steps.s.status}}"))


ERROR_POLICY, ALWAYS, FAILURE = ({"limit": 2, "retryPolicy": policy} for policy in ("OnError", "Always", "OnFailure"))
ONCE_MORE = {"limit": 1}


def if_(expression: str) -> dict[str, Any]:
    return {"limit": 2, "expression": expression}


def ended(phase: str, marks: int) -> tuple[dict[str, str], dict[str, str]]:
    """What :func:`attempts` gives."""
    return {"s": phase, "n": S}, {"n.x": str(marks)}


RETRIES = [
    Case("RT-01", "a limit of N is N + 1 attempts", attempts("exit 1", {"limit": 2}), *ended(F, 3)),
    Case("RT-01", "a limit of 0 is one attempt", attempts("exit 1", {"limit": 0}), *ended(F, 1)),
    Case("RT-01", "success ends it", attempts("test {{retries}} -ge 1", {"limit": 5}), *ended(S, 2)),
    Case("RT-01", "no limit", attempts("test {{retries}} -ge 4", {"retryPolicy": "OnFailure"}), *ended(S, 5)),
    Case(
        "RT-01", "the default is no retry after an Error", attempts("true", {"limit": 2}, outputs=gives), *ended(E, 1)
    ),
    Case("RT-01", "OnError after an Error", attempts("true", ERROR_POLICY, outputs=gives), *ended(E, 3)),
    Case("RT-01", "OnError after a failure", attempts("exit 1", ERROR_POLICY), *ended(F, 1)),
    Case("RT-01", "OnFailure after an Error", attempts("true", FAILURE, outputs=gives), *ended(E, 1)),
    Case("RT-01", "Always after an Error", attempts("true", ALWAYS, outputs=gives), *ended(E, 3)),
    Case("RT-01", "Always after a failure", attempts("exit 1", ALWAYS), *ended(F, 3)),
    Case(
        "RT-01", "with an expression the default is Always", attempts("true", if_("true"), outputs=gives), *ended(E, 3)
    ),
    Case(
        "RT-02",
        "an expression on the exit code",
        attempts("exit 3", if_("asInt(lastRetry.exitCode) == 3")),
        *ended(F, 3),
    ),
    Case("RT-02", "another exit code", attempts("exit 4", if_("asInt(lastRetry.exitCode) == 3")), *ended(F, 1)),
    Case("RT-02", "the exit code is a text", attempts("exit 3", if_("lastRetry.exitCode == '3'")), *ended(F, 3)),
    Case("RT-02", "an expression on the status", attempts("exit 3", if_("lastRetry.status == 'Error'")), *ended(F, 1)),
    Case("RT-02", "an expression on the count", attempts("exit 3", if_("asInt(retries) < 1")), *ended(F, 2)),
    Case("RT-02", "an expression on the time", attempts("exit 3", if_("asInt(lastRetry.duration) < 9")), *ended(F, 3)),
    Case("RT-02", "the limit holds as well", attempts("exit 3", {"limit": 1, "expression": "true"}), *ended(F, 2)),
    Case("RT-03", "the count in the text of the template", counts_to(2, 2), {"s": S, "t": S}, {"t.x": "2"}),
    Case(
        "RT-06",
        "the last attempt counts",
        attempts("test {{retries}} = 0 && exit 1; true", ALWAYS, outputs=gives),
        *ended(E, 3),
    ),
    Case("RT-06", "no more retries left", counts_to(3, 2), {"s": F}, status=F),
    Case(
        "RT-06", "outputs are those of the last attempt", echoes_after_retries, {"s": S, "t": S}, {"t.x": "1 Succeeded"}
    ),
    Case(
        "RT-04",
        "a wait that grows",
        attempts("exit 1", {"limit": 2, "backoff": {"duration": "0.05", "factor": 2}}),
        *ended(F, 3),
    ),
    Case(
        "TM-03",
        "each attempt has its own time",
        attempts("test {{retries}} -ge 1 || sleep 20", ONCE_MORE, timeout=2),
        *ended(S, 2),
    ),
    Case("TM-03", "attempts over their time", attempts("sleep 20", ONCE_MORE, timeout=0.3), *ended(F, 2)),
    Case(
        "RT-01",
        "copies of a loop are tried again, each by itself",
        retried_in_a_loop,
        {"s(0:0)": S, "s(1:2)": S, "t": S},
        {"t.x": '["0", "2"]'},
    ),
    Case("ST-05", "what cannot be prepared is not tried again", never_prepared, {"s": E}, status=E),
]
