"""The trivial shell OP of the cases."""

# ruff: noqa: S108 - dflow maps the declared /tmp path into the step

from dflow import InputParameter, Inputs, OutputParameter, Outputs, ShellOPTemplate

PLUS_ONE = ShellOPTemplate(
    name="plus-one",
    image="alpine",
    script="echo $(({{inputs.parameters.x}} + 1)) > /tmp/y",
    inputs=Inputs(parameters={"x": InputParameter(type=int)}),
    outputs=Outputs(parameters={"y": OutputParameter(value_from_path="/tmp/y", type=int)}),
)
