"""Running a leaf step: attempt after attempt, until one counts."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
from dflow.engine import leaf
from dflow.engine.elsewhere import has_left_a_job, job_left_behind, note_what_is_asked
from dflow.engine.errors import CopyError, DflowError, ExpressionError, LeafError, StateError, UnsafeArtifact
from dflow.engine.model import HttpTemplate, ResourceTemplate
from dflow.engine.names import leaf_names
from dflow.engine.phase import Phase
from dflow.engine.ports import Outcome
from dflow.engine.results import Follower, gives_result
from dflow.engine.retry import FIRST_ATTEMPT, attempt_names, delay_before_retry
from dflow.engine.secrets import secret_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.around import Helpers
    from dflow.engine.commit import Commits
    from dflow.engine.keeping import Keeper
    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.engine.leaf import LeafTemplate, ProgramTemplate
    from dflow.engine.model import Call
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor, Job
    from dflow.engine.settings import RunSettings

__all__ = ["LeafRunner"]

_log = logging.getLogger("dflow.engine")
_ENDED = 143  # as after SIGTERM
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
        helpers: Helpers,
        commits: Commits,
        names: Mapping[str, str | None],
        keeper: Keeper,
    ) -> None:
        self._keeper = keeper
        self._shipping = helpers.shipping
        self._followed: set[Follower] = set()
        self._layout = layout
        self._settings = settings
        self._executor = helpers.executor
        self._others = helpers.others
        self._secrets = helpers.secrets or {}
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
        node.result = node.usage = node.host = None
        values = {**self._globals, **names, **leaf_names(node, self._layout)}
        try:
            if isinstance(template, HttpTemplate):
                self._commits.begin(node)
                return await self._request(node, template, values)
            if isinstance(template, ResourceTemplate):
                return await self._resource(node, template, values)
            for _ in range(_LOSSES):
                outcome, limit = await self._run_once(node, template, values)
                if not outcome.lost:
                    break
            phase, message = self._take(node, template, outcome, limit)
            if self._keeper.wants(template):
                self._keeper.keep(node, template, values, strict=phase is Phase.SUCCEEDED)
            if self._shipping is not None and phase is Phase.SUCCEEDED:
                await self._shipping.take(node, template)
        except (LeafError, CopyError, ExpressionError, UnsafeArtifact) as exc:
            return Phase.ERROR, str(exc), False
        except StateError:
            raise
        except Exception as exc:  # noqa: BLE001 - the step boundary: a fault of ours ends one step, not the run
            _log.exception("internal error in step %s", node.name)
            return Phase.ERROR, f"internal error, please report it: {type(exc).__name__}: {exc}", False
        return phase, message, outcome.timed_out

    async def _run_once(
        self, node: Node, template: ProgramTemplate, values: Mapping[str, str | None]
    ) -> tuple[Outcome, float | None]:
        """Run the program of a leaf; how it ended, and the seconds that it had."""
        executor = self._executor_of(node)
        if node.place is not None and await has_left_a_job(node, executor):
            self._commits.begin(node, again=False)
            limit = leaf.time_limit(node, template, values)
            job = job_left_behind(node, node.place, limit, self._settings.kill_grace)
            return await _run_in_time(executor, node, replace(job, report=partial(self._note, node.name)))
        self._commits.begin(node)
        if self._shipping is not None:
            await self._shipping.bring(node, template)
        if node.place is not None and node.input_artifacts and _gets_some_elsewhere(node):
            failed, limit = await self._get_inputs(node, template, node.place, values)
            if failed is not None:
                return failed, limit
        own = executor.capabilities.own_programs
        environment = self._environment
        if template.pod.secret_env:
            away = executor.capabilities.elsewhere
            given = secret_variables(template, self._secrets, environment, elsewhere=away)
            environment = {**environment, **given}
        job = leaf.prepare(node, template, values, self._settings, environment, own_programs=own)
        note_what_is_asked(node, executor)
        if executor.capabilities.elsewhere:
            job = replace(job, report=partial(self._note, node.name))
        if node.place is None or not gives_result(template):
            return await _run_in_time(executor, node, job)
        follower = Follower(node.place)
        self._followed.add(follower)
        try:
            return await _run_in_time(executor, node, job)
        finally:
            self._followed.discard(follower)
            follower.copy()

    def _note(self, name: str, text: str) -> None:
        """Write down what a job waits for. It is not worth a run: what else cannot be written is said where it is."""
        try:
            self._commits.note(name, text)
        except DflowError as exc:
            _log.info("cannot note what %s waits for: %s", name, exc)

    async def finish(self) -> None:
        """No more leaf steps will be run."""
        await self._others.finish()

    def is_elsewhere(self, call: Call | None) -> bool:
        """Whether the program of a call runs on another machine, and takes no place of this one."""
        if call is None or call.executor is None:
            return False
        try:
            return self._others.of(call.executor).capabilities.elsewhere
        except DflowError:
            return False  # said when it is run

    def _executor_of(self, node: Node) -> Executor:
        if node.call is None or node.call.executor is None:
            return self._executor
        try:
            return self._others.of(node.call.executor)
        except DflowError as exc:
            raise LeafError(str(exc)) from exc

    async def _get_inputs(
        self, node: Node, template: ProgramTemplate, step: StepLayout, values: Mapping[str, str | None]
    ) -> tuple[Outcome | None, float | None]:
        """Fetch inputs from servers, and have the user's own classes bring theirs.

        Returns:
            How the process of a class ended that failed, if one did, and the seconds that it had.
        """
        from dflow.engine.bringing import Bringer  # noqa: PLC0415 - few workflows get anything from elsewhere
        from dflow.engine.fetch import fetch_inputs  # noqa: PLC0415

        await fetch_inputs(node, template, step)
        limit = _time_left(node, leaf.time_limit(node, template, values))
        bringer = Bringer(self._settings, self._executor, self._environment)
        return await bringer.bring(node, template, step, limit), limit

    async def _request(
        self, node: Node, template: HttpTemplate, values: Mapping[str, str | None]
    ) -> tuple[Phase, str, bool]:
        from dflow.engine.http_step import run_request  # noqa: PLC0415 - few workflows send requests

        limit = _time_left(node, leaf.time_limit(node, template, values))
        return await run_request(node, template, values, self._settings, limit)

    async def _resource(
        self, node: Node, template: ResourceTemplate, values: Mapping[str, str | None]
    ) -> tuple[Phase, str, bool]:
        from dflow.engine.resource_step import Around, run_resource  # noqa: PLC0415 - few workflows make objects of a cluster

        limit = _time_left(node, leaf.time_limit(node, template, values))
        around = Around(
            self._settings, self._environment, lambda is_new: self._commits.begin(node, again=is_new), limit
        )
        return await run_resource(node, template, values, around)

    def follow(self) -> None:
        """Bring the logs up to date of programs whose standard output goes elsewhere."""
        for follower in self._followed:
            follower.copy()

    def _take(self, node: Node, template: ProgramTemplate, outcome: Outcome, limit: float | None) -> tuple[Phase, str]:
        node.exit_code = outcome.exit_code
        node.host = outcome.host
        if outcome.usage is not None:
            node.usage = {"cpu": round(outcome.usage.cpu, 4)}
            if outcome.usage.max_rss is not None:
                node.usage["maxRss"] = outcome.usage.max_rss
        phase, message = leaf.judge(node, outcome, limit)
        leaf.collect(node, template, self._settings, strict=phase is Phase.SUCCEEDED)
        return phase, message


def _gets_some_elsewhere(node: Node) -> bool:
    values = node.input_artifacts.values()
    return any(value is not None and (value.url is not None or value.custom is not None) for value in values)


async def _run_in_time(executor: Executor, node: Node, job: Job) -> tuple[Outcome, float | None]:
    """Run a job until its strategies have no more time; how it ended, and the seconds that it had.

    A program of this machine begins at once, so what is left is a time limit like its own. A job of elsewhere may wait
    for its turn, while its own limit does not count: it is cancelled.
    """
    if node.deadline is None:
        return await executor.run(job), job.timeout
    job = replace(job, deadline=_time_left(node, None))
    if not executor.capabilities.elsewhere:
        job = replace(job, timeout=_time_left(node, job.timeout))
        return await executor.run(job), job.timeout
    with anyio.move_on_after(job.deadline):
        return await executor.run(job), job.timeout
    return Outcome(_ENDED, timed_out=True), job.deadline


def _time_left(node: Node, limit: float | None) -> float | None:
    """The seconds that a leaf has, by its own limit and by what is left to the strategies around it (RT-04)."""
    if node.deadline is None:
        return limit
    left = max(round(node.deadline - time.time(), 3), 0.001)
    return left if limit is None else min(left, limit)
