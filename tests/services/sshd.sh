#!/usr/bin/env bash
# An SSH server on 127.0.0.1 with a host key and a client key of its own; no file of the system's server is used or
# changed. Needs root.
#   sshd.sh start|stop|kill|drop|status [-p PORT] [-u USER] [-d DIRECTORY]
# The client's key is DIRECTORY/id_ed25519, the file of known hosts DIRECTORY/known_hosts.
# "stop" leaves open sessions alone, as a restart of a real server does; "kill" ends them and what runs in them as
# well, at once; "drop" ends the open connections, and nothing else.
set -euo pipefail

verb=${1:-status}
shift || true
port=2222 user=$(id -un) home=/tmp/sshd-local
while getopts p:u:d: option; do
    case $option in
        p) port=$OPTARG ;;
        u) user=$OPTARG ;;
        d) home=$OPTARG ;;
        *) exit 2 ;;
    esac
done
pid_file=$home/sshd.pid

lives() {
    [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2> /dev/null
}

descendants() { # of a process, those below before those above
    local child
    for child in $(cat "/proc/$1/task/$1/children" 2> /dev/null); do
        descendants "$child"
        echo "$child"
    done
}

connections_below() { # the server's own processes below one of it
    local child
    for child in $(descendants "$1"); do
        [ "$(cat "/proc/$child/comm" 2> /dev/null)" != sshd ] || echo "$child"
    done
}

write_settings() {
    [ -s "$home/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$home/host_key"
    [ -s "$home/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C test -f "$home/id_ed25519"
    install -m 644 "$home/id_ed25519.pub" "$home/authorized_keys"
    echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$home/host_key.pub")" > "$home/known_hosts"
    install -d -m 755 -o "$user" "$home/home" # what the user's own shell does at its start is not what is tested
    cat > "$home/sshd_config" <<END
SetEnv "HOME=$home/home"
ListenAddress 127.0.0.1:$port
HostKey "$home/host_key"
PidFile "$pid_file"
AuthorizedKeysFile "$home/authorized_keys"
AllowUsers $user
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
MaxStartups 64
MaxSessions 10
Subsystem sftp internal-sftp
END
}

start() {
    if ! [ -x /usr/sbin/sshd ] || ! command -v ssh > /dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            openssh-server openssh-client > /dev/null
    fi
    id "$user" > /dev/null 2>&1 || useradd -m -s /bin/bash "$user"
    install -d -m 755 /run/sshd "$home" # the first is where the server drops its privileges
    lives && return
    write_settings
    /usr/sbin/sshd -f "$home/sshd_config" -E "$home/sshd.log"
    for _ in $(seq 100); do
        lives && (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && return
        sleep 0.05
    done
    echo "sshd: it does not listen; see $home/sshd.log" >&2
    exit 1
}

stop() {
    if lives; then
        local pid
        pid=$(cat "$pid_file")
        kill "$pid" 2> /dev/null || true
        for _ in $(seq 100); do
            [ -e "/proc/$pid/exe" ] || break # one that has ended and is not yet buried has none
            sleep 0.05
        done
    fi
    rm -f "$pid_file"
}

kill_all() { # the server and its sessions: connections drop, and what ran in them is gone
    if lives; then
        local pid
        pid=$(cat "$pid_file")
        kill -STOP "$pid"
        # shellcheck disable=SC2046 # one word each
        kill -KILL $(descendants "$pid") "$pid" 2> /dev/null || true
    fi
    rm -f "$pid_file"
}

drop() { # the connections: the server goes on, and so does what runs at the other end
    local child
    lives || return 0
    for child in $(cat "/proc/$(cat "$pid_file")/task/$(cat "$pid_file")/children"); do
        # shellcheck disable=SC2046 # one word each
        kill -KILL "$child" $(connections_below "$child") 2> /dev/null || true
    done
}

status() {
    lives || {
        echo stopped
        exit 1
    }
    echo "running: ssh -p $port -i $home/id_ed25519 -o UserKnownHostsFile=$home/known_hosts $user@127.0.0.1"
}

case $verb in
    start | stop | drop | status) "$verb" ;;
    kill) kill_all ;;
    *)
        echo "usage: $0 start|stop|kill|drop|status [-p PORT] [-u USER] [-d DIRECTORY]" >&2
        exit 2
        ;;
esac
