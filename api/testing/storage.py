"""Checks of a storage client: does it do what dflow needs of an object store?

In a test of yours, with pytest::

    class TestMyClient(StorageConformance):
        @pytest.fixture
        def client(self):
            return MyClient(...)

in a script, ``check_client(MyClient(...))``; in a shell, with an import path or the name of an installed client::

    python -m dflow.testing.storage mypackage.mymodule.MyClient

The checks leave their objects in the store, since a client cannot delete: use a bucket that you can empty.
"""

from __future__ import annotations

import argparse
import functools
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

from dflow.testing.storage_checks import CHECKS, MANY

__all__ = ["CHECKS", "Outcome", "StorageConformance", "check_client", "run_checks"]


class Outcome(NamedTuple):
    """What came of one check.

    Attributes:
        problem: what the client does wrong; None when it keeps the promise.
        seconds: how long the check took.
    """

    check: str
    problem: str | None
    seconds: float


def check_client(client: Any, *, prefix: str | None = None, keys: int = MANY) -> list[str]:
    """The problems of a client, a line each; empty when it keeps all promises.

    Args:
        client: a client, or what ``s3_config["storage_client"]`` may be.
        prefix: of all keys that are used; one of its own unless given.
        keys: how many are uploaded to see whether a listing comes whole. Most stores list 1000 at once.
    """
    outcomes = run_checks(client, prefix=prefix, keys=keys)
    return [f"{outcome.check}: {outcome.problem}" for outcome in outcomes if outcome.problem is not None]


def run_checks(client: Any, *, prefix: str | None = None, keys: int = MANY) -> Iterator[Outcome]:
    """Run each check; arguments as for :func:`check_client`."""
    from dflow.stores import storage_client

    client = storage_client(client)
    start = _new_prefix() if prefix is None else prefix
    for name, check in CHECKS.items():
        began = time.monotonic()
        problem = None
        with tempfile.TemporaryDirectory(prefix="dflow-conformance-") as folder:
            try:
                _with_keys(name, check, keys)(client, f"{start}{name}/", Path(folder))
            except Exception as exc:  # noqa: BLE001 - whatever the client raises is its problem
                problem = str(exc) if isinstance(exc, AssertionError) else f"{type(exc).__name__}: {exc}"
        yield Outcome(name, problem, time.monotonic() - began)


class StorageConformance:
    """All checks as tests of pytest, for a subclass with a fixture ``client``.

    Attributes:
        keys: as for :func:`check_client`.
    """

    keys = MANY


def _new_prefix() -> str:
    return f"dflow-conformance/{secrets.token_hex(6)}/"


def _with_keys(name: str, check: Callable[..., None], keys: int) -> Callable[..., None]:
    return functools.partial(check, keys=keys) if name == "list_gives_many_keys" else check


def _as_test(name: str, check: Callable[..., None]) -> Callable[..., None]:
    def test(self: StorageConformance, client: Any, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        folder.mkdir()
        _with_keys(name, check, self.keys)(client, f"{_new_prefix()}{name}/", folder)

    test.__name__, test.__doc__ = f"test_{name}", check.__doc__
    test.__qualname__ = f"StorageConformance.test_{name}"
    return test


for _name, _function in CHECKS.items():
    setattr(StorageConformance, f"test_{_name}", _as_test(_name, _function))


def main(arguments: list[str] | None = None) -> int:
    """Run the checks and print a table; 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m dflow.testing.storage", description="Check a storage client.")
    parser.add_argument("client", help="import path of a client or its class, or the name of an installed one")
    parser.add_argument("--prefix", help="of all keys that are used (default: a new one)")
    parser.add_argument("--keys", type=int, default=MANY, help="keys to upload for the long listing (%(default)s)")
    given = parser.parse_args(arguments)
    failed = passed = 0
    for outcome in run_checks(given.client, prefix=given.prefix, keys=given.keys):
        sign = "passed" if outcome.problem is None else "FAILED"
        failed, passed = failed + (outcome.problem is not None), passed + (outcome.problem is None)
        sys.stdout.write(f"{sign}  {outcome.check:<46} {outcome.seconds:6.2f} s\n")
        if outcome.problem is not None:
            sys.stdout.write("".join(f"        {line}\n" for line in outcome.problem.splitlines()))
        sys.stdout.flush()
    sys.stdout.write(f"{passed} passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
