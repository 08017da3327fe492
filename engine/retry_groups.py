"""Running a Steps or DAG template again when it fails: all of it, under a new node (RT-05, ND-04)."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExpressionError
from dflow.engine.groups import Group
from dflow.engine.phase import Phase
from dflow.engine.retry import FIRST_ATTEMPT, attempt_names, delay_before_retry
from dflow.engine.scope import Scope
from dflow.engine.state import read_text, write_json, writing

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.groups import Starter
    from dflow.engine.model import Retry
    from dflow.engine.node import Node

__all__ = ["RetryGroup"]

_log = logging.getLogger("dflow.engine")


class RetryGroup(Group):
    """The attempts of one node, one after another; the last counts (RT-06).

    Which attempt runs is written down before it begins, so a resume goes on with that one.

    Attributes:
        names: ``retries`` and ``lastRetry.*`` of the attempt that runs.
        last: the attempt that ran last.
    """

    prefix = "steps"

    def __init__(self, node: Node, parent: Group | None, starter: Starter, retry: Retry, folder: Path) -> None:
        super().__init__(node, parent, Scope(), starter, None)
        self.names: dict[str, str] = dict(FIRST_ATTEMPT)
        self.last: Node | None = None
        self._retry = retry
        self._place = folder / f"{hashlib.sha256(node.name.encode()).hexdigest()[:32]}.json"
        self._number = 0
        self._began = time.time()

    def begin(self) -> None:
        """Start the first attempt, or that which an earlier runner was at."""
        self._look_back()
        if self._retry.max_duration is not None:
            own = self._began + self._retry.max_duration
            self.deadline = own if self.deadline is None else min(own, self.deadline)
        self._write_down()
        self._attempt()

    def child_done(self, child: Node) -> None:
        """An attempt has ended."""
        self._settled(child)

    def _settled(self, child: Node) -> None:
        self.last = child
        if self._starter.stopping is not None or not child.phase.is_failure:
            self._finish(child.phase, child.message)
            return
        try:
            wait = delay_before_retry(self._retry, child, child.phase, self._number, began=self._began)
        except ExpressionError as exc:
            self._finish(Phase.ERROR, str(exc))
            return
        if wait is None:
            used_up = self._retry.limit is not None and self._number >= self._retry.limit > 0
            self._finish(child.phase, f"no more retries left: {child.message}" if used_up else child.message)
            return
        _log.warning("%r: %s; it is tried again (%d)", self.node.display, child.message, self._number + 1)
        self._starter.later(wait, self._again)

    def _again(self) -> None:
        last = self.last
        if self._starter.stopping is not None or last is None:
            self._finish(Phase.FAILED, self._starter.stopping or "")
            return
        self.names = attempt_names(last, last.phase, self._number)
        self._number += 1
        self.names["retries"] = str(self._number)
        self._write_down()
        self._starter.forget_failures(last)
        self._attempt()

    def _attempt(self) -> None:
        self.node.retries = self._number
        self._starter.start_attempt(self, self._number)

    def _write_down(self) -> None:
        data = {"node": self.node.name, "number": self._number, "began": self._began, "names": self.names}
        with writing(self._place):
            self._place.parent.mkdir(exist_ok=True)
            write_json(self._place, data)

    def _look_back(self) -> None:
        try:
            data: dict[str, Any] = json.loads(read_text(self._place))
            if data["node"] == self.node.name:
                self._number, self._began = int(data["number"]), float(data["began"])
                self.names = {str(name): str(text) for name, text in data["names"].items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            _log.warning("%s is damaged; the attempts of %r are counted anew", self._place, self.node.display)
