"""The plugin of pytest. What it offers loads when a test asks for it; this module imports nothing but pytest."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dflow.testing.current import MODES, Current, copied, enter, now

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and settings."""
    group = parser.getgroup("dflow", "dflow: OPs and workflows")
    group.addoption(
        "--dflow-record",
        metavar="MODE",
        nargs="?",
        const="all",
        type=_mode,
        help="outputs of OPs that are recorded: all (also when no mode is given) runs the OPs and records anew; "
        "missing records what is not there; none only replays. Default: the setting dflow_record; else missing, and "
        "none where the variable CI is set",
    )
    group.addoption("--dflow-offline", action="store_true", help="fail tests that use the network, in steps too")
    group.addoption("--dflow-loopback", action="store_true", help="offline tests may speak to this machine")
    parser.addini("dflow_record", "as --dflow-record", default="")
    parser.addini("dflow_offline", "true: as --dflow-offline", type="bool", default=False)
    parser.addini("dflow_loopback", "true: as --dflow-loopback", type="bool", default=False)


def _mode(text: str) -> str:
    if text not in MODES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no mode; write --dflow-record={'|'.join(MODES)}, or put it behind the files"
        )
    return text


def pytest_configure(config: pytest.Config) -> None:
    """The marker; and the mode of recording is checked."""
    config.addinivalue_line(
        "markers", "dflow_offline(loopback=False): the test, and the steps that it runs, fail on use of the network"
    )
    _record_mode(config)


def _record_mode(config: pytest.Config) -> str:
    chosen = config.getoption("dflow_record") or config.getini("dflow_record")
    if chosen and chosen not in MODES:
        raise pytest.UsageError(f"dflow_record = {chosen}: it must be one of {', '.join(MODES)}")
    return str(chosen or ("none" if os.environ.get("CI") else "missing"))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What is recorded holds no tests, whatever its files are called."""
    return True if collection_path.name == "__dflow__" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep a test off the network, from the set-up of its fixtures to their end."""
    loopback = _offline(item)
    if loopback is None:
        return (yield)
    from dflow.python.offline import offline

    with offline(loopback):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that has used the network and hidden it, or whose steps have, fails as well."""
    if _offline(item) is None:
        return (yield)
    from dflow.testing.guarding import fail_over_tried

    return (yield from fail_over_tried())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """A fixture that skips an offline test because there is no network fails it."""
    if _offline(item) is None:
        return (yield)
    from dflow.testing.guarding import fail_over_skip

    return (yield from fail_over_skip())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fixtures of an offline test that use the network at their end, and hide it, fail as well."""
    if _offline(item) is None:
        return (yield)
    from dflow.testing.guarding import fail_over_new

    return (yield from fail_over_new())


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Where all tests are offline, so is what their files do when they are loaded."""
    loopback = _offline(collector)
    if loopback is None:
        return (yield)
    from dflow.testing.guarding import guard_collection

    return (yield from guard_collection(loopback))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test has recorded is whole when all of it has passed: each of its subtests is reported as the test is."""
    report = yield
    test = now()
    if test is not None and call.when == "call":
        test.passed = report.passed and test.passed is not False
    return report


def _offline(item: pytest.Item | pytest.Collector) -> bool | None:
    """Whether this machine may be spoken to; None for a test that is not offline."""
    config = item.config
    marker = item.get_closest_marker("dflow_offline") if isinstance(item, pytest.Item) else None
    if marker is None and not config.getoption("dflow_offline") and not config.getini("dflow_offline"):
        return None
    if marker is not None and "loopback" in marker.kwargs:
        return bool(marker.kwargs["loopback"])
    return bool(config.getoption("dflow_loopback") or config.getini("dflow_loopback"))


@pytest.hookimpl
def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """``assert outputs == {…}`` shows what differs, files included."""
    opio = sys.modules.get("dflow.python.opio")
    if op != "==" or opio is None or not isinstance(left, opio.OPIO):
        return None
    from dflow.testing.comparing import explain

    return explain(left, right)


@pytest.fixture(autouse=True)
def _dflow_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tell dflow which test runs; give back its settings as they were."""
    node, config = request.node, request.config
    test = Current(
        nodeid=node.nodeid,
        file=Path(node.path),
        name=_name(node),
        folder=partial(request.getfixturevalue, "tmp_path"),
        record=_record_mode(config),
    )
    with enter(test), _settings_restored():
        yield


def _name(node: pytest.Item) -> str:
    """The test with its class and its parameters."""
    return node.nodeid.partition("::")[2] or node.name


@contextlib.contextmanager
def _settings_restored() -> Iterator[None]:
    """Settings of dflow are those of before afterwards; where it was not loaded before, those of the environment."""
    module: Any = sys.modules.get("dflow.config")
    before = None if module is None else (copied(module.config), copied(module.s3_config))
    yield
    module = sys.modules.get("dflow.config")
    if module is None:
        return
    settings, storage = before or (
        module._from_environment(module._SETTINGS, "DFLOW_"),
        module._from_environment(module._S3_SETTINGS, "DFLOW_S3_"),
    )
    for target, values in ((module.config, settings), (module.s3_config, storage)):
        if dict(target) != values:
            target.clear()
            target.update(values)


@pytest.fixture
def dflow_dir(tmp_path: Path) -> Path:
    """A directory of the test's own, where runs of workflows and uploaded artifacts go."""
    from dflow.config import config

    folder = tmp_path / "dflow"
    folder.mkdir()
    config.update(mode="debug", debug_workdir=str(folder), debug_artifact_dir=str(folder), progress="none")
    return folder


@pytest.fixture
def run_op() -> Callable[..., Any]:
    """``dflow.testing.run_op``: runs one OP, with the checks of a step, in a directory of its own."""
    from dflow.testing.running import run_op as function

    return function


@pytest.fixture
def run_workflow(dflow_dir: Path) -> Callable[..., Any]:
    """``dflow.testing.run_workflow``, with what is uploaded before in ``dflow_dir``."""
    from dflow.testing.workflows import run_workflow as function

    return partial(function, folder=dflow_dir)


@pytest.fixture
def dflow_offline() -> Iterator[list[str]]:
    """The test, from here on, is off the network as with the marker of that name; what was refused is the list."""
    from dflow.python.offline import offline

    with offline() as refused:
        yield refused
    from dflow.testing.guarding import no_network

    no_network(refused)
