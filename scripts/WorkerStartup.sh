#!/usr/bin/env bash
# Starts a worker of this machine, in the background, for the cluster of the master at the given address.
set -eu
. "$(dirname "$0")/_call.sh"
{ [ $# -le 1 ] && [ "${1:-}" = "${1:+${1#-}}" ]; } || usage "[Master Address]"
twistd chat-worker ${1:+--master "$1"}
