"""Real processes present an operator's certificate, and speak TLS to a database."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from a_pair import DAY, Authority, certificates, key, new_authority, of_server

from chatnet.net.pair import KeyPair
from rigs.postgres import Server, running
from rigs.processes import Cluster, wait_until

NOW = datetime.now(UTC)


@pytest.fixture
def authority() -> Authority:
    return new_authority(NOW - 20 * DAY, NOW + 20 * DAY)


def put(pair: KeyPair, directory: Path) -> tuple[str, ...]:
    """Write a pair; return the options that name it."""
    directory.mkdir(parents=True, exist_ok=True)
    cert, private = directory / "cert.pem", directory / "key.pem"
    cert.write_bytes(certificates(pair))
    private.write_bytes(key(pair))
    return "--tls-cert", str(cert), "--tls-key", str(private)


def good(authority: Authority) -> KeyPair:
    return authority.vouch("127.0.0.1", NOW - DAY, NOW + 2 * DAY)


@pytest.mark.parametrize("program", ["chat-master", "chat-worker"])
@pytest.mark.parametrize("wrong", ["expired", "another's key", "unreadable", "no key"])
def test_a_bad_pair_is_said_at_the_start(
    program: str, wrong: str, authority: Authority, new_cluster: Callable[..., Cluster]
) -> None:
    """One sentence says so, the exit status is 1, and nothing runs."""
    cluster = new_cluster()
    pair = good(authority)
    if wrong == "expired":
        pair = authority.vouch("127.0.0.1", NOW - 3 * DAY, NOW - DAY)
    options = put(pair, cluster.root)
    if wrong == "another's key":
        Path(options[3]).write_bytes(key(good(authority)))
    elif wrong == "unreadable":
        options = (*options[:3], str(cluster.root / "gone.pem"))
    elif wrong == "no key":
        options = options[:2]
    token = {"CHATNET_TOKEN": "ab" * 32}
    status, said = cluster.run("twistd", "-n", "--pidfile=", program, *options, environ=token)
    assert status == 1
    assert "Traceback" not in said
    expected = {
        "expired": "expired on",
        "another's key": "does not hold the key of the first certificate",
        "unreadable": "gone.pem cannot be read (No such file or directory)",
        "no key": "--tls-cert and --tls-key go together",
    }[wrong]
    assert said.count(expected) == 1


def keys(cluster: Cluster) -> set[str]:
    """Return the keys that the primary and its workers present."""
    status: dict[str, Any] = cluster.status()
    return {process["key"] for process in (status["masters"][0], *status["workers"])}


def test_a_renewed_certificate_is_presented_without_a_restart(
    authority: Authority, new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    """At SIGHUP the master and its workers present it, and continue as they are."""
    old, new = good(authority), good(authority)
    cluster = new_cluster(*put(old, tmp_path / "pair"))
    cluster.start()
    assert keys(cluster) == {old.fingerprint}
    workers = sorted(worker["pid"] for worker in cluster.workers(3))
    put(new, tmp_path / "pair")
    assert cluster.master is not None
    for pid in (cluster.master.pid, *workers):
        os.kill(pid, signal.SIGHUP)
    wait_until("all present it", lambda: keys(cluster) == {new.fingerprint})
    assert sorted(worker["pid"] for worker in cluster.workers(3)) == workers
    holder = cluster.lease.published()
    assert holder is not None
    assert holder.key == new.fingerprint


@pytest.fixture
def database(authority: Authority) -> Iterator[Server]:
    """Yield a database for which the authority vouches, as 127.0.0.1."""
    with running("-c", "fsync=off", identity=of_server(authority, "127.0.0.1", NOW)) as server:
        yield server


def test_a_database_is_spoken_to_by_tls_and_has_to_show_who_it_is(
    database: Server, new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    """If the store's URL demands it, all that masters and workers say to the database is encrypted. Under
    another name or another authority it is refused: one sentence, exit status 1, nothing stored."""
    url = database.url()
    assert "&sslmode=verify-full&" in url
    stranger = new_authority(NOW - DAY, NOW + DAY)
    another, namesake = tmp_path / "another.pem", tmp_path / "namesake.pem"
    another.write_bytes(certificates(stranger.appoint(NOW).pair))
    namesake.write_bytes(certificates(stranger.pair))
    cluster = new_cluster()
    token = {"CHATNET_TOKEN": "ab" * 32}
    demand, _ = url.split("&sslrootcert=")
    start = ("--data", str(cluster.data), "--listen", "127.0.0.1:0")
    for wrong, says in (
        (url.replace("@127.0.0.1", "@localhost"), 'does not match host name "localhost"'),
        (f"{demand}&sslrootcert={another}", "certificate verify failed"),
        (f"{demand}&sslrootcert={namesake}", "signature failure"),
        (f"{demand}&sslrootcert={tmp_path / 'gone.pem'}", 'gone.pem" does not exist'),
    ):
        environ = {"CHATNET_STORE": wrong, **token}
        status, said = cluster.run("twistd", "-n", "--pidfile=", "chat-master", *start, environ=environ)
        assert (status, says in said, "Traceback" in said) == (1, True, False), said
        assert "The database does not show what the store's URL demands of it" in said
        status, said = cluster.run("chatnet", "check", environ=environ)
        assert (status, said.count(says), said.count("\n")) == (1, 1, 1), said
    assert not database.ask("SELECT FROM pg_tables WHERE schemaname = 'public'")
    cluster.environ = {"CHATNET_STORE": url, **token}
    cluster.start()
    rows = database.ask(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"
    )
    assert set(rows) == {(True,)}
    cluster.close()
