"""Offline tests for the plugin: what uses the network and hides it, or is skipped over it, fails all the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["fail_over_new", "fail_over_skip", "fail_over_tried", "guard_collection", "no_network"]

_HEAD = "this test is offline, and was refused the network:"


def no_network(refused: list[str], head: str = _HEAD) -> None:
    """Fail where something was refused.

    Raises:
        pytest.fail.Exception: names each.
    """
    if refused:
        pytest.fail("\n".join([head, *refused]), pytrace=False)


def fail_over_tried() -> Generator[None, Any, Any]:
    """Around the call of a test: it fails where it, its fixtures or its steps were refused the network."""
    from dflow.python.offline import tried

    result = yield from fail_over_skip()
    no_network(tried())
    return result


def fail_over_skip() -> Generator[None, Any, Any]:
    """Around a part of a test: to skip it because there is no network is a failure."""
    from dflow.python.offline import tried

    try:
        return (yield)
    except BaseException as exc:
        if not (_is_skip(exc) and tried()):
            raise
    return no_network(tried())


def fail_over_new() -> Generator[None, Any, Any]:
    """Around the end of a test: it fails where fixtures are refused the network while they tidy up."""
    from dflow.python.offline import tried

    before = tried()
    result = yield
    no_network([line for line in tried() if line not in before])
    return result


def guard_collection(loopback: bool) -> Generator[None, Any, Any]:
    """Around the report of what a file or folder has: the network is refused to what it does when it is loaded."""
    from dflow.python.offline import offline

    with offline(loopback) as refused:
        report = yield
    if refused and not report.failed:
        report.outcome, report.result = "failed", []
        report.longrepr = "\n".join(["loading it was refused the network, for tests are offline:", *refused])
    return report


def _is_skip(exc: BaseException) -> bool:
    unittest = sys.modules.get("unittest")
    return isinstance(exc, pytest.skip.Exception) or (unittest is not None and isinstance(exc, unittest.SkipTest))
