"""Secrets in the environment of programs: the graph has their names, never their values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.engine.secrets import GIVEN, address
from dflow.op_template import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.compile.problems import Problems

__all__ = ["Secrets"]


class Secrets:
    """The secrets of one graph.

    One without a name gets one after the variable that it is for, which tells nothing of its value; a cluster has no
    secret of that name, so there it is a problem.

    Attributes:
        values: those that the script has given, by ``engine.secrets.address``.
    """

    def __init__(self, problems: Problems, *, on_cluster: bool = False) -> None:
        self._problems, self._on_cluster = problems, on_cluster
        self.values: dict[str, str] = {}
        self._named: dict[int, tuple[Secret, str]] = {}

    def of(self, envs: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
        """The variables that are secrets: each with the name of its secret, and the key in that."""
        secrets = ((str(name), given) for name, given in envs.items() if isinstance(given, Secret))
        return tuple((name, self._name(name, given), str(given.key)) for name, given in secrets)

    def _name(self, variable: str, given: Secret) -> str:
        name = self._name_of_one(variable, given) if given.name is None else str(given.name)
        if given.value is not None and not self._on_cluster:
            known = self.values.setdefault(address(name, str(given.key)), str(given.value))
            if known != str(given.value):
                self._problems.add(
                    f"environment variable {variable!r}: the secret {name!r} is given two different values"
                )
        return name

    def _name_of_one(self, variable: str, given: Secret) -> str:
        if given.value is None:
            self._problems.add(f"environment variable {variable!r}: the Secret has neither a value nor a name")
        elif self._on_cluster:
            self._problems.add(
                f"environment variable {variable!r}: give the Secret a name=, that of a secret of the cluster, which "
                f"`dflow create secret NAME` makes; a manifest can be read by many, so its value is not written there"
            )
        if id(given) not in self._named:
            base = GIVEN + (re.sub(r"[^a-z0-9]+", "-", variable.lower()).strip("-") or "x")
            taken = {name for _, name in self._named.values()}
            number = next(n for n in range(1, len(taken) + 2) if (base if n == 1 else f"{base}-{n}") not in taken)
            self._named[id(given)] = given, base if number == 1 else f"{base}-{number}"
        return self._named[id(given)][1]
