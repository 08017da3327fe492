"""Arguments of steps that are more than a value: conditions, sequences, slices, executors."""

from __future__ import annotations

import importlib
import inspect
import typing
from types import UnionType
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ConfigError, ExpressionError
from dflow.engine.expressions import evaluate_when, parse_text
from dflow.engine.expressions.when import check_when
from dflow.engine.near import near_or_all
from dflow.loops import argo_sequence
from dflow.python.slices import Slices

if TYPE_CHECKING:
    from dflow.wiring.shape import Mistakes

__all__ = ["check_condition", "executor_of", "sequence_of", "slices_of"]

Fields = dict[str, Any]

_EXECUTORS = {
    "container": "dflow.executor:ContainerExecutor",
    "dispatcher": "dflow.plugins.dispatcher:DispatcherExecutor",
    "slurm": "dflow.slurm:SlurmRemoteExecutor",
}
_STAND_INS = ("1", "==", "'a'", "")
_PLAIN = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def check_condition(when: str | bool) -> None:
    """Check what can be known of a ``when`` before the values of its tags are.

    Raises:
        ConfigError: it is no condition, whatever the values.
    """
    if isinstance(when, bool):
        return
    try:
        parts = parse_text(when).parts
        if all(isinstance(part, str) for part in parts):
            evaluate_when(when)
            return
        wrong = [_wrong("".join(part if isinstance(part, str) else word for part in parts)) for word in _STAND_INS]
        if None not in wrong:
            raise ConfigError(f"{when!r} is no condition: {wrong[0]}")
    except ExpressionError as exc:
        raise ConfigError(f"{when!r} is no condition: {_first_line(exc)}") from exc


def _wrong(condition: str) -> str | None:
    try:
        check_when(condition)
    except ExpressionError as exc:
        return _first_line(exc)
    return None


def _first_line(exc: ExpressionError) -> str:
    return str(exc.args[0]).partition("\n")[0]


def sequence_of(given: Fields) -> Any:
    """The sequence of numbers that a step loops over.

    Raises:
        ConfigError: an argument is unknown or wrong.
    """
    count = given.get("count")
    if isinstance(count, (int, float)) and (isinstance(count, bool) or count != int(count) or count < 0):
        raise ConfigError(f"count is {count!r}; it must be a whole number, 0 or more, or a text with a tag")
    return _called(argo_sequence, given, "with_sequence")


def slices_of(given: Fields) -> Any:
    """The slices of a step.

    Raises:
        ConfigError: an argument is unknown or wrong.
    """
    return _called(Slices, given, "slices")


def executor_of(given: str | Fields, path: str, mistakes: Mistakes) -> Any:
    """An executor by the name of a kind, or of its class, with its arguments; those of a wrong type are noted.

    Raises:
        ConfigError: there is no such executor, or an argument is unknown or wrong.
    """
    arguments = {"type": given} if isinstance(given, str) else dict(given)
    kind = arguments.pop("type", None)
    if not isinstance(kind, str):
        raise ConfigError(f"it must have a type: {', '.join(_EXECUTORS)}, or package.module:Class")
    place = _EXECUTORS.get(kind, kind)
    module, colon, name = place.partition(":")
    if not colon:
        raise ConfigError(
            f"there is no executor {kind!r}{near_or_all(kind, _EXECUTORS)}; or write package.module:Class"
        )
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigError(f"the executor {kind!r} cannot be imported: {exc}") from exc
    if not (isinstance(cls, type) and callable(getattr(cls, "render", None))):
        raise ConfigError(f"{kind!r} is no executor: it has no method render(template)")
    made = _called(cls, arguments, kind)
    for argument, wanted in _of_another_type(cls, arguments):
        mistakes.add(f"{path}.{argument}", f"it must be {wanted}, not {arguments[argument]!r}")
    return made


def _called(function: Any, arguments: Fields, what: str) -> Any:
    """What a function or class gives, with its arguments by name."""
    known = inspect.signature(function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for name in arguments:
        if name not in known and not takes_any:
            raise ConfigError(f"{what} has no {name!r}{near_or_all(name, known)}")
    try:
        return function(**arguments)
    except (TypeError, ValueError) as exc:
        raise ConfigError(str(exc.args[0] if exc.args else exc).removeprefix(f"{what}: ")) from exc


def _of_another_type(cls: Any, arguments: Fields) -> list[tuple[str, str]]:
    """Arguments that are not of their declared type, where that is a plain one, each with words for it."""
    try:
        hints = typing.get_type_hints(cls.__init__)
    except (NameError, TypeError, AttributeError):  # names that exist for a type checker only
        return []
    return [
        (name, _words(hints[name]))
        for name, value in arguments.items()
        if name in hints and not _is_of(value, hints[name])
    ]


def _is_of(value: Any, hint: Any) -> bool:
    kinds = _kinds(hint)
    if not all(kind in _PLAIN or kind is type(None) for kind in kinds):
        return True
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, (int, float)) and str in kinds:  # a text that looks like a number
        return True
    if isinstance(value, int) and float in kinds:
        return True
    return isinstance(value, kinds)


def _kinds(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, UnionType) else (hint,)


def _words(hint: Any) -> str:
    return " or ".join(_PLAIN[kind] for kind in _kinds(hint) if kind in _PLAIN)
