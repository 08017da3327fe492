"""Templates of leaf steps: what a program takes, gives, and how it is run."""

from __future__ import annotations

import copy
from typing import Any, Dict, List, Sequence

from dflow.engine.errors import WrongType, WrongValue
from dflow.io import Inputs, Outputs
from dflow.k8s import get_k8s_client
from dflow.names import check_template_name
from dflow.shown import Described
from dflow.tracebacks import called_by_users
from dflow.utils import randstr

__all__ = [
    "ContainerOPTemplate",
    "HTTPOPTemplate",
    "OPTemplate",
    "PythonScriptOPTemplate",
    "ScriptOPTemplate",
    "Secret",
    "ShellOPTemplate",
    "get_k8s_client",
]


class Secret:
    """An environment variable whose value is kept as a Kubernetes secret."""

    def __init__(self, value: str | None = None, name: str | None = None, key: str = "secret") -> None:
        self.value = value
        self.name = name
        self.key = key


class OPTemplate(Described):
    """Something that steps are made from.

    Args:
        name: lower-cased; made up when None.
        inputs, outputs: what it takes and gives.
        memoize_key: its outputs are kept under this key, which may hold references to its inputs; a later step of this
            template and key, also of another run in the same directory, takes them instead of running.
    """

    slices: Any = None

    @called_by_users
    def __init__(
        self,
        name: str | None = None,
        inputs: Inputs | None = None,
        outputs: Outputs | None = None,
        memoize_key: str | None = None,
        pvcs: List[Any] | None = None,
        annotations: Dict[str, str] | None = None,
        labels: Dict[str, str] | None = None,
    ) -> None:
        self.name = check_template_name(self._default_name() if name is None else name)
        self._named = name is not None
        self.inputs = Inputs() if inputs is None else inputs
        self.outputs = Outputs() if outputs is None else outputs
        self.memoize_key = memoize_key
        self.pvcs = [] if pvcs is None else pvcs
        self.annotations = {} if annotations is None else annotations
        self.labels = {} if labels is None else labels

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown_name()!r})"

    def _default_name(self) -> str:
        return randstr()

    def _base_name(self) -> str:
        """What a template is called that the user gave no name: its own has letters by chance."""
        return str(getattr(self, "language", "template"))

    def _shown_name(self) -> str:
        """The name for messages."""
        return self._base_name() if not getattr(self, "_named", False) else str(self.name)

    @called_by_users
    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("inputs", "outputs"):
            own = getattr(value, "own", None)
            if own is None:
                kind = name.capitalize()
                example = f"{kind}(parameters={{…}}, artifacts={{…}})"
                raise WrongType(f"template {self._shown_name()!r}: {name} must be {example}, not {value!r}")
            own(None, self)
        super().__setattr__(name, value)
        if name == "name":
            self._named = True

    @called_by_users
    def add_slices(self, slices: Any, layer: int = 0) -> None:
        """Slice every step of this template that has no slices of its own; see :class:`dflow.python.Slices`.

        Slices inside of slices belong to a step inside of this template; ``layer`` is there for upstream's sake.

        Raises:
            ValueError: it has slices already.
        """
        if self.slices is not None:
            raise WrongValue(
                f"the template {self._shown_name()!r} has slices already; for slices inside of slices put it into a "
                "Steps, and give the other slices to the step of that"
            )
        self.slices = slices

    @called_by_users
    def convert_to_graph(self) -> Any:
        """The template as plain data, as it stands in the JSON of a graph.

        Raises:
            CompileError: lists what cannot be read.
        """
        from dflow.pieces.graphs import of_template

        return of_template(self)

    @classmethod
    @called_by_users
    def from_graph(cls, graph: Any) -> Any:
        """The template that :meth:`convert_to_graph` turned into data."""
        from dflow.pieces.graphs import to_template

        return to_template(cls, graph)

    @classmethod
    @called_by_users
    def from_dict(cls, d: Any) -> Any:
        """The template from its piece of an Argo manifest.

        Raises:
            CompileError: lists the fields that are wrong.
            UnsupportedError: it says something that the API has no words for.
        """
        from dflow.pieces.manifests import to_template

        return to_template(cls, d)

    def copy(self) -> Any:
        """Another template of the same content; inputs and outputs are its own."""
        twin = copy.copy(self)
        twin.inputs = copy.deepcopy(self.inputs, {id(self): twin})
        twin.outputs = copy.deepcopy(self.outputs, {id(self): twin})
        return twin

    def deepcopy(self) -> Any:
        """Another template that shares nothing with this one."""
        return copy.deepcopy(self)


class ScriptOPTemplate(OPTemplate):
    """A program in a container image.

    Args:
        image: the container image; not used by local runs without a container executor.
        command: the program that runs the script, a word or a list of words.
        script: its text, with references such as ``{{inputs.parameters.msg}}``.
        timeout: seconds, or a text such as ``"10s"``.
        envs: environment variables.
        requests, limits: resources for Kubernetes.
        node_selector … sidecars: for Kubernetes; local runs ignore them.
    """

    language = "shell"

    @called_by_users
    def __init__(
        self,
        name: str | None = None,
        inputs: Inputs | None = None,
        outputs: Outputs | None = None,
        memoize_key: str | None = None,
        pvcs: List[Any] | None = None,
        annotations: Dict[str, str] | None = None,
        labels: Dict[str, str] | None = None,
        node_selector: Dict[str, str] | None = None,
        tolerations: List[Any] | None = None,
        affinity: Any = None,
        image: str | None = None,
        command: Any = None,
        script: str | None = None,
        volumes: List[Any] | None = None,
        mounts: List[Any] | None = None,
        init_progress: str = "0/1",
        timeout: Any = None,
        retry_strategy: Any = None,
        resource: Any = None,
        image_pull_policy: str | None = None,
        requests: Dict[str, str] | None = None,
        limits: Dict[str, str] | None = None,
        envs: Dict[str, Any] | None = None,
        init_containers: List[Any] | None = None,
        sidecars: List[Any] | None = None,
        script_rendered: bool = False,
    ) -> None:
        super().__init__(name, inputs, outputs, memoize_key, pvcs, annotations, labels)
        self.node_selector = {} if node_selector is None else node_selector
        self.tolerations = [] if tolerations is None else tolerations
        self.affinity = affinity
        self.image = image
        self.command = [command] if isinstance(command, str) else command
        self.script = script
        self.volumes = [] if volumes is None else volumes
        self.mounts = [] if mounts is None else mounts
        self.init_progress = init_progress
        self.timeout = timeout
        self.retry_strategy = retry_strategy
        self.resource = resource
        self.image_pull_policy = image_pull_policy
        self.requests = {} if requests is None else requests
        self.limits = {} if limits is None else limits
        self.envs = {} if envs is None else envs
        self.init_containers = [] if init_containers is None else init_containers
        self.sidecars = [] if sidecars is None else sidecars
        self.script_rendered = script_rendered


class ShellOPTemplate(ScriptOPTemplate):
    """A shell script. See :class:`ScriptOPTemplate`."""

    @called_by_users
    def __init__(
        self,
        name: str | None = None,
        inputs: Inputs | None = None,
        outputs: Outputs | None = None,
        memoize_key: str | None = None,
        pvcs: List[Any] | None = None,
        annotations: Dict[str, str] | None = None,
        labels: Dict[str, str] | None = None,
        node_selector: Dict[str, str] | None = None,
        tolerations: List[Any] | None = None,
        affinity: Any = None,
        image: str | None = None,
        command: Any = None,
        script: str | None = None,
        volumes: List[Any] | None = None,
        mounts: List[Any] | None = None,
        init_progress: str = "0/1",
        timeout: Any = None,
        retry_strategy: Any = None,
        image_pull_policy: str | None = None,
        requests: Dict[str, str] | None = None,
        limits: Dict[str, str] | None = None,
        envs: Dict[str, Any] | None = None,
        init_containers: List[Any] | None = None,
        sidecars: List[Any] | None = None,
        script_rendered: bool = False,
    ) -> None:
        arguments = dict(locals())
        for extra in ("self", "__class__"):
            arguments.pop(extra, None)
        super().__init__(**arguments)


class PythonScriptOPTemplate(ShellOPTemplate):
    """A Python script; without ``command`` the interpreter that submits runs it. See :class:`ScriptOPTemplate`.

    Attributes:
        packages: directories of packages that it imports, where an executor is shown the script of a Python OP.
    """

    language = "python"
    packages: Sequence[str] = ()


class ContainerOPTemplate(ScriptOPTemplate):
    """A command with arguments, without a script.

    Args:
        command: the program, a word or a list of words.
        args: its arguments.
    """

    language = "container"

    @called_by_users
    def __init__(self, command: Any = "", args: List[str] | None = None, **kwargs: Any) -> None:
        super().__init__(command=command or None, **kwargs)
        self.args = [] if args is None else args


class HTTPOPTemplate(OPTemplate):
    """A request to a server; the body of the answer is the step's ``outputs.result``.

    Args:
        url: where it goes; it may hold references such as ``{{inputs.parameters.id}}``, as ``body`` and header values.
        method: ``get``, ``post`` …
        headers: names and values.
        timeout: seconds until the answer must be there.
        success_condition: an expression such as ``response.statusCode == 201``; without one a status below 300.
        insecure_skip_verify: the server's certificate is not checked.
    """

    @called_by_users
    def __init__(
        self,
        url: str,
        name: str | None = None,
        inputs: Inputs | None = None,
        outputs: Outputs | None = None,
        memoize_key: str | None = None,
        annotations: Dict[str, str] | None = None,
        labels: Dict[str, str] | None = None,
        method: str = "get",
        headers: Dict[str, str] | None = None,
        timeout: int | None = None,
        success_condition: str | None = None,
        body: str | None = None,
        insecure_skip_verify: bool = False,
    ) -> None:
        super().__init__(
            name=name, inputs=inputs, outputs=outputs, memoize_key=memoize_key, annotations=annotations, labels=labels
        )
        self.url = url
        self.method = method
        self.headers = {} if headers is None else headers
        self.timeout = timeout
        self.success_condition = success_condition
        self.body = body
        self.insecure_skip_verify = insecure_skip_verify
