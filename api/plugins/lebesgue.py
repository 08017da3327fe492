"""Lebesgue, which became Bohrium: use :mod:`dflow.plugins.bohrium`. Not tried against the service."""

from __future__ import annotations

import warnings
from typing import Any

from dflow.context import Context
from dflow.executor import Executor

__all__ = ["LebesgueContext", "LebesgueExecutor"]

_URL = "https://lbg-api.dp.tech"


def _renamed(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated: use dflow.plugins.bohrium.{new}", DeprecationWarning, stacklevel=3)


class LebesgueExecutor(Executor):
    """As :class:`dflow.plugins.bohrium.BohriumExecutor`.

    Args:
        executor: what runs the job there, such as ``"lebesgue_v2"``.
        extra: more for it, as a dict or JSON.
    """

    def __init__(self, executor: str | None = None, extra: Any = None) -> None:
        _renamed("LebesgueExecutor", "BohriumExecutor")
        self.executor, self.extra = executor, extra

    def render(self, template: Any) -> Any:
        """The template with annotations for the vendor's workflow server."""
        from dflow.plugins.bohrium import BohriumExecutor

        return BohriumExecutor(self.executor, self.extra).render(template)


class LebesgueContext(Context):
    """As :class:`dflow.plugins.bohrium.BohriumContext`.

    Args:
        username, password, bohrium_url, login_url, authorization: the account.
        app_name, org_id, user_id, tag: kept; nothing reads them.
        executor, extra: as for :class:`LebesgueExecutor`.
    """

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        bohrium_url: str = _URL,
        login_url: str | None = None,
        app_name: str | None = None,
        org_id: str | None = None,
        user_id: str | None = None,
        tag: str | None = None,
        executor: str | None = None,
        extra: Any = None,
        authorization: str | None = None,
    ) -> None:
        _renamed("LebesgueContext", "BohriumContext")
        self.username, self.password, self.authorization = username, password, authorization
        self.bohrium_url = bohrium_url
        self.login_url = login_url or f"{bohrium_url.rstrip('/')}/account/login"
        self.app_name, self.org_id, self.user_id, self.tag = app_name, org_id, user_id, tag
        self.executor, self.extra = executor, extra

    def login(self) -> None:
        """Log in, unless there is a token already."""
        if self.authorization is None:
            from dflow.plugins.bohrium_account import ask, field

            said = {"username": self.username, "password": self.password}
            found = ask("POST", self.login_url, f"log in as {self.username}", said)
            self.authorization = str(field(found, "token", self.login_url))

    def render(self, template: Any) -> Any:
        """The template with annotations for the vendor's workflow server."""
        from dflow.plugins.bohrium import BohriumExecutor

        return BohriumExecutor(self.executor, self.extra).render(template)
