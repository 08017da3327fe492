"""What the checks of storage clients are made of: keys below a prefix, files in a directory, and what is expected."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, Type

if TYPE_CHECKING:
    from dflow.storage import StorageClient

__all__ = ["Place", "bytes_of", "expect", "expect_error", "files_in", "short"]


class Place:
    """The keys below a prefix, and a directory for the files."""

    def __init__(self, client: StorageClient, prefix: str, folder: Path) -> None:
        self.client, self.prefix, self.folder = client, prefix, Path(folder)

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key below the prefix."""
        file = self.folder / f"put-{os.urandom(6).hex()}"
        file.write_bytes(data)
        self.client.upload(self.prefix + key, str(file))
        file.unlink()

    def get(self, key: str) -> bytes:
        """The bytes of a key below the prefix."""
        file = self.folder / f"got-{os.urandom(6).hex()}"
        self.client.download(self.prefix + key, str(file))
        data = file.read_bytes()
        file.unlink()
        return data

    def has(self, key: str, data: bytes) -> None:
        """Expect the bytes of a key."""
        found = self.get(key)
        expect(
            found == data,
            f"the object {key!r} should be {len(data)} bytes {short(data)}, and is {len(found)} bytes {short(found)}",
        )

    def lists(self, prefix: str, keys: Iterable[str], *, recursive: bool) -> None:
        """Expect the keys of a listing below the prefix."""
        wanted = sorted(self.prefix + key for key in keys)
        found = self.client.list(self.prefix + prefix, recursive=recursive)
        expect(isinstance(found, list), f"list() gives a {type(found).__name__} instead of a list")
        missing, more = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        call = f"list(…{prefix!r}, recursive={recursive})"
        expect(
            not missing and not more,
            f"{call} should give {len(wanted)} keys: it misses {missing[:3]} and has {more[:3]} besides",
        )
        expect(found == wanted, f"{call} is not sorted, or has keys twice: {found[:5]}")


def expect(is_so: bool, problem: str) -> None:
    """Fail the check unless something is so."""
    if not is_so:
        raise AssertionError(problem)


def expect_error(kinds: tuple[Type[BaseException], ...], what: str, call: Callable[[], object]) -> None:
    """Expect that a call raises one of some errors."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        result = call()
    except kinds:
        return
    except Exception as exc:
        raise AssertionError(f"{what} should raise {names}, and raised {type(exc).__name__}: {exc}") from exc
    raise AssertionError(f"{what} should raise {names}, and returned {result!r}")


def short(data: bytes) -> str:
    """The beginning of some bytes, for a message."""
    return repr(data if len(data) <= 24 else data[:24] + b"...")


def bytes_of(count: int) -> bytes:
    """Bytes that are the same in each run, and repeat nowhere."""
    blocks = (hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(count // 32 + 1))
    return b"".join(blocks)[:count]


def files_in(folder: Path) -> list[str]:
    """The files below a directory."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
