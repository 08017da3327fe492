"""Mistakes in a script: which are told when a step is made, and with which exception."""

import json

from dflow import InputParameter, ShellOPTemplate, Step, Workflow


def problem(make):
    try:
        make()
    except Exception as exc:  # noqa: BLE001 - whatever it is, its name is compared
        return "KeyError" if isinstance(exc, KeyError) else type(exc).__name__
    return None


template = ShellOPTemplate(name="t", script="true")
template.inputs.parameters["known"] = InputParameter()
told = {
    "unknown parameter": problem(lambda: Step(name="s", template=template, parameters={"unknown": 1})),
    "unknown artifact": problem(lambda: Step(name="s", template=template, artifacts={"unknown": None})),
    "name of a workflow": problem(lambda: Workflow(name="Not_Allowed")),
}
print("TOLD " + json.dumps(told))
