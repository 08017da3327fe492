"""What the page can do to a run: leave the requests that the command line leaves, or start a runner where none is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dflow import query
from dflow.engine.errors import ConfigError, DflowError
from dflow.engine.lease import is_running
from dflow.engine.phase import Phase
from dflow.ui.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.layout import RunLayout
    from dflow.ui.watched import Watched

__all__ = ["ACTIONS", "act", "wish_of"]

_PATIENCE = 5.0
_MOST_STEPS = 1000


class Wish(NamedTuple):
    """What a request names.

    Attributes:
        steps: ids of nodes.
        outputs: values for steps that wait.
    """

    steps: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = {}


def wish_of(data: Any) -> Wish:
    """What the body of a request names.

    Raises:
        Refused: it is not ``{"steps": [ids], "outputs": {name: value}}``, both of which may be left out.
    """
    if not isinstance(data, dict) or data.keys() - {"steps", "outputs"}:
        raise Refused(400, 'The request must be a JSON object, {"steps": [ids], "outputs": {name: value}}')
    steps, outputs = data.get("steps", []), data.get("outputs", {})
    if not isinstance(steps, list) or not all(isinstance(step, str) and step for step in steps):
        raise Refused(400, "steps must be a list of ids")
    if len(steps) > _MOST_STEPS:
        raise Refused(400, f"steps must be at most {_MOST_STEPS}")
    if not isinstance(outputs, dict):
        raise Refused(400, "outputs must be an object of values by name")
    return Wish(tuple(steps), outputs)


def act(run: Watched, verb: str, wish: Wish) -> str:
    """Do it; a sentence that says what was done.

    Raises:
        Refused: it cannot be done now.
    """
    layout = run.source.layout
    try:
        if layout is None:
            from dflow.ui.argo import act_on_server

            return act_on_server(run, verb, wish)
        if verb not in ("resume", "retry"):
            return ACTIONS[verb](layout, wish)
        if not run.starting.acquire(blocking=False):
            raise Refused(409, f"{layout.id} is just being started by another request")
        try:
            return ACTIONS[verb](layout, wish)
        finally:
            run.starting.release()
    except ConfigError as exc:
        raise Refused(400, str(exc)) from exc
    except (DflowError, OSError) as exc:
        raise Refused(409, str(exc)) from exc


def _end(verb: str) -> Callable[[RunLayout, Wish], str]:
    def end(layout: RunLayout, wish: Wish) -> str:
        _refuse_steps(verb, wish)
        from dflow import local

        if not local.request(layout, verb, _PATIENCE):
            raise Refused(409, f"{layout.id} had ended before, {query.read_status(layout)}")
        if is_running(layout):
            return f"{layout.id} is asked to {verb}; its steps are being ended"
        return f"{layout.id} has ended: {query.read_status(layout)}"

    return end


def _suspend(layout: RunLayout, wish: Wish) -> str:
    _refuse_steps("suspend", wish)
    from dflow import local

    local.post(layout, "suspend")
    return f"{layout.id} starts no more steps until it is resumed"


def _resume(layout: RunLayout, wish: Wish) -> str:
    from dflow import local

    status = Phase(query.read_status(layout))
    if status.is_ok and not is_running(layout):
        raise Refused(409, f"{layout.id} has ended: {status}")
    local.resume(layout, wish.outputs, wish.steps)
    return f"{layout.id} goes on"


def _retry(layout: RunLayout, wish: Wish) -> str:
    from dflow import local
    from dflow.background import start_runner

    if wish.outputs:
        raise Refused(400, "A retry takes no outputs")
    if is_running(layout) and local.retry(layout, wish.steps) is None:
        return f"{layout.id} is running; when this attempt has ended, the steps are run again"
    if len(wish.steps) > 1:
        raise Refused(409, "One step can be run again at a time, or all that failed")
    for step in wish.steps:
        if not any(step in (node.id, node.key, node.display) for node in query.read_nodes(layout)):
            raise Refused(404, f"The run {layout.id} has no step {step!r}")
    if not wish.steps and Phase(query.read_status(layout)).is_ok:
        raise Refused(409, f"Nothing of {layout.id} has failed")
    start_runner(layout, *(f"--step={step}" for step in wish.steps), verb="retry")
    return f"{layout.id} goes on in the background"


def _refuse_steps(verb: str, wish: Wish) -> None:
    if wish.steps or wish.outputs:
        raise Refused(400, f"To {verb} is for the whole run; it takes no steps and no outputs")


ACTIONS: Mapping[str, Callable[[RunLayout, Wish], str]] = {
    "terminate": _end("terminate"),
    "stop": _end("stop"),
    "suspend": _suspend,
    "resume": _resume,
    "retry": _retry,
}
"""By the last word of the address."""
