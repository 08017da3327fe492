"""The shell text that steps on other machines consist of: plain ``sh``, ``ssh`` and ``tar``, nothing else.

All of it works on one directory of the other machine, the *workdir*. The step's own files are in its ``.dflow``:

=============  =======================================================================================
``script.in``  the script as it was sent; ``script`` in the workdir has the place filled in
``env``        the variables that the template declares, with their values
``how/run``    runs the program and leaves its exit status in ``exit``
``how/start``  has ``run`` started, by whatever runs programs there, and leaves in ``id`` how it is called
``how/alive``  succeeds while that which was started waits or runs, else leaves in ``why`` what is known
``how/stop``   ends it
``how/watch``  prints what the program prints from a position on, until it has ended
``log``        what it prints
=============  =======================================================================================

The program does not hang on the connection: where that breaks, the step connects again and goes on to watch.
"""

from __future__ import annotations

import hashlib
import re
import shlex

__all__ = ["PLACE", "PRELUDE", "ROOT", "SLURM", "START", "WATCH", "environment_text", "here_document", "settings_text"]

PLACE, ROOT = "__DFLOW_PLACE__", "__DFLOW_ROOT__"

_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

PRELUDE = r"""
set -eu
dflow_tmp=$(mktemp -d /./tmp/dflow-ssh.XXXXXX) # short, for the name of a socket, and no path that a template declares
dflow_running=

dflow_say() { echo "dflow: $*" >&2; }

dflow_quote() { # a word, for a shell
    printf '%s\n' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"
}

dflow_remote() { # a path of the other machine, for its shell
    case $1 in
        '~') echo '"$HOME"' ;;
        '~/'*) printf '"$HOME"/%s\n' "$(dflow_quote "${1#??}")" ;;
        -*) dflow_quote "./$1" ;;
        *) dflow_quote "$1" ;;
    esac
}

dflow_ssh() { # run a line of shell there, over one connection for all
    ssh -T -x -a -p "$dflow_port" ${dflow_key:+-i "$dflow_key"} -o LogLevel=ERROR -o ConnectTimeout=30 \
        -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o "BatchMode=$dflow_batch" -o NumberOfPasswordPrompts=1 \
        -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="\"$HOME/.ssh/known_hosts\"" \
        -o ControlMaster=auto -o ControlPersist=60 -o ControlPath="$dflow_tmp/socket" \
        -l "$dflow_user" -- "$dflow_host" "exec sh -c $(dflow_quote "$1")"
}

dflow_is_connected() {
    ssh -o ControlPath="$dflow_tmp/socket" -O check -- "$dflow_host" > /dev/null 2>&1
}

dflow_again() { # whether to try again, after a pause: exit status of the last time, how often there was one before
    [ "$1" -eq 255 ] && ! dflow_is_connected || return 1
    ! grep -q -e 'Permission denied' -e 'Host key verification failed' -e 'IDENTIFICATION HAS CHANGED' \
        -e 'Too many authentication' -e 'no matching' -e 'Bad configuration' "$dflow_tmp/err" || return 1
    [ "$dflow_retries" -lt 0 ] || [ "$2" -lt "$dflow_retries" ] || return 1
    [ "$2" -ne 0 ] || dflow_say "no connection to $dflow_host: $(tail -n 1 "$dflow_tmp/err"); trying again"
    if [ "$2" -lt 6 ]; then sleep $((1 << $2)); else sleep 60; fi
}

dflow_try() { # an action, again where there is no connection
    dflow_tries=0
    while :; do
        dflow_code=0
        "$@" 2> "$dflow_tmp/err" || dflow_code=$?
        if ! dflow_again "$dflow_code" "$dflow_tries"; then
            cat "$dflow_tmp/err" >&2
            [ "$dflow_code" -ne 255 ] || dflow_is_connected || dflow_say "cannot log in as $dflow_user on $dflow_host"
            return "$dflow_code"
        fi
        dflow_tries=$((dflow_tries + 1))
    done
}

dflow_execute() { dflow_try dflow_ssh "$1"; } # a command of the other machine

dflow_send() {
    {
        tar -C "$(dirname -- "$1")" --exclude=__pycache__ -chf - "./$(basename -- "$1")" && : > "$dflow_tmp/packed"
    } | dflow_ssh "set -e; mkdir -p $(dflow_remote "$(dirname -- "$2")"); \
cd $(dflow_remote "$(dirname -- "$2")"); t=.dflow-\$\$; mkdir \$t; tar -xof - -C \$t; \
rm -rf ./$(dflow_quote "$(basename -- "$2")"); \
mv \$t/$(dflow_quote "$(basename -- "$1")") ./$(dflow_quote "$(basename -- "$2")"); rmdir \$t"
}

dflow_upload() { # a file or directory, with what its links lead to: source here, destination there
    rm -f "$dflow_tmp/packed"
    if ! dflow_try dflow_send "$1" "$2" || ! [ -e "$dflow_tmp/packed" ]; then
        dflow_say "cannot upload $1 to $2 on $dflow_host"
        return 1
    fi
}

dflow_receive() { # links are followed, but where one leads nowhere they stay links
    rm -rf "$dflow_tmp/unpacked" "$2.dflow"
    mkdir -p "$2.dflow"
    {
        dflow_code=0
        dflow_ssh "cd $(dflow_remote "$(dirname -- "$1")") && n=./$(dflow_quote "$(basename -- "$1")") h=h && \
{ test -z \"\$(find -L \"\$n\" -type l 2> /dev/null | head -n 1)\" || h=; } && exec tar -c\${h}f - \"\$n\"" ||
            dflow_code=$?
        echo "$dflow_code" > "$dflow_tmp/status"
    } | tar -xof - -C "$2.dflow" || [ "$(cat "$dflow_tmp/status")" -ne 0 ] || return 1
    return "$(cat "$dflow_tmp/status")"
}

dflow_download() { # the same: source there, destination here
    if ! dflow_try dflow_receive "$1" "$2"; then
        rm -rf "$2.dflow"
        dflow_say "cannot download $1 from $dflow_host"
        return 1
    fi
    rm -rf "$2"
    mv "$2.dflow/$(basename -- "$1")" "$2"
    rmdir "$2.dflow"
}

dflow_exists() { # whether a path is there; a failure to ask ends the step
    dflow_code=0
    dflow_execute "test -e $(dflow_remote "$1") || exit 44" || dflow_code=$?
    case $dflow_code in
        0) return 0 ;;
        44) return 1 ;;
        *) exit "$dflow_code" ;;
    esac
}

dflow_begin() { # make the workdir, end what ran there before, and remove what it left: the paths of outputs
    dflow_old='' dflow_parents=''
    for dflow_path; do
        dflow_old="$dflow_old $(dflow_remote "$dflow_path")"
        dflow_parents="$dflow_parents $(dflow_remote "$(dirname -- "$dflow_path")")"
    done
    dflow_here=$(dflow_remote "$dflow_workdir")
    dflow_execute "mkdir -p $dflow_here && cd $dflow_here || exit 1; \
test ! -e .dflow/how/stop || sh .dflow/how/stop > /dev/null 2>&1; rm -rf .dflow$dflow_old && \
mkdir -p tmp$dflow_parents && mkdir -m 700 .dflow" || {
        dflow_say "cannot make $dflow_workdir on $dflow_host"
        return 1
    }
}

dflow_fill() { # the script, with the place that its paths are in
    dflow_in 'place=$PWD; case $place in *[!A-Za-z0-9_@%+=:,./-]*) place=.;; esac; sed "s|__DFLOW_PLACE__|$place|g; '\
's|__DFLOW_ROOT__||g" .dflow/script.in > script && chmod 755 script'
}

dflow_in() { # a line of shell in the workdir of the other machine
    dflow_execute "cd $(dflow_remote "$dflow_workdir") && { $1; }"
}

dflow_follow() { # print what the program prints until it has ended; its exit status
    : > "$dflow_tmp/log"
    dflow_tries=0
    while :; do
        dflow_at=$(wc -c < "$dflow_tmp/log" | tr -d ' ')
        {
            dflow_code=0
            dflow_ssh "cd $(dflow_remote "$dflow_workdir") && exec sh .dflow/how/watch $dflow_at" 2> "$dflow_tmp/err" ||
                dflow_code=$?
            echo "$dflow_code" > "$dflow_tmp/status"
        } | tee -a "$dflow_tmp/log"
        dflow_code=$(cat "$dflow_tmp/status")
        [ "$dflow_code" -ne 0 ] || break
        [ "$(wc -c < "$dflow_tmp/log" | tr -d ' ')" -eq "$dflow_at" ] || dflow_tries=0
        if ! dflow_again "$dflow_code" "$dflow_tries"; then
            cat "$dflow_tmp/err" >&2
            dflow_say "cannot watch the program on $dflow_host"
            return 1
        fi
        dflow_tries=$((dflow_tries + 1))
    done
    dflow_code=$(dflow_in 'cat .dflow/exit 2> /dev/null || { cat .dflow/why >&2; cat .dflow/code 2> /dev/null; }') ||
        dflow_code=137
    return "$dflow_code"
}

dflow_program() { # run a program there as the files in a directory here say; print what it prints; its exit status
    dflow_upload "$dflow_tmp/how" "$dflow_workdir/.dflow/how" || return 1
    dflow_in 'mkdir .dflow/begun 2> /dev/null || exit 0; sh .dflow/how/start || { rmdir .dflow/begun; exit 1; }' || {
        dflow_say "cannot start the program on $dflow_host"
        return 1
    }
    dflow_follow
}

dflow_end() {
    dflow_status=$?
    trap '' EXIT HUP INT TERM
    set +e
    if [ -n "$dflow_running" ]; then
        dflow_retries=2
        dflow_in 'test ! -e .dflow/how/stop || sh .dflow/how/stop' > /dev/null 2>&1
    fi
    ssh -o ControlPath="$dflow_tmp/socket" -O exit -- "$dflow_host" > /dev/null 2>&1
    rm -rf "$dflow_tmp"
    exit "$dflow_status"
}
trap dflow_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if [ "$dflow_batch" = no ]; then # ssh asks this program for the password, which is in the environment alone
    printf '#!/bin/sh\nprintf "%%s\\n" "$DFLOW_SSH_PASSWORD"\n' > "$dflow_tmp/askpass"
    chmod 700 "$dflow_tmp/askpass"
    export SSH_ASKPASS="$dflow_tmp/askpass" SSH_ASKPASS_REQUIRE=force DISPLAY="${DISPLAY:-:0}"
fi
mkdir -p -m 700 "$HOME/.ssh"
"""

WATCH = r"""#!/bin/sh
at=$1 pause=0.1 rounds=0
while :; do
    over=
    if test -e .dflow/exit; then
        over=1
    elif ! sh .dflow/how/alive; then # a file system of many machines may need some time to show the last file
        for second in 1 2 3 4 5; do
            test ! -e .dflow/exit || break
            sleep 1
        done
        over=1
    fi
    size=$(wc -c 2> /dev/null < .dflow/log || echo 0)
    if test "$size" -gt "$at"; then
        tail -c +$((at + 1)) .dflow/log | head -c $((size - at)) || exit 1
        at=$((size))
    fi
    test -z "$over" || exit 0
    rounds=$((rounds + 1))
    test "$rounds" -ne 20 || pause=0.5
    test "$rounds" -ne 60 || pause=1
    sleep "$pause" 2> /dev/null || sleep 1
done
"""

START = {
    "start": """#!/bin/sh
leader=$(command -v setsid)
nohup $leader sh .dflow/how/run > .dflow/log 2>&1 < /dev/null &
test -n "$leader" && echo "-$!" > .dflow/id || echo "$!" > .dflow/id
""",
    "alive": """#!/bin/sh
kill -s 0 -- "$(cat .dflow/id)" 2> /dev/null && exit 0
test -e .dflow/exit || echo "dflow: the program on $(uname -n) is gone, and has left no exit status" > .dflow/why
echo 137 > .dflow/code
exit 1
""",
    "stop": """#!/bin/sh
id=$(cat .dflow/id) || exit 0
test ! -e .dflow/exit || exit 0
kill -s TERM -- "$id" 2> /dev/null
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    kill -s 0 -- "$id" 2> /dev/null || exit 0
    sleep 0.2 2> /dev/null || sleep 1
done
kill -s KILL -- "$id" 2> /dev/null
exit 0
""",
}

SLURM = {
    "start": """#!/bin/sh
command -v sbatch > /dev/null || { test ! -r /etc/profile || . /etc/profile; } > /dev/null 2>&1
for pause in 0 2 5 15 30 60; do
    sleep "$pause"
    if sbatch --parsable --chdir="$PWD" --output="$PWD/.dflow/log" --open-mode=append .dflow/how/job \\
        > .dflow/said 2> .dflow/errors; then
        tail -n 1 .dflow/said | cut -d ';' -f 1 > .dflow/id
        exit 0
    fi
    grep -q -i -E 'unable to contact|timed out|temporarily|connection|not responding' .dflow/errors || break
done
cat .dflow/errors >&2
exit 1
""",
    "alive": """#!/bin/sh
now=$(date +%s) asked=$(cat .dflow/asked 2> /dev/null || echo 0) id=$(cat .dflow/id)
test $((now - asked)) -ge {interval} || exit 0
echo "$now" > .dflow/asked
command -v squeue > /dev/null || {{ test ! -r /etc/profile || . /etc/profile; }} > /dev/null 2>&1
if ! state=$(squeue --noheader --states=all --jobs="$id" --format=%T 2> .dflow/errors); then
    grep -q -i 'invalid job id' .dflow/errors || exit 0 # no answer
fi
case $state in
    PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUE*) exit 0 ;;
    RESIZING | SIGNALING | STAGE_OUT | STOPPED) exit 0 ;;
    TIMEOUT | DEADLINE | CANCELLED | PREEMPTED) echo 143 > .dflow/code ;;
    *) echo 137 > .dflow/code ;;
esac
echo "dflow: job $id of Slurm has ended and left no exit status: ${{state:-it is not known any more}}" > .dflow/why
exit 1
""",
    "stop": """#!/bin/sh
id=$(cat .dflow/id) || exit 0
test -e .dflow/exit || scancel "$id"
""",
}


def here_document(text: str, target: str) -> str:
    """Shell text that writes a text into a file of this machine; values that are filled in later cannot end it.

    Args:
        target: the file, as a word of the shell.
    """
    mark = f"DFLOW_{hashlib.sha256(text.encode()).hexdigest()[:16].upper()}"
    return f"cat > {target} <<'{mark}'\n{text if text.endswith(chr(10)) else text + chr(10)}{mark}\n"


def settings_text(**values: object) -> str:
    """Shell text that sets the variables of the prelude."""
    return "".join(f"dflow_{name}={shlex.quote(str(value))}\n" for name, value in values.items())


def environment_text(names: list[str]) -> str:
    """Shell text that writes the variables of this environment, as a file that sets them, for the other machine."""
    lines = [
        f'test -z "${{{name}+set}}" || printf "export {name}=%s\\n" "$(dflow_quote "${name}")"'
        for name in names
        if _SAFE_NAME.match(name)
    ]
    body = "\n".join(["{", ":", *lines]) + '\n} > "$dflow_tmp/env"\n'
    return f'{body}chmod 600 "$dflow_tmp/env"\n'
