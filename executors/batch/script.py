"""The script of a job: plain shell, for a machine of which nothing is known but that it sees the run directory."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from dflow.engine.process import STEP_VARIABLE
from dflow.executors.batch.places import CLAIM, ENVIRONMENT, EXIT
from dflow.executors.usage import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dflow.engine.ports import Job

__all__ = ["environment_text", "script_text"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHELLS_OWN = frozenset(
    [
        "_", "BASHOPTS", "BASH_VERSINFO", "EUID", "GROUPS", "IFS", "LINENO", "OLDPWD", "OPTIND", "PPID", "PWD",
        "SHELLOPTS", "SHLVL", "UID",
    ]
)  # fmt: skip

_SECRET = frozenset(("DFLOW_DISPATCHER_PASSWORD", "DFLOW_KEPT_SECRETS", "DFLOW_SSH_PASSWORD"))
_NOT_GIVEN = _SHELLS_OWN | _SECRET | {STEP_VARIABLE}

_BODY = """\
step={step}
mine="{own_id} $(uname -n)"
if ! ( set -C; echo "$mine" > "$step/{claim}" ) 2> /dev/null; then
    test -e "$step/{claim}" && exit 0 # another one runs the step, or it is cancelled
    echo "dflow: cannot write to $step on $(uname -n)" >&2
    exit 75
fi
begin=$(date +%s) child= group= timed=false signalled= killer= watchdog=
pass() {{
    signalled=1
    test -z "$child" || kill -TERM "$group$child" 2> /dev/null || kill -TERM "$child" 2> /dev/null
}}
trap pass TERM INT
leader=$(command -v setsid) && group=-
(
    cd {cwd} || exit 126
    . "$step/{environment}"
    {before}exec $leader {command}
) >> {log} 2>&1 < /dev/null &
child=$!
test -z "$signalled" || pass
{watchdog}while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2> /dev/null || break # else a signal came, and the program is still ending
    if test -n "$signalled" && test -z "$killer"; then
        $leader sh -c 'sleep "$1"; kill -KILL "$2"' dflow {grace} "$group$child" > /dev/null 2>&1 &
        killer=$!
    fi
done
kill -KILL "$group$child" 2> /dev/null
test -z "$killer" || kill -KILL "$group$killer" 2> /dev/null
{unwatch}signal=null
test "$code" -le 128 || signal=$((code - 128))
# the directory may be that of another job by now, if this one was given up
test "$(cat "$step/{claim}" 2> /dev/null)" = "$mine" || exit "$code"
times= usage=
{{ times; }} > "$step/{exit}.tmp" 2> /dev/null && {{ read -r times; read -r times; }} < "$step/{exit}.tmp"
test ! -e "$step/{usage}" || {{ read -r usage < "$step/{usage}"; rm -f "$step/{usage}"; }}
case $times$usage in *[!0-9ms.,[:space:]]*) times= usage= ;; esac
for pause in 0 1 5 20; do
    test "$pause" = 0 || sleep "$pause"
    printf '{{"code":%d,"signal":%s,"timedOut":%s,"begin":%s,"end":%s,"host":"%s","times":"%s","usage":"%s"}}\\n' \\
        "$code" "$signal" "$timed" "$begin" "$(date +%s)" "$(uname -n)" "$times" "$usage" > "$step/{exit}.tmp" &&
        mv -f "$step/{exit}.tmp" "$step/{exit}" && break
done
exit "$code"
"""
_WATCHDOG = """\
$leader sh -c 'sleep "$1"; : > "$2"; kill -TERM "$3"; sleep "$4"; kill -KILL "$3"' \\
    dflow {limit} "$step/{exit}.late" "$group$child" {grace} > /dev/null 2>&1 &
watchdog=$!
"""
_UNWATCH = """\
kill -KILL "$group$watchdog" 2> /dev/null
test ! -e "$step/{exit}.late" || timed=true
"""


def script_text(job: Job, step: str, own_id: str, shell: str = "/bin/sh", before: str = "", after: str = "") -> str:
    """The script that runs a job once, whoever starts it how often, and leaves how it ended.

    Args:
        step: the directory of the step, where the job runs.
        own_id: as of :class:`~dflow.executors.batch.ports.Scheduler`.
        shell: what runs the script.
        before, after: lines of it around the program.
    """
    odd = [f"{name}={value}" for name, value in job.env.items() if not _NAME.match(name)]
    command = [*(["env", *odd] if odd else []), *job.argv]
    if after:
        command = [*shlex.split(shell), "-c", f'"$@"\ncode=$?\n{after}\nexit "$code"', "dflow", *command]
    grace = f"{job.grace:g}"
    names = {"exit": EXIT, "grace": grace, "limit": "" if job.timeout is None else f"{job.timeout:.3f}"}
    body = _BODY.format(
        step=shlex.quote(step),
        own_id=own_id,
        claim=CLAIM,
        environment=ENVIRONMENT,
        exit=EXIT,
        usage=USAGE,
        grace=grace,
        cwd=shlex.quote(str(job.cwd)),
        before=f"{before}\n    " if before else "",
        command=shlex.join(command),
        log=shlex.quote(str(job.log)),
        watchdog="" if job.timeout is None else _WATCHDOG.format(**names),
        unwatch="" if job.timeout is None else _UNWATCH.format(**names),
    )
    return f"#!{shell}\n{body}"


def environment_text(env: Mapping[str, str], own: Iterable[str]) -> str:
    """A file of the shell that sets the environment of a job.

    What the scheduler sets for each job stays as it is there, and so does what belongs to the shell itself; passwords
    for machines are not for jobs. The
    processes of a job are the scheduler's, so they do not count as the engine's.
    """
    own = tuple(own)
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in sorted(env.items())
        if _NAME.match(name) and name not in _NOT_GIVEN and not name.startswith(own)
    ]
    return "\n".join([*lines, ""])
