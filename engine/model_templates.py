"""The graph's leaf templates: what is run, and how.

Import them from ``engine.model``.
"""

from __future__ import annotations

from dflow.engine.model_payload import OpPayload
from dflow.engine.model_values import NO_INPUTS, NO_OUTPUTS, Inputs, Outputs, Value
from dflow.engine.records import record

__all__ = [
    "HttpTemplate",
    "OpPayload",
    "Pod",
    "PythonOpTemplate",
    "ResourceTemplate",
    "Retry",
    "ScriptTemplate",
    "SuspendTemplate",
]


@record(frozen=True, slots=True)
class Retry:
    """When a leaf step, or the whole of a Steps or DAG, is tried again.

    Attributes:
        limit: so many more attempts at most; None means no limit.
        on: what is worth it: ``"transient"``, ``"failure"``, ``"error"``.
        expression: must be true as well; over ``retries`` and ``lastRetry.*``.
        wait, factor, wait_at_most: seconds before the first retry, times ``factor`` for each further one.
        timeout_is_transient: a step that ran out of time counts as a transient failure.
        max_duration: seconds from the start of the first attempt: it bounds the attempt that runs, and no other
            begins after.
    """

    limit: int | None = None
    on: tuple[str, ...] = ("failure",)
    expression: str | None = None
    wait: float = 0.0
    factor: float = 1.0
    wait_at_most: float | None = None
    timeout_is_transient: bool = False
    max_duration: float | None = None


@record(frozen=True, slots=True)
class Pod:
    """How a leaf template wants to be run.

    Attributes:
        command: the program and its first arguments; empty means the default of the template's kind.
        env: pairs of name and text.
        timeout: seconds of run time as a value; None means no limit.
        kubernetes: JSON text of what only a cluster understands (node selector, volumes …), for the exporter.
        secret_env: variables whose values a cluster keeps: their names, the secret's name and the key in it.
        progress: what is shown before the program says how far it is, as ``0/100``; None means ``0/1``.
    """

    image: str | None = None
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    timeout: Value | None = None
    retry: Retry | None = None
    kubernetes: str | None = None
    progress: str | None = None
    secret_env: tuple[tuple[str, str, str], ...] = ()


@record(frozen=True, slots=True)
class ScriptTemplate:
    """A program: ``script`` run by ``pod.command``, or, when ``script`` is None, the command with ``args``.

    Attributes:
        language: picks the default command: ``"shell"``, ``"python"`` or ``"container"``.
        memoize: the key under which its outputs are kept for other runs, as in the other templates.
        memoize_age: seconds after which what is kept is no longer used; None means never.
        result: what it prints to standard output is kept, as ``outputs.result``.
        helper: made by an exporter, not by the user: its nodes are not shown.
    """

    name: str
    language: str
    script: str | None
    args: tuple[str, ...] = ()
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    pod: Pod = Pod()
    memoize: Value | None = None
    memoize_age: float | None = None
    result: bool = False
    helper: bool = False


@record(frozen=True, slots=True)
class PythonOpTemplate:
    """A Python OP. Parameters and artifacts of ``inputs`` and ``outputs`` are the names of its signature.

    Attributes:
        isolation: ``"fork"``, ``"spawn"`` or ``"warm"``, instead of what the run says.
    """

    name: str
    op: OpPayload
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    pod: Pod = Pod()
    packages: tuple[str, ...] = ()
    pre_script: str = ""
    post_script: str = ""
    memoize: Value | None = None
    isolation: str | None = None


@record(frozen=True, slots=True)
class SuspendTemplate:
    """A pause: until somebody resumes the workflow, or for so many seconds.

    Its output parameters that are ``supplied`` come from who resumes it, or are their defaults.

    Attributes:
        duration: seconds or a duration such as ``1m30s``, as a value.
    """

    name: str
    duration: Value | None = None
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    memoize: Value | None = None


@record(frozen=True, slots=True)
class HttpTemplate:
    """A request to a server; the body of the answer is its ``outputs.result``.

    Attributes:
        headers: pairs of name and value; a value may hold tags, as ``url`` and ``body`` may.
        timeout: seconds until the answer must be there.
        success_condition: an expression over ``response.statusCode``, ``response.body`` and ``response.headers``;
            None means a status below 300.
        insecure: the server's certificate is not checked.
    """

    name: str
    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    timeout: int | None = None
    success_condition: str | None = None
    insecure: bool = False
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    pod: Pod = Pod()
    memoize: Value | None = None


@record(frozen=True, slots=True)
class ResourceTemplate:
    """An object of a cluster that is made, changed or deleted, and waited for: by Argo, or here by kubectl.

    Attributes:
        action: ``create``, ``apply``, ``delete``, ``replace``, ``patch`` or ``get``.
        manifest: the object as YAML text, which may hold tags.
        success_condition, failure_condition: what is waited for, over fields of the object.
        flags: more arguments for the client.
    """

    name: str
    action: str
    manifest: str | None = None
    success_condition: str | None = None
    failure_condition: str | None = None
    flags: tuple[str, ...] = ()
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    pod: Pod = Pod()
    memoize: Value | None = None
