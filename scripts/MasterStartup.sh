#!/usr/bin/env bash
# Starts a cluster here, in the background: a master, which starts its workers. Data in ./chatnet-data.
set -eu
. "$(dirname "$0")/_call.sh"
[ $# -eq 0 ] || usage ""
twistd chat-master
