"""Errors as other processes get them."""

from __future__ import annotations

import pickle

import pytest
from dflow import Workflow, upload_artifact
from dflow.engine.errors import CompileError, ExportError, ExpressionError, NoSuchFile, RunNotFound


@pytest.mark.parametrize("kind", [CompileError, ExportError])
def test_problems_arrive_in_another_process_as_they_were(kind):
    error = kind(["step 'a': no such name", "step 'b': no such type"])
    error.hint = "h"
    got = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(got), got.problems, got.hint) == (str(error), error.problems, "h")


def test_the_place_in_an_expression_arrives_too():
    error = ExpressionError("no", source="a + ", position=4)
    got = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(got), got.source, got.position) == (str(error), "a + ", 4)


def test_what_is_not_there_is_caught_as_scripts_catch_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as run:
        Workflow(id="not-there").query_status()
    with pytest.raises(RuntimeError) as file:
        upload_artifact("not-there")
    assert (type(run.value), type(file.value)) == (RunNotFound, NoSuchFile)
    for error in (run.value, file.value):
        assert "there is no " in str(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own
