"""What a key may be, where directories and files stand behind the keys."""

from __future__ import annotations

from dflow.engine.errors import StorageError

__all__ = ["TEMPORARY", "check_key", "is_hidden", "parent_of_prefix"]

TEMPORARY = ".dflow-part-"
"""What the name of a file begins with while it is written."""

_NOT_NAMES = ("", ".", "..")


def check_key(key: str) -> None:
    """Refuse what is no relative path of plain names.

    Raises:
        StorageError: the key is empty, absolute, has a part that is empty, ``.`` or ``..``, or a NUL.
    """
    parts = key.split("/")
    if "\0" in key or any(part in _NOT_NAMES for part in parts):
        raise StorageError(
            f"{key!r} cannot be a key: write a relative path such as 'upload/a/x.txt', without empty parts, '.', '..' "
            "and NUL characters"
        )
    if is_hidden(key):
        raise StorageError(
            f"{key!r} cannot be a key: names that begin with {TEMPORARY!r} are those of unfinished files"
        )


def is_hidden(key: str) -> bool:
    """Whether the path is that of a file which is still written."""
    return TEMPORARY in key and any(part.startswith(TEMPORARY) for part in key.split("/"))


def parent_of_prefix(prefix: str) -> str | None:
    """The directory that holds whatever begins with a text; None when no key can begin with it."""
    parent, slash, _ = prefix.rpartition("/")
    if "\0" in prefix or (slash and any(part in _NOT_NAMES for part in parent.split("/"))):
        return None
    return parent
