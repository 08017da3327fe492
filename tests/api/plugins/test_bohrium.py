"""Accounts, tickets, job groups, contexts and data sets of Bohrium; a server of the tests' own is in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from bohrium_service import ACCESS_KEY, ACCOUNT, APP_KEY, TICKET
from dflow import InputArtifact, OutputParameter, PythonScriptOPTemplate, ShellOPTemplate, Step, Workflow, config
from dflow.engine.errors import ConfigError
from dflow.plugins import bohrium
from dflow.plugins.bohrium import (
    BohriumContext,
    BohriumDatasetsArtifact,
    BohriumError,
    BohriumExecutor,
    create_job_group,
    login,
    update_headers,
)
from dflow.plugins.dispatcher import DispatcherExecutor


def test_settings_come_from_the_environment():
    path = str(Path(__import__("dflow").__path__[0]).parent)
    code = "from dflow.plugins.bohrium import config; import json; print(json.dumps(config))"
    given = {"BOHRIUM_USERNAME": "me", "BOHRIUM_PROJECT_ID": "7", "BOHRIUM_UPLOAD_PROGRESS": "1", "BOHRIUM_URL": "u"}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BOHRIUM_")}

    def read(**more):
        env = {**plain, **given, **more, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    found = read()
    assert (found["username"], found["project_id"], found["upload_progress"]) == ("me", "7", True)
    assert (found["bohrium_url"], found["tiefblue_url"]) == ("u", "https://tiefblue.dp.tech")
    assert found["password"] is found["ticket"] is found["access_key"] is None
    assert read(BOHRIUM_BOHRIUM_URL="v")["bohrium_url"] == "v"


def test_a_login_gives_a_token(service):
    assert login() in service.logins
    assert login(phone=ACCOUNT[0], password=ACCOUNT[1], bohrium_url=service.url + "/") in service.logins
    assert len(service.logins) == 2


def test_a_login_that_is_refused_says_why_and_not_the_password(service):
    with pytest.raises(BohriumError, match=r"log in as someone: wrong password$"):
        login("someone", password=ACCOUNT[0])


def test_without_an_account_the_variables_are_named(service, monkeypatch):
    monkeypatch.setitem(bohrium.config, "password", None)
    with pytest.raises(ConfigError, match=r"set BOHRIUM_USERNAME .* and BOHRIUM_PASSWORD"):
        login()


def test_a_server_that_is_not_there_is_said(monkeypatch, service):
    with pytest.raises(BohriumError, match=r"log in as me@x.org: no answer of 127.0.0.1:9: "):
        login(bohrium_url="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="is no address of a server"):
        login(bohrium_url="file:///etc")


def test_a_server_that_is_away_for_a_moment_is_asked_again(service):
    service.away = 2
    assert login() in service.logins
    service.away = 9
    with pytest.raises(BohriumError, match="503"):
        login()


def test_a_job_group_is_made_for_the_project(service):
    assert create_job_group("first") == 77
    assert create_job_group("second") == 78
    assert service.groups == [{"name": "first", "projectId": 7}, {"name": "second", "projectId": 7}]
    assert service.asked["/account/login"] == 1, "the token is used again"


def test_a_token_that_is_not_taken_any_more_is_replaced(service):
    create_job_group("first")
    service.logins.clear()
    assert create_job_group("second") == 78
    assert service.asked["/account/login"] == 2


def test_a_ticket_and_an_access_key_need_no_login(service, monkeypatch):
    monkeypatch.setitem(bohrium.config, "ticket", TICKET)
    assert create_job_group("by-ticket") == 77
    monkeypatch.setitem(bohrium.config, "ticket", None)
    monkeypatch.setitem(bohrium.config, "access_key", ACCESS_KEY)
    monkeypatch.setitem(bohrium.config, "app_key", APP_KEY)
    assert create_job_group("by-key") == 78
    assert service.asked["/account/login"] == 0
    monkeypatch.setitem(bohrium.config, "access_key", "another-key")
    with pytest.raises(BohriumError, match="no such key") as caught:
        create_job_group("refused")
    assert "another-key" not in str(caught.value)


def test_a_project_must_be_a_number(service, monkeypatch):
    monkeypatch.setitem(bohrium.config, "project_id", None)
    with pytest.raises(ConfigError, match="set BOHRIUM_PROJECT_ID"):
        create_job_group("none")


def test_requests_to_the_workflow_server_bring_who_asks(service, monkeypatch):
    monkeypatch.setitem(config, "http_headers", {"Cookie": "a=b; brmToken=old", "X": "y"})
    update_headers()
    token = bohrium.config["authorization"]
    assert token in service.logins
    expected = {"Cookie": f"a=b; brmToken={token}", "Bohrium-Project-ID": "7", "X": "y"}
    assert config["http_headers"] == expected
    update_headers()
    assert config["http_headers"] == expected, "again is no more"
    monkeypatch.setitem(bohrium.config, "ticket", TICKET)
    update_headers()
    assert config["http_headers"]["Brm-Ticket"] == TICKET


def test_the_jobs_of_an_executor_are_one_group_where_that_is_asked_for(service):
    machine = {"batch_type": "Bohrium", "remote_profile": {"input_data": {"job_name": "many"}}}
    executor = DispatcherExecutor(machine_dict=machine, merge_bohrium_job_group=True)
    for _ in range(2):
        made = executor.render(ShellOPTemplate("say", image="i", script="true"))
        told = json.loads(made.command[3])
        assert told["machine"]["remote_profile"]["input_data"]["bohr_job_group_id"] == 77
    assert service.groups == [{"name": "many", "projectId": 7}]


# -- contexts and executors --------------------------------------------------------------------------------------------


def test_an_executor_says_to_the_server_how_a_step_is_run(monkeypatch):
    monkeypatch.setitem(config, "mode", "default")
    template = ShellOPTemplate("say", script="cat '/tmp/a' /tmpx /a/tmp/b > /tmp; ls /data/in")
    made = BohriumExecutor("bohrium_v2", {"scass_type": "c2"}).render(template)
    assert made.script == "mkdir -p tmp\ncat './tmp/a' /tmpx /a/tmp/b > ./tmp; ls /data/in"
    assert made.annotations == {
        "workflow.dp.tech/executor": "bohrium_v2",
        "task.dp.tech/extra": '{"scass_type": "c2"}',
    }
    made = BohriumExecutor(extra='{"a": 1}').render(PythonScriptOPTemplate("say", script="open('/tmp/a')"))
    assert made.script == "import os\nos.makedirs('tmp', exist_ok=True)\nopen('./tmp/a')"
    assert made.annotations == {"task.dp.tech/extra": '{"a": 1}'}


def test_steps_with_such_an_executor_run_here_in_local_runs():
    template = ShellOPTemplate("say", script="echo here > /tmp/p")
    template.outputs.parameters["p"] = OutputParameter(value_from_path="/tmp/p")
    wf = Workflow("here", context=BohriumContext(executor="bohrium_v2"))
    wf.add(Step("s", template, executor=BohriumExecutor(), key="s"))
    wf.submit()
    assert wf.query_step(key="s")[0].outputs.parameters["p"].value == "here"


def test_a_context_says_it_for_all_steps_and_who_asks_for_the_workflow(service):
    context = BohriumContext(executor="bohrium_v2", extra={"a": 1})
    assert service.asked["/account/login"] == 0
    assert context.render(ShellOPTemplate("say", script="true")).annotations == {
        "workflow.dp.tech/executor": "bohrium_v2"
    }
    found = context.annotations()
    assert context.authorization in service.logins
    assert found == {
        "workflow.dp.tech/authorization": context.authorization,
        "workflow.dp.tech/executor_addr": service.url + "/",
        "workflow.dp.tech/executor": "bohrium_v2",
        "task.dp.tech/extra": '{"a": 1}',
    }
    context.login()
    assert service.asked["/account/login"] == 1


# -- data sets ---------------------------------------------------------------------------------------------------------


def test_a_data_set_comes_back_from_its_text():
    whole = BohriumDatasetsArtifact("/bohr/water-1/v1")
    assert whole.get_urn() == "bohrium+datasets:///bohr/water-1/v1"
    part = whole.sub_path("a").sub_path("b.txt")
    assert part.get_urn() == "bohrium+datasets:///bohr/water-1/v1/a/b.txt"
    assert BohriumDatasetsArtifact.from_urn(part.get_urn()).get_urn() == part.get_urn()
    with pytest.raises(ValueError, match="names no data set of Bohrium"):
        BohriumDatasetsArtifact.from_urn("launching+datasets://a@b")


def test_a_data_set_is_mounted_as_a_whole():
    machine = SimpleNamespace(input_data={"dataset_path": ["/bohr/other/v2"]})
    BohriumDatasetsArtifact("/bohr/water-1/v1", "a").modify_config("in", machine)
    assert machine.input_data["dataset_path"] == ["/bohr/other/v2", "/bohr/water-1/v1"]


def test_a_data_set_is_linked_where_it_is_mounted(tmp_path):
    (tmp_path / "set" / "v1").mkdir(parents=True)
    (tmp_path / "set" / "v1" / "a.txt").write_text("water")
    part = BohriumDatasetsArtifact(str(tmp_path / "set" / "v1"), "a.txt")
    part.bohrium_download("in", str(tmp_path / "step" / "in"))
    assert (tmp_path / "step" / "in").read_text() == "water"
    with pytest.raises(FileNotFoundError, match="mounted on machines of Bohrium alone"):
        BohriumDatasetsArtifact("/bohr/none/v1").download("in", str(tmp_path / "x"))
    with pytest.raises(NotImplementedError, match="BohriumDatasetsArtifact cannot be fetched by the machine"):
        part.remote_download("in", "x")


def test_a_step_gets_a_data_set_that_is_mounted_here(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_text("water")
    template = ShellOPTemplate("say", script="cat /tmp/in/a.txt > /tmp/p")
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.parameters["p"] = OutputParameter(value_from_path="/tmp/p")
    wf = Workflow("here")
    wf.add(Step("s", template, artifacts={"in": BohriumDatasetsArtifact(str(tmp_path / "set"))}, key="s"))
    wf.submit()
    assert wf.query_step(key="s")[0].outputs.parameters["p"].value == "water"
