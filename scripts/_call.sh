# Sourced by the scripts beside it: finds twistd, the tree's own first, and sets `twistd`.
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -x "$root/.venv/bin/twistd" ]; then
    twistd="$root/.venv/bin/twistd"
elif command -v twistd >/dev/null; then
    twistd=twistd
else
    echo "There is no twistd: run 'make run' once, or 'pip install' chatnet." >&2
    exit 1
fi

usage() {
    echo "Usage: $(basename "$0")${1:+ $1}" >&2
    exit 2
}
