"""Places for running leaf steps, shared by a run and the runs that its steps start.

A place is one byte of the file ``.dflow/slots`` of the outermost run, and belongs to whoever has locked it. The system
takes a lock back when its process ends, however it ends, so no place is ever lost. A run inside a step has the place of
that step besides, which waits for it: it can always run one leaf, so nobody waits for ever.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from dflow.engine.state import PRIVATE, write_text, writing

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.layout import RunLayout

__all__ = ["Slots"]

_TAKEN = (errno.EACCES, errno.EAGAIN)
_OWN = -1


class Slots:
    """Some of ``count`` places of which other processes may hold the rest.

    Attributes:
        count: how many places there are in all.
    """

    def __init__(self, path: Path, count: int, *, inside: bool) -> None:
        """Open the places.

        Args:
            inside: whether this is a run in a step, which may use the place of its step.
        """
        self.count = count
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._free = list(range(count - 1, -1, -1))
        if inside:
            self._free.append(_OWN)

    @classmethod
    def make(cls, layout: RunLayout, count: int) -> Slots:
        """The places of an outermost run.

        Raises:
            StateError: the file system refuses.
        """
        write_text(layout.slots, str(count), mode=PRIVATE)
        with writing(layout.slots):
            return cls(layout.slots, count, inside=False)

    @classmethod
    def share(cls, layout: RunLayout) -> Slots | None:
        """Places of the run ``layout`` for one of its steps' own runs; None when it shares none."""
        try:
            return cls(layout.slots, int(layout.slots.read_text()), inside=True)
        except (OSError, ValueError):
            return None

    def take(self) -> int | None:
        """A place, to be given back with :meth:`give`; None while others hold them all."""
        for at in range(len(self._free) - 1, -1, -1):
            if self._free[at] == _OWN or self._lock(self._free[at]):
                return self._free.pop(at)
        return None

    def give(self, slot: int) -> None:
        """Give a place back."""
        import fcntl  # noqa: PLC0415 - POSIX only, as below

        if slot != _OWN:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
        self._free.append(slot)

    def close(self) -> None:
        """Give back all places."""
        os.close(self._file)

    def _lock(self, slot: int) -> bool:
        import fcntl  # noqa: PLC0415 - POSIX only: elsewhere this module is imported, and submit() refuses

        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError as exc:
            return exc.errno not in _TAKEN  # a file system without locks: nothing is shared, nothing is held up
        return True
