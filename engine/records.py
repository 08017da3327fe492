"""Frozen records: what ``dataclass(frozen=True, slots=True)`` makes, without what that costs at import.

The standard library compiles six methods for each class: half a millisecond, and about a hundred classes are imported
when a run starts, of which it uses few. Here the methods are closures. Compiled ones are faster to run, so a class of
which many instances are made gets those of the standard library.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError
from functools import partial
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from dataclasses import dataclass as record
else:

    def record(*, frozen, slots):
        """A class decorator; both arguments must be true, and are there for who checks types.

        ``field`` may have a default, ``default_factory``, ``kw_only``, ``compare`` and ``repr``. Methods that the class
        defines itself are kept. ``dataclasses.fields``, ``replace`` and ``asdict`` work.
        """
        if not (frozen and slots):
            raise TypeError("a record is frozen and has slots; use dataclasses.dataclass for another")
        return _complete


__all__ = ["record", "records_in"]

_MANY = 200
"""To fill so many instances takes about as long as to compile what fills them faster."""


def records_in(found: Any) -> Iterator[Any]:
    """A record, and all records that it holds, in tuples too."""
    if isinstance(found, tuple):
        for item in found:
            yield from records_in(item)
    elif dataclasses.is_dataclass(found):
        yield found
        for field in dataclasses.fields(found):
            yield from records_in(getattr(found, field.name))


def _complete(cls: type[Any]) -> type[Any]:
    written = {name for name, value in cls.__dict__.items() if value is not None}  # beside ``__eq__`` the hash is None
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for name, method in {**_SHARED, **_comparison(made), "__init__": _FirstInit(made, written)}.items():
        if name not in written:
            setattr(made, name, method)
    return made


class _FirstInit:
    """Stands for ``__init__`` until many instances are made, arguments do not fit, or somebody looks at it."""

    __slots__ = ("_cls", "_fields", "_has_more_to_do", "_left", "_written")

    def __init__(self, cls: type[Any], written: set[str]) -> None:
        self._cls, self._written, self._left = cls, written, _MANY
        self._fields = dataclasses.fields(cls)
        self._has_more_to_do = hasattr(cls, "__post_init__")
        if not all(field.init for field in self._fields):
            raise TypeError(f"{cls.__qualname__}: a record has no field(init=False)")

    def __get__(self, instance: Any, cls: type[Any] | None = None) -> Any:
        if isinstance(instance, self._cls):
            return partial(self._fill, instance)
        return self._replaced().__get__(instance, cls)  # inspect.signature of Python 3.13 gives a class as the instance

    def _fill(self, instance: Any, /, *args: Any, **named: Any) -> None:
        self._left -= 1
        if self._left < 0 or not _filled(instance, self._fields, args, dict(named)):
            self._replaced()(instance, *args, **named)  # says what is wrong with the arguments
        elif self._has_more_to_do:
            instance.__post_init__()

    def _replaced(self) -> Any:
        """The one of the standard library, which the class has from now on."""
        compiled = _compiled(self._cls)  # two threads that are here at once make two that are alike
        for name in {"__init__", "__eq__", "__hash__"} - self._written:
            setattr(self._cls, name, getattr(compiled, name))
        return compiled.__init__


def _filled(self: Any, fields: tuple[Any, ...], args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Fill an instance; False when the arguments do not fit."""
    given = iter(args)
    for field in fields:
        value = MISSING if field.kw_only else next(given, MISSING)
        if value is MISSING:
            value = named.pop(field.name, field.default)
        if value is MISSING:
            if field.default_factory is MISSING:
                return False
            value = field.default_factory()
        object.__setattr__(self, field.name, value)
    return not named and next(given, MISSING) is MISSING


def _compiled(cls: type[Any]) -> Any:
    """A class with the methods that the standard library makes for these fields."""
    body: dict[str, Any] = {name: getattr(cls, name) for name in ("__doc__", "__module__", "__qualname__")}
    body["__annotations__"] = {field.name: field.type for field in dataclasses.fields(cls)}
    for f in dataclasses.fields(cls):
        body[f.name] = dataclasses.field(
            default=f.default, default_factory=f.default_factory, compare=f.compare, kw_only=f.kw_only
        )
    if hasattr(cls, "__post_init__"):
        body["__post_init__"] = cls.__post_init__
    return dataclasses.dataclass(frozen=True, repr=False, match_args=False)(type(cls.__name__, (), body))


def _comparison(cls: type[Any]) -> dict[str, Callable[..., Any]]:
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    parts: Callable[[Any], tuple[Any, ...]]  # as of the standard library: a hash stays when its method is exchanged
    parts = attrgetter(*names) if len(names) > 1 else lambda self: tuple([getattr(self, name) for name in names])

    def eq(self: Any, other: object) -> Any:
        return parts(self) == parts(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_(self: Any) -> int:
        return hash(parts(self))

    return {"__eq__": eq, "__hash__": hash_}


@recursive_repr()
def _repr(self: Any) -> str:
    shown = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_change(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _values(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_values(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_SHARED = {
    "__repr__": _repr,
    "__setattr__": _refuse_change,
    "__delattr__": _refuse_deletion,
    "__getstate__": _values,
    "__setstate__": _set_values,
}
