"""Keeps the data directory and the token private: open rights are corrected, or refused.

Somebody who can read them can post in everybody's name; somebody who can lock the directory can keep every
master from leading; somebody who made the directory may have put their own token there.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from twisted.logger import Logger

from chatnet.errors import CannotStart
from chatnet.world import Files, FileStatus

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
_OTHERS = 0o077
_ROOT = 0
_SHOWN = 3
_NAMES = (
    *("log", "log.sqlite*", "marks.sqlite*", "erased", "cluster.token", "lease", "moved"),
    *("rescued-*.sqlite", ".*"),
)
"""The files that chatnet makes in its directory."""

_logger = Logger()


def secure_data(files: Files, data: Path) -> None:
    """Make the directory ``data``, if it exists, and chatnet's files in it private to this user.

    :raises CannotStart: it belongs to somebody else, or cannot be made private.
    :raises OSError: it cannot be examined.
    """
    for path in (data, *data.parents):
        _refuse_strange_link(files, path)
    directory = files.status(data)
    if directory is None:
        return
    if directory.mode & _OTHERS and directory.owner == files.user():
        _refuse_others_things(files, data)
    mended = [path for path in (data, *_ours_in(files, data)) if _secure(files, path)]
    if mended:
        _logger.warn(
            "{data} was open to others ({names}); it is private now. If you do not trust all who use this "
            "machine, change the token, and have users change their secrets",
            data=data,
            names=", ".join(path.name for path in mended[:_SHOWN]) + (", …" if mended[_SHOWN:] else ""),
        )


def secure_token(files: Files, path: Path) -> None:
    """Make the token at ``path`` readable only by those who should read it, before it is read.

    A token of root's, for a group, is as good as our own; and root may read the token of any user.

    :raises CannotStart: others may read it, or may have written it.
    :raises OSError: it cannot be examined.
    """
    found = files.status(path)
    if found is None:
        return
    if found.owner == files.user():
        if _secure(files, path):
            _logger.warn("{path} was open to others; it is private now", path=path)
    elif _ROOT not in (found.owner, files.user()):
        raise _strange(files, path, found)
    elif found.mode & 0o027:
        raise CannotStart(f"{path} is open to others (mode {_mode(found)}): chmod 600, or 640 for a group.")


def _ours_in(files: Files, data: Path) -> Iterator[Path]:
    for path in files.children(data):
        _refuse_strange_link(files, path)
        found = files.status(path, follow=False)
        # The target of a link of ours may be the system's, and has the rights that it should have.
        if found is not None and _is_ours(path) and not stat.S_ISLNK(found.mode):
            yield path
            if stat.S_ISDIR(found.mode):
                yield from files.children(path)


def _is_ours(path: Path) -> bool:
    return any(fnmatch(path.name, name) for name in _NAMES)


def _refuse_others_things(files: Files, data: Path) -> None:
    """Refuse to close a directory that may be somebody's home, or /tmp.

    :raises CannotStart: it holds files that are not chatnet's.
    """
    for path in files.children(data):
        if not _is_ours(path):
            raise CannotStart(
                f"{data} is open to others, and holds what is not chatnet's ({path.name}): choose "
                "a directory of its own by --data."
            )


def _secure(files: Files, path: Path) -> bool:
    """Make it private; return whether it was open to others."""
    found = files.status(path)
    if found is None:
        return False  # it has just gone
    if found.owner != files.user():
        raise _strange(files, path, found)
    if not found.mode & _OTHERS:
        return False
    try:
        files.protect(path, PRIVATE_DIRECTORY if stat.S_ISDIR(found.mode) else PRIVATE_FILE)
        why = ""
    except OSError as error:
        why = f" ({error.strerror})"
    now = files.status(path)
    if now is not None and now.mode & _OTHERS:
        raise CannotStart(
            f"{path} is open to others (mode {_mode(found)}), and cannot be made private{why}: chmod it, or "
            "choose another place."
        )
    return True


def _refuse_strange_link(files: Files, path: Path) -> None:
    """:raises CannotStart: it is a link of another user, who could redirect it at any time."""
    found = files.status(path, follow=False)
    if found is not None and stat.S_ISLNK(found.mode) and found.owner not in (_ROOT, files.user()):
        raise _strange(files, path, found)


def _strange(files: Files, path: Path, found: FileStatus) -> CannotStart:
    return CannotStart(
        f"{path} belongs to another user (number {found.owner}; this process runs as {files.user()}): give "
        "it to the user who runs chatnet, by chown, or choose another place."
    )


def _mode(found: FileStatus) -> str:
    return f"{stat.S_IMODE(found.mode):04o}"
