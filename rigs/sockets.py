"""TCP connections of this machine, as the kernel lists them: which process has which."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_ESTABLISHED = "01"


class Connection(NamedTuple):
    """One end of an established connection: the same inode is the same connection."""

    local: int
    remote: int
    inode: str


def connection_to(pid: int, port: int) -> Connection | None:
    """Return the process's connection to this port, if it has one."""
    sockets = _sockets(pid)
    return next((one for one in _connections() if one.remote == port and one.inode in sockets), None)


def other_end(pids: Iterable[int], local: int, remote: int) -> int:
    """Return which of these processes has the other end of the connection between these ports; 0 if none has
    it (yet)."""
    inodes = {one.inode for one in _connections() if (one.local, one.remote) == (remote, local)}
    return next((pid for pid in pids if inodes & _sockets(pid)), 0)


def _connections() -> Iterator[Connection]:
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, ours, theirs, state, *rest = row.split()
            if state == _ESTABLISHED:
                yield Connection(int(ours[-4:], 16), int(theirs[-4:], 16), rest[5])


def _sockets(pid: int) -> set[str]:
    """Return the inodes of the process's sockets; none if it is gone."""
    found = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            kind, _, inode = os.readlink(link).partition(":")
            if kind == "socket":
                found.add(inode.strip("[]"))
    except FileNotFoundError:
        pass  # a file that was closed just now, or all of them
    return found
