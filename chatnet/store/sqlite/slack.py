"""Free space within a file of SQLite, in which may be left what was removed: how it is known to be clean.

Whoever writes with ``secure_delete=ON`` overwrites what they remove. Without it, a file that ``VACUUM`` or
``VACUUM INTO`` makes may have two copies of a row, one of them in free space, and nothing ever overwrites
that. But each of them raises the file's ``schema_version``. So a file says, in its ``user_version``, at which
one its free space was clean; if that is another than the file has, it is to be written anew.

A file that says 0 is of an earlier release. It is clean, as far as that can be known, if it is in WAL mode:
what ``VACUUM INTO`` makes is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

_UNCLEAN = -1


def set_up(connection: apsw.Connection) -> None:
    """Set up WAL mode, and that what is removed is overwritten: with FAST, pages of long texts would stay."""
    at, noted = _versions(connection)
    if connection.execute("PRAGMA journal_mode").get != "wal":
        # A write, too: when SQLite finds no room to change the mode, it says nothing, and keeps the old one.
        _note(connection, _UNCLEAN if at and not noted else noted)
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")


def is_clean(connection: apsw.Connection) -> bool:
    """Return whether free space of the file has nothing of what was removed, or will be."""
    at, noted = _versions(connection)
    return noted in (at, 0)


@contextmanager
def changed_tables(connection: apsw.Connection) -> Iterator[None]:
    """Wrap what may make or change tables, in one transaction: a file that is clean is so afterwards."""
    with connection:
        was_clean = is_clean(connection)
        yield
        at, noted = _versions(connection)
        if was_clean and at != noted:
            _note(connection, at)


def needed_bytes(connection: apsw.Connection) -> int:
    """Return for how many bytes there has to be room to write the file anew: twice those that are in use."""
    pages, unused, size = (
        connection.execute(f"PRAGMA {of}").get for of in ("page_count", "freelist_count", "page_size")
    )
    return 2 * int(pages - unused) * int(size)


def write_anew(connection: apsw.Connection) -> None:
    """Write the whole file anew, so that it is clean; afterwards the WAL is as long as the file.

    If the process dies meanwhile, the file is as it was. What SQLite needs beside it, as much as the file, is
    in the same directory, under no name.
    """
    directory = str(Path(connection.filename).parent).replace("'", "''")
    # SQLite's own choice, as /var/tmp, may be on a disk that is smaller, or less private.
    connection.execute(f"PRAGMA temp_store_directory='{directory}'")
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store_directory=''")
    _note(connection, _versions(connection)[0])


def _versions(connection: apsw.Connection) -> tuple[int, int]:
    return connection.execute("PRAGMA schema_version").get, connection.execute("PRAGMA user_version").get


def _note(connection: apsw.Connection, version: int) -> None:
    connection.execute(f"PRAGMA user_version={version}")
