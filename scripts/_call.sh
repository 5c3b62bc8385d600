# Sourced by the scripts beside it.

usage() {
    echo "Usage: $(basename "$0")${1:+ $1}" >&2
    exit 2
}

# Becomes twistd: the one of this tree's make run if there is one, else the one on PATH.
twistd() {
    local own
    own=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/twistd
    if [ -x "$own" ]; then
        exec "$own" "$@"
    elif [ -n "$(type -P twistd)" ]; then
        exec "$(type -P twistd)" "$@"
    fi
    echo "There is no twistd: run 'make run' once, or 'pip install' chatnet." >&2
    exit 1
}
