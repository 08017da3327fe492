#!/usr/bin/env bash
# A Slurm of one node on this machine: munged, slurmctld and slurmd, without systemd. Needs root.
#   slurm.sh start|stop|status [-c CPUS] [-p PORT] [-d DIRECTORY]
# CPUS, memory and two GPUs are pretended; there is no accounting.
set -euo pipefail

verb=${1:-status}
shift || true
cpus=16 port=6817 home=/tmp/slurm-local
while getopts c:p:d: option; do
    case $option in
        c) cpus=$OPTARG ;;
        p) port=$OPTARG ;;
        d) home=$OPTARG ;;
        *) exit 2 ;;
    esac
done
settings=/etc/slurm/slurm.conf

lives() { # the process whose number is in a file
    [ -s "$1" ] && kill -0 "$(cat "$1")" 2> /dev/null
}

end() { # the same one: politely, after five seconds not
    if lives "$1"; then
        local pid
        pid=$(cat "$1")
        kill "$pid" 2> /dev/null || true
        for _ in $(seq 50); do
            kill -0 "$pid" 2> /dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2> /dev/null || true
    fi
    rm -f "$1"
}

install_packages() {
    command -v slurmctld > /dev/null && command -v slurmd > /dev/null && command -v munged > /dev/null && return
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        slurmctld slurmd slurm-client munge > /dev/null
}

write_settings() {
    local host
    host=$(hostname -s)
    cat > "$home/slurm.conf" <<END
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdLogFile=$home/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MinJobAge=300
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=4096 Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
}

start() {
    install_packages
    install -d -m 755 "$home" "$home/state" "$home/spool" /etc/slurm
    install -d -o munge -g munge -m 755 /run/munge
    install -d -o munge -g munge -m 700 /var/lib/munge /var/log/munge
    write_settings
    echo 'Name=gpu File=/dev/null,/dev/zero' > /etc/slurm/gres.conf
    if ! cmp -s "$home/slurm.conf" "$settings"; then
        stop
        cp "$home/slurm.conf" "$settings"
    fi
    lives /run/munge/munged.pid || setpriv --reuid munge --regid munge --clear-groups /usr/sbin/munged
    lives "$home/slurmctld.pid" || slurmctld
    lives "$home/slurmd.pid" || slurmd
    for round in $(seq 150); do
        case $(sinfo --noheader --format=%t 2> /dev/null) in
            idle | mix | alloc) status && return ;;
        esac
        [ $((round % 30)) -ne 20 ] || scontrol update "NodeName=$(hostname -s)" State=RESUME 2> /dev/null || true
        sleep 0.1
    done
    echo "slurm: the node takes no jobs; see $home/slurmctld.log and $home/slurmd.log" >&2
    exit 1
}

stop() {
    timeout 5 scancel --state=RUNNING,PENDING --user=root 2> /dev/null || true
    end "$home/slurmd.pid" &
    end "$home/slurmctld.pid" &
    wait
    end /run/munge/munged.pid
}

status() {
    if lives "$home/slurmctld.pid" && lives "$home/slurmd.pid" && lives /run/munge/munged.pid; then
        sinfo --noheader --format='running: partition %P, %D node, %t, %c cores'
    else
        echo stopped
        exit 1
    fi
}

case $verb in
    start | stop | status) "$verb" ;;
    *)
        echo "usage: $0 start|stop|status [-c CPUS] [-p PORT] [-d DIRECTORY]" >&2
        exit 2
        ;;
esac
