"""Single objects of the API as pieces of the graph's JSON, and back: ``convert_to_graph()`` and ``from_graph(...)``.

A piece is a record of ``engine.model`` as it stands in the JSON of a whole graph, with one difference: a step names its
template by the name that the object has. ``from_graph(x.convert_to_graph())`` compiles to what ``x`` compiles to.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow import building
from dflow.compile.merge import merge
from dflow.compile.ports import inputs_of, outputs_of, port_of
from dflow.compile.problems import Problems
from dflow.compile.templates import TemplateCompiler
from dflow.config import is_remote
from dflow.dag import DAG
from dflow.decompile import add_calls, step_of, task_of, template_of
from dflow.decompile import port_of as port_from
from dflow.engine import codec, model
from dflow.engine.errors import CompileError, DflowError, StateError, UnsupportedError, WrongName
from dflow.engine.near import near_or_all
from dflow.expression import ArgoVar
from dflow.names import by_name, listed
from dflow.python.slices import Slices
from dflow.steps import Steps
from dflow.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dflow.op_template import OPTemplate
    from dflow.step import Step

__all__ = [
    "known_templates",
    "of_call",
    "of_group",
    "of_port",
    "of_side",
    "of_template",
    "to_call",
    "to_group",
    "to_port",
    "to_side",
    "to_template",
]

_SLICES, _NAMED = "slices", "named"
"""What is in the piece of a template and in none of a graph: slices of its steps, and that its name was made up."""
_LEAVES = (
    model.ScriptTemplate,
    model.PythonOpTemplate,
    model.HttpTemplate,
    model.ResourceTemplate,
    model.SuspendTemplate,
)


# -- inputs and outputs -------------------------------------------------------------------------------------------


def of_port(port: Any) -> dict[str, Any]:
    """The piece of a parameter or an artifact."""
    with _all_right() as problems:
        made = codec.encode(port_of(port, problems))
    return dict(made)


def of_side(side: Any, *, is_input: bool) -> dict[str, Any]:
    """The piece of the inputs or outputs of a template."""

    class Holder:
        inputs = outputs = side

    with _all_right() as problems:
        holder: Any = Holder
        made = codec.encode((inputs_of if is_input else outputs_of)(holder, problems))
    return dict(made)


def to_port(cls: Any, piece: Any) -> Any:
    """The parameter or artifact of a piece."""
    record = _decoded(piece, (getattr(model, cls.__name__),), cls.__name__)
    with _readable(cls.__name__):
        return port_from(record)


def to_side(cls: Any, piece: Any) -> Any:
    """The inputs or outputs of a piece."""
    record = _decoded(piece, (getattr(model, cls.__name__),), cls.__name__)
    with _readable(cls.__name__):
        return cls(
            parameters={port.name: port_from(port) for port in record.parameters},
            artifacts={port.name: port_from(port) for port in record.artifacts},
        )


# -- templates ----------------------------------------------------------------------------------------------------


def of_template(template: OPTemplate) -> dict[str, Any]:
    """The piece of a template; of a Steps or DAG without the templates that its steps call."""
    return of_group(template)[0]


def of_group(template: OPTemplate) -> tuple[dict[str, Any], list[OPTemplate]]:
    """The piece of a template, and the templates that its steps call, each once.

    Raises:
        CompileError: lists what cannot be read.
        UnsupportedError: it calls different templates of one name.
    """
    compiler = _compiled(template)
    record = compiler.templates[0]
    called = _called_by(template, compiler)
    named = _with_names(record, lambda call: called[int(call.template)].name)
    piece = codec.encode(replace(named, name=template.name))
    if not template._named:
        piece[_NAMED] = False
    if template.slices is not None:
        piece[_SLICES] = {name: _plain(value) for name, value in vars(template.slices).items() if value}
    return piece, list({id(one): one for one in called.values()}.values())


def _called_by(template: OPTemplate, compiler: TemplateCompiler) -> dict[int, OPTemplate]:
    """The templates that the first one calls, by their indexes; for those that are the same, one."""
    _, unique = merge(compiler.templates)
    first = {unique[0]: compiler.objects[0]}
    called = {}
    names = {template.name: unique[0]}
    for index in (int(call.template) for call in _calls(compiler.templates[0])):
        found = compiler.objects[index]
        if names.setdefault(found.name, unique[index]) != unique[index]:
            raise UnsupportedError(
                f"{template.name!r} has different templates of the name {found.name!r}, which no piece can tell apart; "
                "rename one, or use to_graph() of the workflow"
            )
        called[index] = first.setdefault(unique[index], found)
    return called


def to_template(cls: Any, piece: Any) -> Any:
    """The template of a piece; that of a leaf."""
    return _template(cls, piece, _LEAVES)[0]


def to_group(cls: Any, piece: Any, templates: Any) -> Any:
    """The Steps or DAG of a piece.

    Args:
        templates: those that its steps call, as a list, or by name.

    Raises:
        KeyError: one that is called is not among them.
    """
    kinds = {"Steps": model.StepsTemplate, "DAG": model.DagTemplate}
    kind = next(kinds[c.__name__] for c in cls.__mro__ if c.__name__ in kinds)
    made, record = _template(cls, piece, (kind,))
    known = {**known_templates(templates), record.name: made}
    for call in _calls(record):
        _called(call, known, f"{cls.__name__} {record.name!r}")
    with _readable(cls.__name__), building.nothing_open():
        add_calls(made, record, known)
    return made


def _template(cls: Any, piece: Any, kinds: tuple[type, ...]) -> tuple[Any, Any]:
    content = by_name(piece, f"{cls.__name__}.from_graph: the piece")
    slices, is_named = content.pop(_SLICES, None), content.pop(_NAMED, True)
    record = _decoded(content, kinds, cls.__name__)
    with _readable(cls.__name__):
        made = template_of(record)
        if not isinstance(made, cls):
            raise StateError(
                f"{cls.__name__}.from_graph: the piece is a {type(made).__name__}; use that class, or OPTemplate"
            )
        made.slices = None if slices is None else Slices(**slices)
    made._named = bool(is_named)
    return made, record


def known_templates(given: Any) -> dict[str, Any]:
    """Templates by name, of a dict or a list of them."""
    if isinstance(given, Mapping):
        return dict(given)
    return {template.name: template for template in listed(given, "templates")}


# -- steps --------------------------------------------------------------------------------------------------------


def of_call(step: Step) -> dict[str, Any]:
    """The piece of a step or task.

    Raises:
        CompileError: lists what cannot be read.
        UnsupportedError: its executor makes another template of that which it calls.
    """
    holder: Any = DAG("holder") if isinstance(step, Task) else Steps("holder")
    (holder.tasks if isinstance(step, Task) else holder.steps).append(step)
    compiler = _compiled(holder)
    call = _calls(compiler.templates[0])[0]
    if compiler.objects[int(call.template)] is not step.template:
        raise UnsupportedError(
            f"{step._what} {step.name!r}: its executor or resource makes another template of {step.template.name!r}; "
            "use convert_to_graph() of the Steps or DAG, which gives that template, too"
        )
    record = _with_names(compiler.templates[0], lambda call: compiler.objects[int(call.template)].name)
    return dict(codec.encode(next(iter(_outer_calls(record)))))


def to_call(cls: Any, piece: Any, templates: Any) -> Any:
    """The step or task of a piece; ``templates`` as for :func:`to_group`."""
    record = _decoded(piece, (model.Call,), cls.__name__)
    known = known_templates(templates)
    for call in (record, *(hook.call for hook in record.hooks)):
        _called(call, known, f"{cls._what} {record.name!r}")
    with _readable(cls.__name__):
        return (task_of if issubclass(cls, Task) else step_of)(record, known)


def _called(call: Any, known: Mapping[str, Any], what: str) -> None:
    if call.template not in known:
        raise WrongName(
            f"{what}: there is no template {call.template!r} among templates{near_or_all(call.template, known)}"
        )


# -- parts --------------------------------------------------------------------------------------------------------


def _compiled(template: OPTemplate) -> TemplateCompiler:
    with _all_right() as problems:
        compiler = TemplateCompiler(problems, on_cluster=is_remote())
        compiler.compile(template, template.name)
    return compiler


@contextmanager
def _all_right() -> Iterator[Problems]:
    problems = Problems()
    yield problems
    if problems.found:
        raise CompileError(problems.found)


def _outer_calls(record: Any) -> Iterator[model.Call]:
    match record:
        case model.StepsTemplate(groups=groups):
            yield from (call for group in groups for call in group)
        case model.DagTemplate(tasks=tasks):
            yield from tasks


def _calls(record: Any) -> list[model.Call]:
    """The calls of a template, each followed by those of its hooks."""
    return [one for call in _outer_calls(record) for one in (call, *(hook.call for hook in call.hooks))]


def _with_names(record: Any, name_of: Callable[[model.Call], str]) -> Any:
    def named(call: model.Call) -> model.Call:
        hooks = tuple(replace(hook, call=named(hook.call)) for hook in call.hooks)
        return replace(call, template=name_of(call), hooks=hooks)

    match record:
        case model.StepsTemplate(groups=groups):
            return replace(record, groups=tuple(tuple(map(named, group)) for group in groups))
        case model.DagTemplate(tasks=tasks):
            return replace(record, tasks=tuple(map(named, tasks)))
    return record


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, ArgoVar) else value


def _decoded(piece: Any, kinds: tuple[type, ...], what: str) -> Any:
    content = by_name(piece, f"{what}.from_graph: the piece")
    found = content.get("is")
    names = [kind.__name__ for kind in kinds]
    if found not in names:
        raise StateError(
            f"{what}.from_graph: the piece has 'is': {found!r}, which must be {' or '.join(map(repr, names))}; "
            "it takes what convert_to_graph() of this version gives"
        )
    with _readable(what):
        return codec.decode(content)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Say of whom a piece is that does not hold what its record should."""
    try:
        yield
    except DflowError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as exc:
        raise StateError(f"{what}.from_graph: the piece does not fit this version of dflow: {exc}") from exc
