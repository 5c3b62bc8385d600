"""How a connection to PostgreSQL is made and set up, and what its errors mean.

psycopg is imported only when it is needed: chatnet works without it.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chatnet.errors import CannotStart
from chatnet.limits import PATIENCE, Patience
from chatnet.store.postgres.database import Denied, Distrusted, Unavailable

_FOR_LIBPQ: dict[str, Any] = {
    "application_name": "chatnet",
    # For each host.
    "connect_timeout": "3",
    # Of several hosts, use the one that accepts writes.
    "target_session_attrs": "read-write",
    # A machine that vanished is noticed within about five seconds, whether we wait for it or send to it.
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
}
"""Parameters that hold unless the URL says otherwise."""

_DENIALS = re.compile(
    "password authentication failed|no password supplied|does not exist|no pg_hba.conf entry"
    "|permission denied"
)
"""How the server says that we are refused. libpq gives no code for it: a refusal in another language than
English is not recognized, and counts as transient."""

_DISTRUST = re.compile(
    "certificate verify failed|signature failure|does not match host name|does not support SSL"
    "|root certificate file"
)
"""How libpq says that the server has not shown what the URL's ``sslmode`` demands."""

_SETTINGS = {
    "client_encoding": "UTF8",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "0",
    "statement_timeout": "10s",
    # Otherwise the sessions of clients that vanished would stay for hours, and use up all connections.
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "5000",
    # Statements after the lock of the head row must see what was committed before we got it.
    "default_transaction_isolation": "read committed",
    # Everything that we read has an index. A plan made while a table was small must not read through all of
    # it later, when it has grown; and planning again each time costs more than it gains.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""The settings of each session, where the server knows them."""


def set_up(lock_seconds: float) -> str:
    """Return the statement that sets up a session, in which to wait for a lock takes so long at most."""
    settings = {**_SETTINGS, "lock_timeout": f"{lock_seconds * 1000:.0f}ms"}
    return f"""
        SELECT set_config(wished.name, wished.value, false)
        FROM (VALUES {", ".join(f"('{name}', '{value}')" for name, value in settings.items())},
            -- Set even where it is the same already: the server's may change while the session lasts.
            ('synchronous_commit', CASE current_setting('synchronous_commit')
                WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END)
        ) AS wished(name, value)
        WHERE current_setting(wished.name, true) IS NOT NULL
    """


def connect(url: str, patience: Patience = PATIENCE) -> Any:
    """Return a connection of psycopg to ``url``, set up, in autocommit.

    :raises Unavailable: there is no connection for now.
    :raises Denied: the same, because we are refused; :class:`Distrusted`, because we refuse the server.
    :raises CannotStart: the URL is none, or psycopg is not installed.
    """
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError as error:
        raise CannotStart("For PostgreSQL, psycopg is needed: pip install 'chatnet[postgres]'.") from error
    try:
        if not url.startswith(("postgresql://", "postgres://")):
            raise psycopg.ProgrammingError("no URL")
        where = make_conninfo("", **{**_FOR_LIBPQ, **conninfo_to_dict(url)})
    except (psycopg.Error, UnicodeError):
        # libpq's own message would show the password.
        raise CannotStart(
            "The store's URL cannot be read: it is like postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
        ) from None
    try:
        connection = psycopg.connect(where, autocommit=True, prepare_threshold=0)
    except psycopg.Error as error:
        raise _kind(str(error))(reason(error)) from error
    try:
        with _cut_off_if_hung(connection, patience.set_up):
            connection.execute(set_up(patience.lock))
    except psycopg.Error as error:
        raise Unavailable(reason(error)) from error
    return connection


@contextmanager
def _cut_off_if_hung(connection: Any, seconds: float) -> Iterator[None]:
    """Limit the time of what runs inside to so many ``seconds``. The connection is closed if that fails.

    The server has no limits set yet, and no other thread has the connection and could close it.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        timer = threading.Timer(seconds, end.shutdown, (socket.SHUT_RDWR,))
        timer.start()
        try:
            yield
        except BaseException:
            connection.close()
            raise
        finally:
            timer.cancel()
            timer.join()


def reason(error: Exception) -> str:
    """Return why it failed, in a few words."""
    diagnosis = getattr(error, "diag", None)
    said = (diagnosis and diagnosis.message_primary) or str(error).strip() or type(error).__name__
    return str(said).splitlines()[0]


def _kind(said: str) -> type[Unavailable]:
    """What kind of failure to connect this is. Of several hosts, one that is away may yet let us in."""
    attempts = [line for line in said.splitlines() if line.startswith("- host")] or [said]
    if not all(_DISTRUST.search(attempt) or _DENIALS.search(attempt) for attempt in attempts):
        return Unavailable
    return Distrusted if any(map(_DISTRUST.search, attempts)) else Denied


def is_poison(error: Exception) -> bool:
    """Return whether a statement failed because of its contents; if not, it may succeed another time.

    It did if our own code or psycopg cannot encode it, and for PostgreSQL's classes 20 (no such case), 22
    (data exception), 23 (integrity constraint) and 54 (program limit).
    """
    import psycopg

    if not isinstance(error, psycopg.Error) or isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return True
    return (error.sqlstate or "")[:2] in ("20", "54")
