"""Workflows: building, submitting, watching and ending them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from dflow import building
from dflow.config import config, is_remote
from dflow.dag import DAG
from dflow.engine.errors import WrongValue
from dflow.forms import Forms
from dflow.k8s import DockerSecret, core_v1_api
from dflow.names import by_name, check_workflow_name
from dflow.repository import parse_repo
from dflow.steps import Steps
from dflow.task import Task
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DockerSecret", "Workflow", "parse_repo", "query_archived_workflows", "query_workflows"]


class Workflow(Forms):
    """A workflow.

    ``with Workflow(...) as wf:`` takes the steps that are made in the block, and those that calls of function OPs
    stand for; it is submitted at the end, unless there was an exception.

    Args:
        name: lower-case letters, digits, ``-`` and ``.``, at most 57 characters.
        steps, dag: the template that runs first; without one, ``add`` makes it.
        id: of a workflow that was submitted before, to query it; or the id that the next submit shall use.
        parallelism: how many leaf steps may run at once.
        parameters: seen in every template as ``{{workflow.parameters.NAME}}``.
        namespace … artifact_repo_key: for Kubernetes.
    """

    @called_by_users
    def __init__(
        self,
        name: str = "workflow",
        steps: Steps | None = None,
        dag: DAG | None = None,
        namespace: str | None = None,
        id: str | None = None,
        uid: str | None = None,
        host: str | None = None,
        token: str | None = None,
        k8s_config_file: str | None = None,
        k8s_api_server: str | None = None,
        context: Any = None,
        annotations: Dict[str, str] | None = None,
        labels: Dict[str, str] | None = None,
        parallelism: int | None = None,
        pod_gc_strategy: str | None = None,
        image_pull_secrets: Any = None,
        artifact_repo_key: str | None = None,
        parameters: Dict[str, Any] | None = None,
        on_exit: Any = None,
    ) -> None:
        self.name = check_workflow_name(name)
        self.entrypoint: Any = steps if steps is not None else dag
        self.namespace = namespace or str(config["namespace"])
        self.id = id
        self.uid = uid
        self.host = host
        self.token = token
        self.k8s_config_file = k8s_config_file
        self.k8s_api_server = k8s_api_server
        self.context = context
        self.annotations = {} if annotations is None else annotations
        self.labels = {} if labels is None else labels
        self.parallelism = parallelism
        self.pod_gc_strategy = pod_gc_strategy
        self.image_pull_secrets = image_pull_secrets
        self.artifact_repo_key = artifact_repo_key
        self.parameters = {} if parameters is None else parameters
        self.on_exit = on_exit
        self.compiled: Any = None
        self.given: Any = None
        self.places: Any = None
        self.notes: Tuple[str, ...] = ()
        self._mode: str | None = None

    # -- building ---------------------------------------------------------------------------------------------

    @called_by_users
    def add(self, step: Any) -> None:
        """Add a step, or a list of steps that run side by side; a ``Task`` makes the workflow a DAG.

        Raises:
            ValueError: the workflow was read from a manifest.
        """
        if self.compiled is not None:
            raise WrongValue(f"workflow {self.name!r} was read from a manifest; steps cannot be added to it")
        building.claim(step)
        if self.entrypoint is None:
            first = step[0] if isinstance(step, (list, tuple)) and step else step
            self.entrypoint = DAG() if isinstance(first, Task) else Steps()
        self.entrypoint.add(step)

    def __enter__(self) -> Self:
        """Take the steps that are made from now on."""
        building.open_(self)
        return self

    @called_by_users
    def __exit__(self, error: object, *exc: object) -> None:
        """Submit, unless an exception ended the block or the block submitted it."""
        frame = building.close(error)
        if error is None and not frame.submitted:
            self.submit()

    # -- running ----------------------------------------------------------------------------------------------

    @called_by_users
    def submit(
        self, reuse_step: Any = None, detach: bool | None = None, reuse: str = "warn", mode: str | None = None
    ) -> Workflow:
        """Run the workflow and wait for its end; a failure is printed, not raised.

        With the id of a run that has not succeeded, it goes on with that run: what is finished stays, what failed
        is run again.

        Args:
            reuse_step: steps of other runs, from ``query_step``; a step of the same key takes their outputs instead
                of running.
            detach: return at once and run it in the background (default: ``config["detach"]``).
            reuse: of a step whose inputs, program or image are not those that ``reuse_step`` was made from:
                ``"warn"`` takes the outputs and says what differs, ``"strict"`` makes the step an Error that says it.
            mode: ``"debug"`` runs it here, ``"argo"`` sends it to an Argo server and returns at once; this workflow
                is then asked for there, too (default: ``config["mode"]``).

        Returns:
            This workflow, with its ``id``.

        Raises:
            CompileError: it cannot run as it is; nothing was started.
        """
        if reuse not in ("warn", "strict"):
            raise WrongValue(f"reuse is {reuse!r}; it must be 'warn' or 'strict'")
        self._mode = mode if mode is not None else self._mode
        detach = bool(config["detach"]) if detach is None else detach
        with building.nothing_open():
            self._backend().submit(detach, reuse_step, strict=reuse == "strict")
        building.note_submitted(self)
        return self

    @called_by_users
    def wait(self, interval: float = 1) -> str:
        """Wait until the workflow has ended; its phase."""
        return str(self._backend().wait(interval))

    @called_by_users
    def raise_for_status(self) -> None:
        """Do nothing after success.

        Raises:
            StepFailed: the workflow has not succeeded; says which step failed first, and why.
            StateError: it has not ended.
        """
        status = self.query_status()
        if status in ("Pending", "Running"):
            from dflow.engine.errors import StateError

            raise StateError(f"workflow {self.id} has not ended ({status}); wait for it with wf.wait()")
        failure = self._backend().first_failure()
        if failure is not None:
            raise failure

    # -- asking -----------------------------------------------------------------------------------------------

    @called_by_users
    def query(self, fields: List[str] | None = None, retry: int = 3) -> Any:
        """All that is known of the workflow, as an :class:`dflow.ArgoWorkflow`."""
        return self._backend().read(fields)

    @called_by_users
    def query_status(self) -> str:
        """``Pending``, ``Running``, ``Succeeded``, ``Failed``, ``Error`` or ``Terminated``."""
        return str(self._backend().status())

    @called_by_users
    def query_step(
        self,
        name: Any = None,
        key: Any = None,
        phase: Any = None,
        id: Any = None,
        type: Any = None,
        parent_id: Any = None,
        sort_by_generation: bool = False,
    ) -> Any:
        """Steps that fit all that is given, in the order in which they started.

        Args:
            name: a regular expression for the beginning of the name.
            key, phase, id, type: a value, or a list of values.

        Returns:
            A list; when it has one element, the attributes of that are its own too.
        """
        return self.query().get_step(name, key, phase, id, type, parent_id, sort_by_generation)

    @called_by_users
    def query_keys_of_steps(self) -> List[str]:
        """The keys of all steps that have one; of those that ran, as on Argo, not of skipped ones."""
        ran = (step for step in self.query_step() if step.type != "Skipped")
        return list(dict.fromkeys(step.key for step in ran if step.key is not None))

    @called_by_users
    def query_step_by_key(
        self,
        key: Any,
        name: Any = None,
        phase: Any = None,
        id: Any = None,
        type: Any = None,
    ) -> Any:
        """Steps with a key, or with one of a list of keys."""
        return self.query_step(name=name, key=key, phase=phase, id=id, type=type)

    @called_by_users
    def query_global_outputs(self) -> Any:
        """Outputs of the workflow: ``.parameters[name].value`` and ``.artifacts[name]``."""
        return self.query().global_outputs()

    @called_by_users
    def logs(self, step: str) -> str:
        """What a step has printed; of all steps of that key, id or name."""
        return str(self._backend().logs(step))

    # -- ending -----------------------------------------------------------------------------------------------

    @called_by_users
    def terminate(self) -> None:
        """End all running steps at once; the workflow becomes Terminated."""
        self._backend().terminate()

    @called_by_users
    def stop(self) -> None:
        """End all running steps; the workflow becomes Failed."""
        self._backend().stop()

    @called_by_users
    def suspend(self) -> None:
        """Start no more steps until :meth:`resume`; those that run are left alone."""
        self._backend().suspend()

    @called_by_users
    def resume(self, outputs: Dict[str, Any] | None = None, steps: List[str] | None = None) -> None:
        """Go on after :meth:`suspend`, with steps that wait, or with a run whose process is gone, in the background.

        Args:
            outputs: values for outputs that steps which wait need from who resumes them.
            steps: only these of the steps that wait, by id, key or name; without names, with ``outputs``, all that
                take one of them.

        Raises:
            StateError: a step does not wait.
            ConfigError: no step that waits takes such an output, or one needs another output, too.
        """
        self._backend().resume(dict(outputs or {}), list(steps or ()))

    @called_by_users
    def retry(self) -> None:
        """Run what failed once more, and wait; while the workflow runs, that is done at the end of its attempt."""
        self._backend().retry([])

    @called_by_users
    def retry_steps(self, step_ids: List[str]) -> None:
        """Run these steps once more, by id, key or name, with what failed or waits for them, and wait."""
        self._backend().retry(list(step_ids))

    @called_by_users
    def resubmit(self) -> Workflow:
        """Run the same workflow anew, under another id, and wait; the new workflow."""
        anew: Workflow = self._backend().resubmit()
        return anew

    @called_by_users
    def delete(self) -> None:
        """Delete the directory of a workflow that does not run, or the workflow on its server."""
        self._backend().delete()

    # -- where it is ------------------------------------------------------------------------------------------

    def _backend(self) -> Any:
        """What does the work: a run on this machine, or a workflow on a server."""
        if is_remote(self._mode):
            from dflow.argo_mode import ArgoRun

            return ArgoRun(self)
        from dflow.local_mode import LocalRun

        return LocalRun(self)

    @called_by_users
    def get_k8s_core_v1_api(self) -> Any:
        """A ``kubernetes.client.CoreV1Api`` for the cluster of ``k8s_api_server`` or ``k8s_config_file``.

        Raises:
            MissingExtra: the package kubernetes is not installed.
            ConfigError: there is no such file, or it does not say which cluster.
        """
        return core_v1_api(self.k8s_api_server, self.token, self.k8s_config_file)

    def __repr__(self) -> str:
        return f"Workflow(name={self.name!r}, id={self.id!r})"


@called_by_users
def query_workflows(labels: Dict[str, str] | None = None, fields: Any = None) -> List[Any]:
    """All workflows in the working directory (``config["debug_workdir"]``) or on the server, newest first.

    Args:
        labels: only those that have these labels.
        fields: what is wanted of them, on a server (default: what does not take long).
    """
    if is_remote():
        from dflow import argo_mode

        return list(argo_mode.list_workflows(labels, fields))
    from dflow.local_mode import list_workflows

    found = list_workflows()
    wanted = by_name(labels, "labels").items()
    return [w for w in found if all(w.metadata["labels"].get(k) == v for k, v in wanted)]


@called_by_users
def query_archived_workflows(labels: Dict[str, str] | None = None, id: str | None = None) -> List[Any]:
    """The workflows in the archive of the server, newest first, without their steps.

    Args:
        labels: only those that have these labels.
        id: only those of this name.

    Raises:
        UnsupportedError: workflows run on this machine, which has no archive.
    """
    if not is_remote():
        from dflow.engine.errors import UnsupportedError

        raise UnsupportedError(
            f"query_archived_workflows() asks an Argo server, and config['mode'] is {config['mode']!r}; set it to "
            "'argo', or use query_workflows() for the runs in this directory"
        )
    from dflow import argo_mode

    return list(argo_mode.query_archived_workflows(labels, id))
