"""The embedded store of a cluster is moved into PostgreSQL while its users stay connected or come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Acknowledged, LoggedIn
from rigs.chaos import TRACEBACK
from rigs.conversation import Conversation
from rigs.postgres import running, whole_log
from rigs.processes import Cluster

USERS = 5


@pytest.fixture
def url() -> Iterator[str]:
    """Yield the URL of an empty database."""
    with running("-c", "fsync=off") as server:
        yield server.fresh()


def test_users_go_on_in_the_other_store(new_cluster: Callable[..., Cluster], url: str) -> None:
    """The cluster is stopped under load, migrated and started there: users resume by ticket and cursor, what
    was not answered is sent again with the same key, and all promises are kept across the move."""
    cluster = new_cluster()
    cluster.start_logged(cluster.root.parent / "embedded.log")
    conversation = Conversation.on(cluster, USERS, 60)
    conversation.wait_until_answered()

    migrate = ("chatnet", "migrate", "--from", str(cluster.data))
    code, said = cluster.run(*migrate, environ={"CHATNET_STORE": url})
    assert (code, "chatnet stop" in said) == (1, True), said
    code, said = cluster.run("chatnet", "stop", "--master", cluster.address, "--data", str(cluster.data))
    assert code == 0, said
    acknowledged = {event.seq for event in conversation.history() if isinstance(event, Acknowledged)}
    code, said = cluster.run(*migrate, environ={"CHATNET_STORE": url})
    assert (code, "entries copied and compared" in said) == (0, True), said
    moved = whole_log(url)
    here = ("--data", str(cluster.data), "--listen", cluster.address)
    code, said = cluster.run("twistd", "-n", "--pidfile=", "chat-master", *here)
    assert (code, "start the masters with CHATNET_STORE" in said) == (1, True), said
    assert acknowledged <= {entry.seq for entry in moved}

    cluster.environ = {"CHATNET_STORE": url}
    cluster.start_logged(cluster.root.parent / "shared.log")
    conversation.wait_until_answered()
    conversation.settle()

    log, history = whole_log(url), conversation.history()
    assert log[: len(moved)] == moved
    assert len(log) > len(moved)
    assert check(Evidence(history, log)) == []
    logins = [event.how for event in history if isinstance(event, LoggedIn)]
    assert logins.count("first") == USERS
    assert logins.count("resumed") >= USERS
    assert set(logins) <= {"first", "resumed", "moved"}
    paths = [*cluster.root.parent.glob("*.log"), *(cluster.data / "log").glob("*.log"), conversation.log]
    assert not [path for path in paths if TRACEBACK in path.read_text()]
