"""Steps and tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine import depends
from dflow.engine.model import Call, ContinueOn, Hook, Literal, Loop, Sequence
from dflow.exporters.argo.load.artifacts import source_of
from dflow.exporters.argo.load.inline import closed
from dflow.exporters.argo.load.ports import given_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import ArtifactSource, Value
    from dflow.exporters.argo.load.context import Context

__all__ = ["EXIT_PHASES", "CallReader", "Target"]

EXIT_PHASES = ("Succeeded", "Failed", "Error")
_KEY = "dflow_key"

Fields = dict[str, Any]


class Target:
    """What is called.

    Attributes:
        name: of the template in the graph.
        parameters, artifacts: names of its inputs.
        helper: an exporter made it.
    """

    def __init__(self, name: str, fields: Fields, *, helper: bool = False) -> None:
        self.name = name
        self.parameters = {row.get("name", "") for row in fields.get("inputs", {}).get("parameters", [])}
        self.artifacts = {row.get("name", "") for row in fields.get("inputs", {}).get("artifacts", [])}
        self.helper = helper


class CallReader:
    """Reads the steps or tasks of one template.

    Args:
        find: what a step, task or hook calls; None when that is not known.
        parallelism: how many children of the template may run at once, which the copies of a loop are too (PL-01).
    """

    def __init__(
        self, context: Context, find: Callable[[Fields, str], Target | None], parallelism: int | None = None
    ) -> None:
        self._context = context
        self._parallelism = parallelism
        self._book = context.book
        self._find = find

    def step(self, fields: Fields, path: str) -> Call:
        """A step."""
        with self._book.at(f"step {fields.get('name', '')!r}"):
            return self._call(fields, path)

    def task(self, fields: Fields, path: str) -> Call:
        """A task, with what it waits for (DG-01, DG-02)."""
        with self._book.at(f"task {fields.get('name', '')!r}"):
            call = self._call(fields, path)
        text = fields.get("depends", "").strip()
        if not text:
            return replace(call, dependencies=tuple(dict.fromkeys(fields.get("dependencies", []))))
        mentioned = depends.parse(text).tasks
        names = tuple(dict.fromkeys(name for name, _ in mentioned))
        is_plain = all(not result for _, result in mentioned) and not any(sign in text for sign in "|!")
        return replace(call, dependencies=names, depends=None if is_plain else text)

    def _call(self, fields: Fields, path: str) -> Call:
        name = self._context.fixed(fields.get("name", ""), "the name")
        if "inline" in fields:
            fields = closed(fields, self._book)
        target = self._find(fields, path)
        call = self._bound(name, fields.get("arguments", {}), target)
        when = fields.get("when", "").strip()
        key = dict(call.parameters).get(_KEY)
        rule = fields.get("continueOn", {})
        return replace(
            call,
            when=self._context.value(when) if when else None,
            key=None if target is None or target.helper or key == Literal("") else key,
            continue_on=ContinueOn(bool(rule.get("failed")), bool(rule.get("error"))),
            loop=self._loop(fields),
            hooks=tuple(self._hooks(name, fields, path)),
        )

    def _bound(self, name: str, arguments: Fields, target: Target | None) -> Call:
        """A call with the arguments that its template takes."""
        if target is None:
            return Call(name, "")
        parameters = tuple(
            (row.get("name", ""), self._parameter(row))
            for row in arguments.get("parameters", [])
            if row.get("name", "") in target.parameters
        )
        artifacts = [
            (row.get("name", ""), self._artifact(row))
            for row in arguments.get("artifacts", [])
            if row.get("name", "") in target.artifacts
        ]
        return Call(name, target.name, parameters, tuple((key, found) for key, found in artifacts if found is not None))

    def _parameter(self, row: Fields) -> Value:
        with self._book.at(f"parameter {row.get('name', '')!r}"):
            return self._context.value(given_text(row, self._context) or "")

    def _artifact(self, row: Fields) -> ArtifactSource | None:
        with self._book.at(f"artifact {row.get('name', '')!r}"):
            return source_of(row, self._context)

    # -- loops ---------------------------------------------------------------------------------------------

    def _loop(self, fields: Fields) -> Loop | None:
        """The loop of a step or task; an empty ``withItems`` is none."""
        if fields.get("withItems"):
            return Loop(self._context.json(fields["withItems"]), self._parallelism)
        if fields.get("withParam"):
            return Loop(self._context.value(fields["withParam"].strip()), self._parallelism)
        if "withSequence" not in fields:
            return None
        given = {name: str(value) for name, value in fields["withSequence"].items() if value != ""}
        values = {name: self._context.value(text) for name, text in given.items()}
        sequence = Sequence(values.get("count"), values.get("start"), values.get("end"), values.get("format"))
        return Loop(sequence, self._parallelism)

    # -- hooks ---------------------------------------------------------------------------------------------

    def _hooks(self, name: str, fields: Fields, path: str) -> list[Hook]:
        hooks = dict(fields.get("hooks", {}))
        if fields.get("onExit") and "exit" not in hooks:
            hooks["exit"] = {"template": fields["onExit"], "arguments": fields.get("arguments", {})}
        return [self.hook(hook, fields_of, name, f"{path}.hooks.{hook}") for hook, fields_of in hooks.items()]

    def hook(self, hook: str, fields: Fields, owner: str, path: str) -> Hook:
        """A hook of a step, a task or the workflow called ``owner``."""
        with self._book.at(f"hook {hook!r}"):
            shown = f"{owner}.onExit" if hook == "exit" else f"{owner}.hooks.{hook}"
            call = self._bound(shown, fields.get("arguments", {}), self._find(fields, path))
            expression = fields.get("expression", "").strip() or None
            return Hook(hook, call, EXIT_PHASES if hook == "exit" else (), expression)
