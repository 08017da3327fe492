"""Executors: 3.1.14 of the guide, 3.1.13 of the guide of version 1.0."""

from __future__ import annotations

import abc
import inspect
from abc import ABC
from pathlib import Path

import dflow
from dflow import ShellOPTemplate, Step, Workflow

# 3.1.14
EXECUTOR = """\
class Executor(ABC):
    @abc.abstractmethod
    def render(self, template):
        pass
"""

# 3.1.13 of version 1.0
FIRST = """\
class Executor(object):
    image = None
    command = None
    def get_script(self, command, script):
        pass
"""


def log_of(executor) -> str:
    wf = Workflow("executors")
    template = ShellOPTemplate("say", image="alpine", script="echo the script\n")
    wf.add(Step("say", template, key="say", executor=executor))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    return Path(wf.query_step(key="say")[0].path, "log.txt").read_text()


def test_3_1_14_an_executor_renders_the_template_of_its_step():
    names = {"ABC": ABC, "abc": abc}
    exec(EXECUTOR, names)  # noqa: S102 - a block of the guide
    assert inspect.signature(dflow.Executor.render).parameters.keys() == {"self", "template"}
    for base in (names["Executor"], dflow.Executor):

        class Mine(base):
            def render(self, template):
                template.script = "echo before\n" + template.script
                return template

        assert log_of(Mine()) == "before\nthe script\n"


def test_1_0_3_1_13_an_executor_of_the_first_version_rewrites_the_script():
    names = {}
    exec(FIRST, names)  # noqa: S102 - a block of the guide

    class Mine(names["Executor"]):
        image = "other"
        command = ("bash",)

        def get_script(self, command, script):
            return f"echo instead of {' '.join(command or ['sh'])}\n{script}"

    assert log_of(Mine()) == "instead of sh\nthe script\n"
