"""What the copies of a sliced loop give, as the outputs of the template around it; and whether enough of them did."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from dflow.engine.texts import OPTIONAL_STR
from dflow.exporters.argo.export.context import digest
from dflow.exporters.argo.export.records import HELPER, filled, is_op, shortened
from dflow.exporters.argo.export.texts import name_of

if TYPE_CHECKING:
    from dflow.engine.model import Call, OutputParameter, Slices, Template
    from dflow.exporters.argo.export.context import Context

__all__ = ["SUCCESS", "check_of", "counted", "stacked_outputs"]

SUCCESS = "dflow_success"
"""The output parameter that says how many elements of a copy succeeded."""
_JSON = ("int", "float", "bool", "list", "dict", "typing.List[", "typing.Dict[", "List[", "Dict[")
"""How types begin whose values are always JSON."""
_FAIL = "dflow-too-few"
_FAIL_IN_SHELL = "echo 'too few slices succeeded' >&2\nexit 1\n"
_FAIL_IN_PYTHON = "raise SystemExit('too few slices succeeded')\n"
_CHECK = "dflow-enough"


def counted(call: Call) -> bool:
    """Whether a number or a part of the copies is enough."""
    return call.continue_on.num_success is not None or call.continue_on.success_ratio is not None


def stacked_outputs(call: Call, target: Template, slices: Slices) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The stacked output parameters of the template around a loop, and their types."""
    grouped = slices.group_size is not None and is_op(target)
    outputs, types = [], {}
    for parameter in target.outputs.parameters:
        if parameter.name in slices.output_parameters:
            source = name_of(f"tasks.{call.name}.outputs.parameters.{parameter.name}")
            text = _flattened(source) if grouped else _listed(source, parameter)
            value = {"expression": text, "default": "[]"}
            outputs.append({"name": parameter.name, "valueFrom": value})
            if parameter.global_name is not None:
                outputs[-1]["globalName"] = parameter.global_name
            if parameter.type is not None:
                types[parameter.name] = f"typing.List[{parameter.type}]"
    return outputs, types


def _listed(source: str, parameter: OutputParameter) -> str:
    """The texts of the copies as one JSON list of values of the declared type (LP-04: JSON values come as such)."""
    if parameter.type is None:
        return source
    if parameter.type == "str":
        return f"toJson(map(fromJSON({source}), type(#) == 'string' ? # : toJson(#)))"
    if parameter.type in OPTIONAL_STR:
        return f"toJson(map(fromJSON({source}), # == 'null' ? nil : type(#) == 'string' ? # : toJson(#)))"
    if not parameter.type.startswith(_JSON):  # any text, some of which are JSON
        is_json = "# == 'null' || sprig.fromJson(#) != nil"
        return f"'[' + join(map(fromJSON({source}), type(#) == 'string' && ({is_json}) ? # : toJson(#)), ', ') + ']'"
    return f"'[' + join(map(fromJSON({source}), type(#) == 'string' ? # : toJson(#)), ', ') + ']'"


def _flattened(source: str) -> str:
    """The values of all groups, in the order of the elements, from ``[{"dflow_list_item": …, "order": …}]``."""
    return f"toJson(map(sortBy(flatten(fromJSON({source})), #.order), #.dflow_list_item))"


def check_of(call: Call, total: str, context: Context) -> dict[str, Any]:
    """A task after the loop that fails when too few copies succeeded. It needs no pod where enough did."""
    rule = call.continue_on
    fields = _helper_fields(call, context)
    own = "" if fields == _helper_fields(None, context) else digest(fields)
    fail = _added(_fail(fields, own), context)
    check = _added(_check(fail, own), context)
    values = {
        "done": "{{tasks." + call.name + ".outputs.parameters}}",
        "count": "" if rule.num_success is None else str(rule.num_success),
        "ratio": "" if rule.success_ratio is None else repr(rule.success_ratio),
        "total": total,
    }
    return {
        "name": _CHECK,
        "template": check,
        "depends": f"{call.name} || {call.name}.Failed || {call.name}.Errored",
        "arguments": {"parameters": [{"name": name, "value": value} for name, value in values.items()]},
    }


def _added(made: dict[str, Any], context: Context) -> str:
    """Put one of our templates into the manifest; under another name where the user has a template of that one."""
    if any(template.name == made["name"] for template in context.graph.templates):
        made["name"] = shortened(made["name"], digest(made))
    return context.add(made, "the check of how many slices succeeded")


def _check(fail: str, own: str) -> dict[str, Any]:
    good = f"sum(map(fromJSON(inputs.parameters.done), int(#.{SUCCESS})), #)"
    enough = (
        f"(inputs.parameters.count != '' && {good} >= int(inputs.parameters.count)) || "
        f"(inputs.parameters.ratio != '' && {good} >= float(inputs.parameters.ratio) * int(inputs.parameters.total))"
    )
    names = ("done", "count", "ratio", "total")
    return {
        "name": shortened(_CHECK, own) if own else _CHECK,
        "metadata": {"annotations": {HELPER: "true"}},
        "inputs": {"parameters": [{"name": name} for name in names]},
        "steps": [[{"name": "too-few", "template": fail, "when": "{{=!(" + enough + ")}}"}]],
    }


def _helper_fields(call: Call | None, context: Context) -> dict[str, Any]:
    """The image, pull policy and command of a pod that is added for a call."""
    given = json.loads(call.helper_pod or "{}") if call is not None else {}
    return filled(
        command=given.get("command", ["sh"]),
        image=given.get("image", context.options.util_image),
        imagePullPolicy=given.get("image_pull_policy", context.options.util_image_pull_policy),
    )


def _fail(fields: dict[str, Any], own: str) -> dict[str, Any]:
    """A pod that fails.

    Args:
        own: tells it from others, where it is not as all of them.
    """
    is_python = PurePosixPath(fields["command"][0]).name.startswith("python")
    return {
        "name": shortened(_FAIL, own) if own else _FAIL,
        "metadata": {"annotations": {HELPER: "true"}},
        "script": {"command": fields["command"], "source": _FAIL_IN_PYTHON if is_python else _FAIL_IN_SHELL, **fields},
    }
