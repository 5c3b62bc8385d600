#!/bin/sh
# ExecStop of chatnet's units: end all processes that the file $1 lists by their pids (the unit's cgroup.procs),
# and return once they have ended.
#
# systemd also calls this when the main process ended by itself, as a primary does that hands over. Then it
# knows of no main process, MAINPID is not set, and nobody is to be ended: the others are the cluster.
set -u
[ -n "${MAINPID:-}" ] || exit 0
pids=$(cat "$1") || exit 1
for pid in $pids; do
    [ "$pid" = $$ ] || kill -TERM "$pid" 2>/dev/null
done
for pid in $pids; do
    while [ "$pid" != $$ ] && kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
    done
done
