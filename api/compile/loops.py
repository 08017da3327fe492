"""Loops and slices of steps as records of the graph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.compile.clashes import check_stacked_files
from dflow.compile.indices import as_index, without_items
from dflow.compile.values import RawText, as_lists, parameter_value, short, text_value
from dflow.config import config
from dflow.engine import model
from dflow.engine.near import near_or_all
from dflow.engine.texts import read_value
from dflow.expression import ArgoVar
from dflow.loops import ArgoSequence
from dflow.python.python_op_template import PythonOPTemplate
from dflow.step import slices_of

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.step import Step

__all__ = ["elements", "key_of", "loop_of"]

_ITEM = re.compile(r"\s*\{\{\s*item\s*\}\}\s*")
_IN_GROUPS = ("group_size", "pool_size", "pool_timeout")


def key_of(step: Step, problems: Problems) -> model.Value | None:
    """The key of a step; ``{{item}}`` in that of a step without a loop is the word ``item``."""
    key = step.key
    if isinstance(key, str) and step.with_param is None and step.with_sequence is None and slices_of(step) is None:
        key = without_items(key)
    return None if key is None else text_value(key, problems)


def loop_of(step: Step, problems: Problems) -> model.Loop | None:
    """The loop of a step; None when it is run once."""
    sequence = step.with_sequence
    if step.with_param is not None and sequence is not None:
        problems.add("it has both with_param and with_sequence; give one")
    slices = _slices(step, problems)
    if step.with_param is not None:
        with problems.at("with_param"):
            return model.Loop(parameter_value(step.with_param, list, problems), step.parallelism, slices)
    if sequence is None:
        return None if slices is None else model.Loop(None, step.parallelism, slices)
    with problems.at("with_sequence"):
        if not isinstance(sequence, ArgoSequence):
            problems.add(f"it must be argo_sequence(...), not {sequence!r}")
            return None
        fields = {name: getattr(sequence, name) for name in ("count", "start", "end", "format")}
        values = {name: text_value(given, problems) for name, given in fields.items() if given is not None}
        return model.Loop(model.Sequence(**values), step.parallelism, slices)


def elements(given: Any, kind: Any, problems: Problems) -> Any:
    """The value of a sliced parameter, whose elements have this type; a constant must be a list, or a dict."""
    if isinstance(given, ArgoVar) or (isinstance(given, str) and "{{" in given and not isinstance(given, RawText)):
        return given
    value = read_value(given) if isinstance(given, str) else given
    if isinstance(value, (list, tuple, range)):
        return given if isinstance(given, str) else [as_lists(item, kind) for item in value]
    if isinstance(value, (str, int, float, type(None))):
        problems.add(f"it is sliced, so it must be a list, not {short(given)}")
    return given


def _same_length(step: Step, given: Any, problems: Problems) -> None:
    """Whether constant lists have the same number of elements, of which each copy gets one."""
    values = {name: step.parameters.get(name) for name in given.input_parameter}
    lengths = {name: len(value) for name, value in values.items() if isinstance(value, (list, tuple, range, dict))}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        problems.add(f"the sliced inputs differ in length: {listed}")


def _slices(step: Step, problems: Problems) -> model.Slices | None:
    given = slices_of(step)
    if given is None:
        return None
    with problems.at("slices"):
        _known(step, given, problems)
        own = step.with_param is None and step.with_sequence is None
        _told_apart(step, given, problems)
        check_stacked_files(step, given, problems)
        if own:
            _same_length(step, given, problems)
        index = given.slices
        if index is None or (isinstance(index, str) and (not index or (own and _ITEM.fullmatch(index)))):
            index = "{{item.order}}" if own or given.sub_path else "{{item}}"
        elif isinstance(index, str):
            index = as_index(index)
        return model.Slices(
            text_value(index, problems),
            tuple(given.input_parameter),
            tuple(given.input_artifact),
            tuple(given.output_parameter),
            tuple(given.output_artifact),
            bool(given.create_dir),
            **(_groups(step, given, problems) if given.group_size is not None else {}),
        )


def _known(step: Step, given: Any, problems: Problems) -> None:
    """Whether the template has what is sliced and stacked."""
    for side in ("input", "output"):
        for what in ("parameter", "artifact"):
            declared = getattr(getattr(step.template, f"{side}s"), f"{what}s").data
            for name in getattr(given, f"{side}_{what}"):
                if name not in declared:
                    called = f"the template {step.template._shown_name()!r} has no {side} {what} {str(name)!r}"
                    problems.add(f"{side}_{what}: {called}{near_or_all(name, declared)}")


def _told_apart(step: Step, given: Any, problems: Problems) -> None:
    """Whether the index can be that of an element: the name of an input is none."""
    inputs = step.template.inputs
    if not isinstance(given.slices, str) or given.slices not in (*inputs.parameters, *inputs.artifacts):
        return
    sliced = (*given.input_parameter, *given.input_artifact)
    if all(isinstance(step.parameters.get(name), (list, tuple)) for name in sliced):  # a dict may have such a key
        problems.add(
            f"the index is {given.slices!r}, which is an input of the template; the first argument of Slices is the "
            "index of an element, such as '{{item}}'; name inputs with input_parameter= or input_artifact="
        )


def _groups(step: Step, given: Any, problems: Problems) -> dict[str, Any]:
    """What concerns elements in groups.

    A group of which an element fails, fails; unless the step says how many successes are enough, and neither the
    slices nor the configuration ask for it.
    """
    if not isinstance(step.template, PythonOPTemplate) and given.pool_timeout is not None:
        problems.add("pool_timeout is for Python OPs; set timeout= on the leaf templates or steps instead")
    values = {name: _positive(name, getattr(given, name), problems) for name in _IN_GROUPS}
    counted = step.continue_on_num_success is not None or step.continue_on_success_ratio is not None
    raises = bool(given.raise_for_group or config["raise_for_group"] or not counted)
    return {**values, "shuffle": bool(given.shuffle), "random_seed": given.random_seed, "raise_for_group": raises}


def _positive(name: str, value: Any, problems: Problems) -> Any:
    whole = name != "pool_timeout"
    if value is None or (isinstance(value, int if whole else (int, float)) and value > 0):
        return value
    problems.add(f"{name} is {value!r}; it must be a positive {'integer' if whole else 'number of seconds'}")
    return 1
