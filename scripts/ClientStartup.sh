#!/usr/bin/env bash
# Talks as the given user, through the cluster of the master at the given address.
set -eu
. "$(dirname "$0")/_call.sh"
{ [ $# -ge 1 ] && [ $# -le 2 ] && [ -n "$1" ] && [ "$1" = "${1#-}" ] && [ "${2:-}" = "${2:+${2#-}}" ]; } ||
    usage "<User Name> [Master Address]"
twistd -n chat-client ${2:+--master "$2"} "$1"
