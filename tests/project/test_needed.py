"""A test without its service is skipped, or fails in CI."""

from __future__ import annotations

import os

import pytest
from needed import lacking, need


@pytest.fixture
def _as_root(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DFLOW_TEST_SERVICES", raising=False)


def test_what_is_missing_is_a_reason_to_skip(monkeypatch):
    monkeypatch.delenv("DFLOW_TEST_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such service"):
        need("no such service")


def test_what_is_missing_is_a_failure_where_services_are_required(monkeypatch):
    monkeypatch.setenv("DFLOW_TEST_SERVICES", "required")
    with pytest.raises(pytest.fail.Exception, match="no such service"):
        need("no such service")


@pytest.mark.parametrize("required", ["", "required"])
def test_a_service_that_is_there_is_used(monkeypatch, required):
    monkeypatch.setenv("DFLOW_TEST_SERVICES", required)
    need("")


@pytest.mark.usefixtures("_as_root")
def test_programs_are_looked_for_on_the_path_and_in_more_folders(tmp_path):
    program = tmp_path / "more" / "serve"
    assert lacking("a service", ["serve"], str(program.parent)) == "a service needs serve"
    program.parent.mkdir()
    program.touch(mode=0o755)
    assert lacking("a service", ["serve"]) == "a service needs serve"
    assert lacking("a service", ["serve"], str(program.parent)) == ""


@pytest.mark.usefixtures("_as_root")
def test_what_its_script_installs_is_not_missing_where_services_are_required(monkeypatch):
    assert lacking("a service", ["serve"], installs=True) == "a service needs serve"
    monkeypatch.setenv("DFLOW_TEST_SERVICES", "required")
    assert lacking("a service", ["serve"], installs=True) == ""
    assert lacking("a service", ["serve"]) == "a service needs serve"


def test_only_root_starts_services(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    assert lacking("a service", []) == "only root can start a service"
