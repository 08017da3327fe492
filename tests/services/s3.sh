#!/usr/bin/env bash
# An S3 server for tests: the gateway of Ceph over one monitor and one disk, which is a sparse file.
#   s3.sh start|stop|kill DIRECTORY PORT     (the monitor takes PORT + 1)
# Needs root and the Debian packages ceph-mon, ceph-osd, ceph-common and radosgw. The keys are minioadmin, minioadmin.
# What is stored survives a stop and a kill, and goes with the directory.
set -euo pipefail
action=$1 dir=$2 port=$3
export CEPH_CONF=$dir/ceph.conf

pid() { cat "$dir/$1.pid" 2>/dev/null || true; }
alive() { local p; p=$(pid "$1"); [ -n "$p" ] && kill -0 "$p" 2>/dev/null; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

finish() { # daemon, signal: send it, and wait for the end; after ten seconds there is no asking
  local p; p=$(pid "$1")
  if [ -n "$p" ] && kill "-$2" "$p" 2>/dev/null; then
    for _ in $(seq 100); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$p" 2>/dev/null || true
  fi
  rm -f "$dir/$1.pid"
}

configure() {
  mkdir -p "$dir/mon" "$dir/osd" "$dir/rgw"
  [ -s "$dir/fsid" ] || cat /proc/sys/kernel/random/uuid >"$dir/fsid"
  cat >"$CEPH_CONF" <<END
[global]
fsid = $(cat "$dir/fsid")
mon host = v1:127.0.0.1:$((port + 1))
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
mon data avail crit = 0
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
bluestore block size = 21474836480
osd memory target = 939524096
run dir = $dir
crash dir = $dir
admin socket = $dir/\$name.asok
log file = $dir/\$name.log
pid file = $dir/\$type.pid
[mon.a]
mon data = $dir/mon
[osd.0]
osd data = $dir/osd
[client.rgw]
rgw data = $dir/rgw
log file = $dir/rgw.log
pid file = $dir/rgw.pid
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
END
}

start() {
  configure
  if [ ! -e "$dir/mon/store.db" ]; then
    monmaptool --create --clobber --fsid "$(cat "$dir/fsid")" --addv a "v1:127.0.0.1:$((port + 1))" "$dir/monmap"
    ceph-mon --mkfs -i a --monmap "$dir/monmap"
  fi
  alive mon || ceph-mon -i a
  if [ ! -s "$dir/osd/fsid" ]; then
    id=$(cat /proc/sys/kernel/random/uuid)
    ceph osd new "$id"
    ceph-osd -i 0 --mkfs --osd-uuid "$id"
  fi
  for _ in 1 2 3 4 5; do alive osd || ceph-osd -i 0 || sleep 1; done # the monitor may not be ready
  alive rgw || radosgw -n client.rgw
  radosgw-admin user info --uid tests >/dev/null 2>&1 ||
    radosgw-admin user create --uid tests --display-name tests --access-key minioadmin --secret-key minioadmin
  for _ in $(seq 300); do answers && return; sleep 0.1; done
  echo "nothing answers on port $port" >&2
  return 1
}

case $action in
start) start ;;
stop) for daemon in rgw osd mon; do finish $daemon TERM; done ;;
kill) for daemon in rgw osd mon; do finish $daemon KILL; done ;;
*) echo "usage: $0 start|stop|kill DIRECTORY PORT" >&2; exit 2 ;;
esac
