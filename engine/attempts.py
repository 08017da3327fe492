"""Running a leaf step: attempt after attempt, until one counts."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from dflow.engine import leaf
from dflow.engine.errors import CopyError, ExpressionError, LeafError, StateError, UnsafeArtifact
from dflow.engine.names import leaf_names
from dflow.engine.phase import Phase
from dflow.engine.retry import FIRST_ATTEMPT, attempt_names, delay_before_retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.commit import Commits
    from dflow.engine.layout import RunLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor, Outcome
    from dflow.engine.settings import RunSettings

__all__ = ["LeafRunner"]

_log = logging.getLogger("dflow.engine")
_LOSSES = 4
"""How often a step begins anew because what ran it was killed, until that is its own fault."""


class LeafRunner:
    """Runs leaf steps.

    Attributes:
        stopping: the run is being ended, so nothing is tried again.
    """

    def __init__(
        self,
        layout: RunLayout,
        settings: RunSettings,
        executor: Executor,
        commits: Commits,
        names: Mapping[str, str | None],
    ) -> None:
        self._layout = layout
        self._settings = settings
        self._executor = executor
        self._commits = commits
        self._globals = names
        self._environment = dict(os.environ)
        self.stopping = False

    async def run(self, node: Node, template: LeafTemplate) -> tuple[Phase, str]:
        """Run a leaf, again and again while its template's strategy wants it; the last attempt counts (RT-06)."""
        retry, began, names = template.pod.retry, time.time(), FIRST_ATTEMPT
        if retry is not None and retry.max_duration is not None:
            end = began + retry.max_duration
            node.deadline = end if node.deadline is None else min(end, node.deadline)
        while True:
            phase, message, timed_out = await self._attempt(node, template, names)
            node.finished, node.message = time.time(), message
            try:
                wait = delay_before_retry(retry, node, phase, node.retries, began=began, timed_out=timed_out)
                names = FIRST_ATTEMPT if wait is None else attempt_names(node, phase, node.retries)
            except ExpressionError as exc:
                return Phase.ERROR, str(exc)
            if wait is None or self.stopping:
                return phase, message
            _log.warning("step %r: %s; it is tried again (%d)", node.display, message, node.retries + 1)
            await anyio.sleep(wait)
            node.retries += 1

    async def _attempt(
        self, node: Node, template: LeafTemplate, names: Mapping[str, str | None]
    ) -> tuple[Phase, str, bool]:
        """Run a leaf once: phase, message, and whether its time was over."""
        node.phase = Phase.RUNNING
        node.started = time.time()
        node.outputs.clear()
        try:
            for _ in range(_LOSSES):
                self._commits.begin(node)
                values = {**self._globals, **names, **leaf_names(node, self._layout)}
                job = leaf.prepare(node, template, values, self._settings, self._environment)
                if node.deadline is not None:  # RT-04
                    left = max(round(node.deadline - time.time(), 3), 0.001)
                    job = replace(job, timeout=left if job.timeout is None else min(left, job.timeout))
                outcome = await self._executor.run(job)
                if not outcome.lost:
                    break
            phase, message = self._take(node, template, outcome, job.timeout)
        except (LeafError, CopyError, ExpressionError, UnsafeArtifact) as exc:
            return Phase.ERROR, str(exc), False
        except StateError:
            raise
        except Exception as exc:  # noqa: BLE001 - the step boundary: a fault of ours ends one step, not the run
            _log.exception("internal error in step %s", node.name)
            return Phase.ERROR, f"internal error, please report it: {type(exc).__name__}: {exc}", False
        return phase, message, outcome.timed_out

    def _take(self, node: Node, template: LeafTemplate, outcome: Outcome, limit: float | None) -> tuple[Phase, str]:
        node.exit_code = outcome.exit_code
        if outcome.usage is not None:
            node.usage = {"cpu": round(outcome.usage.cpu, 4), "maxRss": outcome.usage.max_rss}
        phase, message = leaf.judge(node, template, outcome, limit)
        leaf.collect(node, template, self._settings, strict=phase is Phase.SUCCEEDED)
        return phase, message
