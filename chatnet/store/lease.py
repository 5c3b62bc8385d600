"""The right to command, on the embedded store: a lock on the data directory itself.

A lock file could be removed and made again; the directory cannot. The kernel frees the lock the moment its
holder dies. What the holder says about itself is in a file of its own.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from chatnet.world import Files, Lock


class Holder(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who holds a lease. ``started`` is in clock ticks since the machine came up, as the kernel counts: a
    process that got the pid of a dead one has another value. ``host`` is where it runs. Until it listens,
    ``address`` is empty, ``epoch`` is the last holder's, and ``beat`` rises while it lives. ``key`` is the
    fingerprint of the public key that it presents at its address. Of a holder that has not published itself
    only the pid is known: it is never killed."""

    pid: int
    address: str = ""
    started: int = 0
    epoch: int = 0
    host: str = ""
    beat: int = 0
    key: str = ""

    def is_same(self, other: Holder | None) -> bool:
        """Return whether both are the same process, whatever they say of themselves."""
        if other is None:
            return False
        return (self.host, self.pid, self.started) == (other.host, other.pid, other.started)


def parse_holder(text: str | bytes) -> Holder | None:
    """Return the holder that a lease's text names; None if the text is empty or torn."""
    try:
        return msgspec.json.decode(text, type=Holder) if text else None
    except (msgspec.MsgspecError, RecursionError):
        return None


class FlockLease:
    """The lease of one data directory."""

    def __init__(self, files: Files, directory: Path) -> None:
        self._files = files
        self._directory = directory
        self._path = directory / "lease"
        self._lock: Lock | None = None

    def take(self) -> bool:
        """Take it; return False if another process holds it. The directory must exist.

        :raises OSError: the directory cannot be locked.
        """
        if self._lock is None:
            self._lock = self._files.lock(self._directory)
        return self._lock is not None

    def publish(self, holder: Holder) -> None:
        """Write who holds it. Only the holder may call this.

        :raises OSError: the file cannot be written.
        """
        self._files.write(self._path, msgspec.json.encode(holder) + b"\n")

    def published(self) -> Holder | None:
        """Return who last said that it holds it, on any machine."""
        try:
            return parse_holder(self._files.read(self._path))
        except OSError:
            return None

    def holder(self) -> Holder | None:
        """Return who holds it; None if nobody does, or it cannot be known."""
        pid = self._files.lock_holder(self._directory)
        if pid is None:
            return None
        published = self.published()
        # The text of an earlier holder stays until the new one has published its own.
        return published if published is not None and published.pid == pid else Holder(pid)

    def release(self) -> None:
        """Release it; harmless if it is not held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
