"""The old names of Bohrium's executor and context."""

from __future__ import annotations

import pytest
from bohrium_service import ACCOUNT
from dflow import ShellOPTemplate, config
from dflow.plugins.bohrium import BohriumError
from dflow.plugins.lebesgue import LebesgueContext, LebesgueExecutor


@pytest.mark.parametrize("of", [LebesgueExecutor, LebesgueContext])
def test_they_warn_and_do_the_same(of, monkeypatch):
    monkeypatch.setitem(config, "mode", "default")
    with pytest.warns(DeprecationWarning, match=rf"{of.__name__} is deprecated: use dflow.plugins.bohrium\.Bohrium"):
        made = of(executor="lebesgue_v2", extra='{"program_id": 1}').render(ShellOPTemplate("s", script="ls /tmp"))
    assert made.script == "mkdir -p tmp\nls ./tmp"
    assert made.annotations == {
        "workflow.dp.tech/executor": "lebesgue_v2",
        "task.dp.tech/extra": '{"program_id": 1}',
    }


def test_a_context_logs_in_where_it_is_told(service):
    with pytest.warns(DeprecationWarning, match="LebesgueContext"):
        context = LebesgueContext(username=ACCOUNT[0], password=ACCOUNT[1], bohrium_url=service.url)
    context.login()
    assert context.authorization in service.logins
    context.login()
    assert service.asked["/account/login"] == 1
    with pytest.warns(DeprecationWarning, match="LebesgueContext"):
        refused = LebesgueContext(username="other", password=ACCOUNT[1], login_url=f"{service.url}/account/login")
    with pytest.raises(BohriumError, match="log in as other: wrong password"):
        refused.login()
