"""Workflows and steps as queries give them: items and attributes are the same thing."""

from __future__ import annotations

import calendar
import re
import time
from collections import UserDict, UserList
from functools import partial
from typing import Any, Callable, Dict, Iterator, List

from dflow.engine.errors import WrongAttribute, WrongName, WrongType, WrongValue
from dflow.tracebacks import called_by_users

__all__ = [
    "ArgoObjectDict",
    "ArgoObjectList",
    "ArgoParameter",
    "ArgoStep",
    "ArgoWorkflow",
    "StepList",
    "get_duration",
    "get_pod_name",
    "rfc3339",
]

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def rfc3339(seconds: float | None) -> str | None:
    """A time as Argo writes it, in UTC and whole seconds."""
    return None if seconds is None else time.strftime(_TIME, time.gmtime(seconds))


def _wrapped(value: Any) -> Any:
    if isinstance(value, dict):
        return ArgoObjectDict(value)
    if isinstance(value, list):
        return ArgoObjectList(value)
    return value


class ArgoObjectDict(UserDict):  # type: ignore[type-arg]
    """A dict whose items are attributes too."""

    def __init__(self, d: Any) -> None:
        super().__init__({key: _wrapped(value) for key, value in d.items()})

    @called_by_users
    def __getattr__(self, name: str) -> Any:
        if name in ("data", "_LATE") or name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            from dflow.engine.near import near

            known = sorted({*map(str, self.data), *getattr(type(self), "_LATE", ())})
            hint = near(name, known) or f"; there are: {', '.join(known)}"
            raise WrongAttribute(f"there is no {name!r} here{hint}") from None

    @called_by_users
    def __getitem__(self, key: Any) -> Any:
        return self.data[key] if key in self.data else self.__missing__(key)

    def __missing__(self, key: str) -> Any:
        from dflow.engine.near import near_or_all

        raise WrongName(f"there is no {key!r} here{near_or_all(key, self.data)}")

    def recover(self) -> Any:
        """Plain dicts and lists."""
        return {key: value.recover() if hasattr(value, "recover") else value for key, value in self.items()}


class ArgoObjectList(UserList):  # type: ignore[type-arg]
    """A list whose dicts have items as attributes too."""

    def __init__(self, li: Any) -> None:
        super().__init__([_wrapped(value) for value in li])

    def recover(self) -> Any:
        """Plain dicts and lists."""
        return [value.recover() if hasattr(value, "recover") else value for value in self]


class ArgoParameter(ArgoObjectDict):
    """A parameter of a step; ``value`` has the type that its OP declares."""

    def __init__(self, par: Any) -> None:
        super().__init__({key: value for key, value in par.items() if key != "value"})
        self.data["value"] = par.get("value")


class ArgoStep(ArgoObjectDict):
    """A step of a workflow that was submitted.

    Attributes:
        displayName, name, id, key, type, phase, message, startedAt, finishedAt: what is known of it.
        inputs, outputs: ``.parameters[name].value`` and ``.artifacts[name]``; read when they are first asked for.
        progress: ``"10/100"``, as its OP said; read when it is first asked for.
        path: its directory; None on a server.
    """

    _LATE = ("inputs", "outputs", "progress")

    def __init__(self, step: Dict[str, Any], workflow: str, load: Callable[[str], Any] | None = None) -> None:
        super().__init__(step)
        self.__dict__["_load"] = load
        self.data.setdefault("workflow", workflow)

    def __missing__(self, key: str) -> Any:
        load = self.__dict__.get("_load")
        if key not in self._LATE or load is None:
            return super().__missing__(key)
        values = load(key)
        if key == "progress":
            self.data[key] = values
            return values
        parameters = {name: _parameter(name, fields) for name, fields in values["parameters"].items()}
        artifacts = {name: {"name": name, **fields} for name, fields in values["artifacts"].items()}
        self.data[key] = side = ArgoObjectDict({"artifacts": artifacts})
        side.data["parameters"] = ArgoObjectDict({})
        side.data["parameters"].data.update(parameters)
        return side

    def __contains__(self, key: object) -> bool:
        return key in self.data or (key in self._LATE and self.__dict__.get("_load") is not None)

    def __iter__(self) -> Iterator[Any]:
        for key in self._LATE:
            if key in self:
                self[key]
        return iter(self.data)

    def __getstate__(self) -> Dict[str, Any]:
        """All that is known of it: a copy or a pickle keeps its outputs when the run is gone.

        Where what it is asked of cannot be pickled (of a server, or of a replay), the copy can be reused, not retried.
        """
        for name in self._LATE:
            if name in self:
                self[name]
        state = dict(self.__dict__)
        if not isinstance(state.get("_load"), partial):
            state["_load"] = None
        return state

    def __repr__(self) -> str:
        return f"ArgoStep({self.data.get('name')!r}, {self.data.get('phase')})"

    def get_duration(self) -> float:
        """Seconds from start to end, or until now."""
        return get_duration(self)

    @called_by_users
    def get_script(self) -> str:
        """The program that it has run, or the one that :meth:`set_script` has given it.

        On a server: the script of its template, in which names are not replaced by values.
        """
        own: str = self.__dict__.get("_script") or self._acts().script()
        return own

    @called_by_users
    def set_script(self, script: str) -> None:
        """Give it another program, for :meth:`replay`; the run that it is of stays as it is."""
        if not isinstance(script, str):
            raise WrongType(f"a script is a text, not {script!r:.80}")
        self._acts().script()  # it must have one
        self.__dict__["_script"] = script

    @called_by_users
    def replay(self) -> ArgoStep:
        """Run it once more, in the foreground, with the inputs that it had; what it prints is shown.

        It runs in a directory of its own, ``path`` of the result, which has its ``phase``, ``message``, ``exitCode``
        and ``outputs`` too. The run that it is of stays as it is.
        """
        step: ArgoStep = self._acts().replay(self.__dict__.get("_script"))
        return step

    @called_by_users
    def retry(self) -> None:
        """Run it once more in its workflow, whatever its phase, and what follows it; then this object is up to date.

        A runner that is still at work does it when its attempt has ended, and a server when it can; neither is waited
        for.
        """
        step = self._acts().retry()
        if step is not None:
            self.data = step.data
            self.__dict__["_load"] = step.__dict__["_load"]

    @called_by_users
    def get_pod(self) -> Any:
        """Its pod; only who has access to the cluster can get it.

        Raises:
            UnsupportedError: says how.
        """
        return self._acts().pod("get")

    @called_by_users
    def delete_pod(self) -> None:
        """Delete its pod; only who has access to the cluster can.

        Raises:
            UnsupportedError: says how.
        """
        self._acts().pod("delete")

    def _acts(self) -> Any:
        load = self.__dict__.get("_load")
        if load is None:
            raise WrongType("this step is of no run; ask for one with wf.query_step()")
        return load("acts")

    def modify_output_parameter(self, name: str, value: Any) -> None:
        """Change an output before the step is reused; the run that it is of stays as it is."""
        parameters = self["outputs"]["parameters"].data
        kind = parameters[name]["type"] if name in parameters else None
        parameters[name] = ArgoParameter({"name": name, "value": value, "type": kind})

    def modify_output_artifact(self, name: str, s3: Any) -> None:
        """Change an output before the step is reused; ``s3`` is an artifact, uploaded or of another step."""
        from dflow.common import key_of

        path, key = getattr(s3, "local_path", None), key_of(s3)
        if path is None and key is None:
            raise WrongType(f"{s3!r} is no artifact; use upload_artifact(...) or an output of a step")
        inside = getattr(s3, "_sub_path", None)
        place = {"key": key} if path is None else {"local_path": f"{path}/{inside}" if inside else str(path)}
        self["outputs"]["artifacts"].data[name] = ArgoObjectDict({"name": name, **place})


def _parameter(name: str, fields: Dict[str, Any]) -> ArgoParameter:
    from dflow.python.values import decode

    text, kind = fields.get("value"), fields.get("type")
    value = None if text is None else decode(text, kind)
    return ArgoParameter({"name": name, "value": value, "type": kind})


def get_duration(status: Any) -> float:
    """Seconds between ``startedAt`` and ``finishedAt``, or until now."""
    started, finished = status.get("startedAt"), status.get("finishedAt")
    if started is None:
        return 0.0
    end = time.time() if finished is None else calendar.timegm(time.strptime(finished, _TIME))
    return float(end - calendar.timegm(time.strptime(started, _TIME)))


def get_pod_name(wf_name: str, node_name: str, template_name: str, node_id: str) -> str:
    """The name that Argo gives to the pod of a node."""
    from dflow.exporters.argo.server.nodes import pod_name

    node = {"id": node_id, "name": node_name, "templateName": template_name}
    return pod_name({"metadata": {"name": wf_name}}, node)


class _NoSuchStep(WrongValue, IndexError):
    """A query has found fewer steps than one asks for."""


class StepList(List[ArgoStep]):
    """Steps that a query found. When there is exactly one, its attributes and items can be had directly.

    Attributes:
        asked: gives the end of a message: what the query asked for.
    """

    asked: Callable[[], str] = str

    def __reduce__(self) -> Any:
        """A copy or a pickle holds what was found, not all that was looked through."""
        return StepList, (list(self),)

    def _single(self, name: object) -> ArgoStep:
        if len(self) == 1:
            return list.__getitem__(self, 0)
        if not self:
            raise WrongAttribute(f"the query found no step, and so no {name!r}; all keys: wf.query_keys_of_steps()")
        found = f"{len(self)} steps ({', '.join(s.displayName for s in self[:5])})"
        raise WrongAttribute(f"{name!r} of which step? The query found {found}; give it a key or an index")

    @called_by_users
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._single(name), name)

    @called_by_users
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._single(key)[key]
        if isinstance(key, int) and not -len(self) <= key < len(self):
            count = f"{len(self)} step{'s' if len(self) > 1 else ''}" if self else "no step"
            raise _NoSuchStep(f"the query found {count}{self.asked()}")
        return list.__getitem__(self, key)


class ArgoWorkflow(ArgoObjectDict):
    """A workflow that was submitted: ``.metadata``, ``.status`` and its steps."""

    def __init__(self, d: Dict[str, Any]) -> None:
        nodes = d.get("status", {}).pop("nodes", {})
        super().__init__(d)
        self.data["status"].data["nodes"] = nodes

    def recover(self) -> Any:
        """Plain dicts and lists, with all that is known of its steps."""
        plain = super().recover()
        plain["status"]["nodes"] = {identity: step.recover() for identity, step in self.status.nodes.items()}
        return plain

    def get_step(
        self,
        name: Any = None,
        key: Any = None,
        phase: Any = None,
        id: Any = None,
        type: Any = None,
        parent_id: Any = None,
        sort_by_generation: bool = False,
    ) -> StepList:
        """Steps that fit all that is given; see :meth:`dflow.Workflow.query_step`."""
        try:
            names = [re.compile(n) for n in _several(name)] if name is not None else []
        except re.error as exc:
            raise WrongValue(f"the name {exc.pattern!r} is no regular expression: {exc}") from exc
        _check_phases(phase)
        found = StepList()
        given = {"name": name, "key": key, "phase": phase, "id": id, "type": type, "parent_id": parent_id}
        found.asked = partial(_asked, given, self.status.nodes)
        for step in self.status.nodes.values():
            if name is not None and not any(n.match(step.displayName) for n in names):
                continue
            wanted = (("key", key), ("phase", phase), ("id", id), ("type", type), ("boundaryID", parent_id))
            if all(value is None or step[field] in _several(value) for field, value in wanted):
                found.append(step)
        if sort_by_generation:
            found.sort(key=lambda step: step["name"].count("."))
        return found

    def get_duration(self) -> float:
        """Seconds from start to end, or until now."""
        return get_duration(self.status)

    def global_outputs(self) -> ArgoObjectDict:
        """Outputs of the workflow."""
        outputs = self.status.get("outputs", {})
        types = outputs.get("types", {})
        texts = outputs.get("parameters", {})
        parameters = {n: _parameter(n, {"value": text, "type": types.get(n)}) for n, text in texts.items()}
        artifacts = {n: {"name": n, **fields} for n, fields in outputs.get("artifacts", {}).items()}
        result = ArgoObjectDict({"artifacts": artifacts})
        result.data["parameters"] = ArgoObjectDict({})
        result.data["parameters"].data.update(parameters)
        return result


def _check_phases(given: Any) -> None:
    """A word that is no phase would find nothing."""
    from dflow.engine.near import near_or_all
    from dflow.engine.phase import Phase

    for word in () if given is None else _several(given):
        if isinstance(word, str) and word not in list(Phase):
            raise WrongValue(f"there is no phase {str(word)!r}{near_or_all(word, Phase)}")


def _asked(given: Dict[str, Any], steps: Any) -> str:
    """What a query asked for, and a key that looks like it."""
    from dflow.engine.near import near

    words = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
    keys = [step.key for step in steps.values() if step.key is not None]
    unknown = [key for key in _several(given["key"]) if key is not None and key not in keys]
    return (f" with {words}" if words else "") + (near(unknown[0], keys) if unknown else "")


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, set)) else [value]
