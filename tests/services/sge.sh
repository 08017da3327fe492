#!/usr/bin/env bash
# A Grid Engine of one machine: a qmaster and an execd, with a directory and ports of their own. Needs root.
#   sge.sh start|stop|crash|status [-c CORES] [-p PORT] [-d DIRECTORY]
# It uses PORT and the next one. What its commands need in the environment is in DIRECTORY/environment.
# "crash" kills the qmaster; the next start starts it again. The queue all.q and the parallel environment smp are there.
set -euo pipefail

verb=${1:-status}
shift || true
cores=8 port=6444 home=/tmp/sge-local
while getopts c:p:d: option; do
    case $option in
        c) cores=$OPTARG ;;
        p) port=$OPTARG ;;
        d) home=$OPTARG ;;
        *) exit 2 ;;
    esac
done
export SGE_ROOT=$home/root SGE_CELL=default SGE_QMASTER_PORT=$port SGE_EXECD_PORT=$((port + 1)) SGE_ARCH=lx-amd64
common=$SGE_ROOT/default/common
programs=/usr/lib/gridengine
host=$(hostname -s)

lives() { # the process whose number is in a file; one that has ended and is not yet buried has no program
    [ -s "$1" ] && [ -e "/proc/$(cat "$1")/exe" ]
}

end() { # the same one: politely, after five seconds not
    if lives "$1"; then
        local pid
        pid=$(cat "$1")
        kill "$pid" 2> /dev/null || true
        for _ in $(seq 50); do
            [ -e "/proc/$pid/exe" ] || break
            sleep 0.1
        done
        kill -9 "$pid" 2> /dev/null || true
    fi
    rm -f "$1"
}

execd_pid() { # the file; its directory has the name that Grid Engine knows this machine by
    ls "$home"/execd/*/execd.pid 2> /dev/null || echo "$home/execd/execd.pid"
}

install_packages() {
    [ -x "$programs/sge_qmaster" ] && [ -x "$programs/sge_execd" ] && [ -x "$programs/qsub" ] && return
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        gridengine-master gridengine-exec gridengine-client > /dev/null
}

make_cell() { # what an installation has before its first start
    install -d -m 755 "$home" "$home/qmaster" "$home/execd" "$home/spool" "$common" "$SGE_ROOT/bin"
    ln -sfn "$programs" "$SGE_ROOT/bin/lx-amd64"
    ln -sfn "$programs" "$SGE_ROOT/utilbin"
    ln -sfn /usr/share/gridengine/util "$SGE_ROOT/util"
    echo "$host" > "$common/act_qmaster"
    echo "$host localhost" > "$common/host_aliases"
    cat > "$common/bootstrap" << END
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         $home/spool
binary_path             $programs
qmaster_spool_dir       $home/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
END
    sed -e "s|^execd_spool_dir.*|execd_spool_dir $home/execd|" -e 's/^min_uid.*/min_uid 0/' -e 's/^min_gid.*/min_gid 0/' \
        -e 's/flush_time=00:00:15/flush_time=00:00:01/' -e 's/^load_report_time.*/load_report_time 00:00:05/' \
        /usr/share/gridengine/default-configuration > "$home/configuration"
    "$programs/spoolinit" berkeleydb libspoolb "$home/spool" init
    "$programs/spooldefaults" configuration "$home/configuration"
    "$programs/spooldefaults" complexes /usr/share/gridengine/util/resources/centry
    "$programs/spooldefaults" usersets /usr/share/gridengine/util/resources/usersets
    "$programs/spooldefaults" managers root
    printf 'export %s\n' "SGE_ROOT=$SGE_ROOT" "SGE_CELL=default" "SGE_QMASTER_PORT=$SGE_QMASTER_PORT" \
        "SGE_EXECD_PORT=$SGE_EXECD_PORT" "SGE_ARCH=$SGE_ARCH" > "$home/environment"
}

answers() {
    timeout 5 qconf -sh > /dev/null 2>&1
}

wait_for() { # a command, for half a minute at the most
    for _ in $(seq 300); do
        "$@" && return
        sleep 0.1
    done
    echo "sge: no $* in time; see $home/qmaster/messages" >&2
    exit 1
}

make_queue() { # what an administrator sets up once
    qconf -as "$host"
    cat > "$home/host" << END
hostname $host
load_scaling NONE
complex_values NONE
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
END
    qconf -Ae "$home/host"
    cat > "$home/pe" << END
pe_name smp
slots $cores
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule \$pe_slots
control_slaves TRUE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
END
    qconf -Ap "$home/pe"
    cat > "$home/queue" << END
qname all.q
hostlist $host
seq_no 0
load_thresholds NONE
suspend_thresholds NONE
nsuspend 1
suspend_interval 00:05:00
priority 0
min_cpu_interval 00:05:00
processors UNDEFINED
qtype BATCH INTERACTIVE
ckpt_list NONE
pe_list smp
rerun FALSE
slots $cores
tmpdir /tmp
shell /bin/sh
prolog NONE
epilog NONE
shell_start_mode posix_compliant
starter_method NONE
suspend_method NONE
resume_method NONE
terminate_method NONE
notify 00:00:02
owner_list NONE
user_lists NONE
xuser_lists NONE
subordinate_list NONE
complex_values NONE
projects NONE
xprojects NONE
calendar NONE
initial_state default
s_rt INFINITY
h_rt INFINITY
s_cpu INFINITY
h_cpu INFINITY
s_fsize INFINITY
h_fsize INFINITY
s_data INFINITY
h_data INFINITY
s_stack INFINITY
h_stack INFINITY
s_core INFINITY
h_core INFINITY
s_rss INFINITY
h_rss INFINITY
s_vmem INFINITY
h_vmem INFINITY
END
    qconf -Aq "$home/queue"
    qconf -ssconf | sed -e 's/^schedule_interval.*/schedule_interval 0:0:1/' -e 's/^flush_submit_sec.*/flush_submit_sec 1/' \
        -e 's/^flush_finish_sec.*/flush_finish_sec 1/' > "$home/scheduler"
    qconf -Msconf "$home/scheduler"
}

takes_jobs() { # a queue whose state is empty
    qstat -f 2> /dev/null | awk '$1 ~ /^all[.]q@/ && NF == 5 && $4 != "-NA-" { found = 1 } END { exit !found }'
}

start() {
    install_packages
    [ -s "$home/environment" ] || make_cell > "$home.log" 2>&1 || {
        cat "$home.log" >&2
        exit 1
    }
    rm -f "$home.log"
    if ! lives "$home/qmaster/qmaster.pid"; then
        sge_qmaster > /dev/null
        wait_for answers
    fi
    qconf -sql 2> /dev/null | grep -q . || make_queue > /dev/null
    lives "$(execd_pid)" || sge_execd > /dev/null
    wait_for takes_jobs
    status
}

stop() {
    if [ -s "$home/environment" ] && lives "$home/qmaster/qmaster.pid"; then
        timeout 5 qdel -f -u '*' > /dev/null 2>&1 || true
        sleep 0.5
    fi
    end "$(execd_pid)"
    end "$home/qmaster/qmaster.pid"
}

crash() { # the qmaster alone, at once; jobs go on
    lives "$home/qmaster/qmaster.pid" && kill -9 "$(cat "$home/qmaster/qmaster.pid")"
    rm -f "$home/qmaster/qmaster.pid"
}

status() {
    if lives "$home/qmaster/qmaster.pid" && lives "$(execd_pid)"; then
        echo "running: queue all.q, $cores slots; . $home/environment"
    else
        echo stopped
        exit 1
    fi
}

case $verb in
    start | stop | crash | status) "$verb" ;;
    *)
        echo "usage: $0 start|stop|crash|status [-c CORES] [-p PORT] [-d DIRECTORY]" >&2
        exit 2
        ;;
esac
