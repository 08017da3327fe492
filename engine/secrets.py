"""Secrets whose values a script has given. They are in memory alone: no file of a run holds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import LeafError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.leaf import ProgramTemplate

__all__ = ["GIVEN", "address", "secret_variables"]

GIVEN = "dflow-given-"
"""How the names of secrets begin that are secrets of no cluster: a script has said their values."""


def address(secret: str, key: str) -> str:
    """What a value is known by."""
    return f"{secret}/{key}"


def secret_variables(
    template: ProgramTemplate, known: Mapping[str, str], environment: Mapping[str, str], *, elsewhere: bool
) -> dict[str, str]:
    """The variables of a program whose values a script has given.

    Args:
        known: the values, by :func:`address`.
        environment: what the programs of the run get; it stands in for a value that is not known any more.
        elsewhere: the program is a job of a scheduler or of another machine, and gets its environment from a file.

    Raises:
        LeafError: a value is not known, or would have to be written down.
    """
    found = {}
    for name, secret, key in template.pod.secret_env:
        value = known.get(address(secret, key))
        if value is not None and elsewhere:
            raise LeafError(
                f"the value of the Secret for the variable {name!r} is in this process alone, and a job that runs "
                f"elsewhere gets its variables from a file: set {name} where the job runs, or give the Secret a name= "
                "and no value"
            )
        if value is not None:
            found[name] = value
        elif secret.startswith(GIVEN) and name not in environment:
            raise LeafError(
                f"the value of the Secret for the variable {name!r} was given by the script and is kept nowhere: "
                f"submit the script again with the same id, or set {name} in the environment and resume the run"
            )
    return found
