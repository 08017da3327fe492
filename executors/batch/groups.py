"""What is submitted: a script that runs one job's script, or several, or of an array those of its index."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["script_of"]

_SEVERAL = """\
children= stop=
pass() { stop=1; test -z "$children" || kill -TERM $children 2> /dev/null; }
trap pass TERM INT
all() {
    for child in $children; do
        while kill -0 "$child" 2> /dev/null; do wait "$child"; done
    done
    children= running=0
}
running=0
for script; do
    test -z "$stop" || break
    "$script" &
    children="$children $!" running=$((running + 1))
    test "$running" -lt {together} || all
done
all
"""


def script_of(head: str, groups: Sequence[Sequence[str]], index: str, together: int) -> str:
    """The script to submit.

    Args:
        head: its first lines.
        groups: the scripts of each job of the array; of one job that is alone, one group.
        index: as of :class:`~dflow.executors.batch.ports.Scheduler`.
        together: how many scripts of a group run at the same time.
    """
    if len(groups) == 1:
        return f"{head}\n{_body(groups[0], together)}"
    if all(len(group) == 1 for group in groups):
        cases = "".join(f"{n}) exec {shlex.quote(group[0])} ;;\n" for n, group in enumerate(groups))
        return f'{head}\ncase "{index}" in\n{cases}esac\n'
    cases = "".join(f"{n}) set -- {shlex.join(group)} ;;\n" for n, group in enumerate(groups))
    return f'{head}\ncase "{index}" in\n{cases}esac\n{_SEVERAL.replace("{together}", str(together))}'


def _body(group: Sequence[str], together: int) -> str:
    if len(group) == 1:
        return f"exec {shlex.quote(group[0])}\n"
    return f"set -- {shlex.join(group)}\n{_SEVERAL.replace('{together}', str(together))}"
