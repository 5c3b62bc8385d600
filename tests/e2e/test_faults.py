"""Processes die, hang and come back; users notice no more than a pause."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from rigs.processes import Cluster, Terminal, send, wait_until


def chatting(cluster: Cluster, reader: str, writer: str) -> tuple[Terminal, Terminal]:
    """Return two clients, each joined to the other and chatting."""
    one, other = cluster.terminal(reader), cluster.terminal(writer)
    one.type(f"JOIN {writer}", "CHAT")
    one.expect(f"Joined {writer}.")
    other.type(f"JOIN {reader}", "CHAT")
    other.expect(f"Joined {reader}.")
    other.type("hello")
    one.expect(f"{writer}: hello")
    return one, other


def talk(writer: Terminal, reader: Terminal, count: int, since: int = 0) -> None:
    """Check that ``count`` posts arrive once, in order; the client's lines on its connection are ignored."""
    numbers = range(since, since + count)
    writer.type(*(f"number {number}" for number in numbers))
    seen = [reader.lines.find(rf"{writer.name}: .*") for _ in numbers]
    assert seen == [f"{writer.name}: number {number}" for number in numbers]


def pids_of_workers(cluster: Cluster) -> list[int]:
    return [worker["pid"] for worker in cluster.workers(3)]


def test_a_killed_worker_is_replaced_and_its_clients_go_on(cluster: Cluster) -> None:
    """SIGKILL of one worker after another: three again each time, nothing lost or repeated, no new login."""
    reader, writer = chatting(cluster, "reader", "writer")
    for turn in range(3):
        before = pids_of_workers(cluster)
        os.kill(before[0], signal.SIGKILL)
        talk(writer, reader, 10, turn * 10)
        wait_until(
            "a replacement",
            lambda before=before: before[0] not in (now := pids_of_workers(cluster)) and len(now) == 3,  # type: ignore[misc]
        )
    for terminal in (reader, writer):
        assert terminal.end()[0] == 0
        assert sum("Logged in" in line for line in terminal.lines.seen) == 1


def test_all_workers_killed_at_once(cluster: Cluster) -> None:
    """Without workers what is typed waits, and arrives when they are back."""
    reader, writer = chatting(cluster, "reader", "writer")
    for pid in pids_of_workers(cluster):
        os.kill(pid, signal.SIGKILL)
    talk(writer, reader, 20)


def test_a_hung_worker_is_replaced(cluster: Cluster) -> None:
    """SIGSTOP for more than three seconds counts as death."""
    reader, writer = chatting(cluster, "reader", "writer")
    stopped = [worker["pid"] for worker in cluster.workers(3) if worker["sessions"]]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    talk(writer, reader, 10)
    assert not set(stopped) & set(pids_of_workers(cluster))


def test_the_whole_cluster_killed_and_started_again(cluster: Cluster) -> None:
    """All acknowledged posts are there; waiting clients continue where they were."""
    reader, writer = chatting(cluster, "reader", "writer")
    talk(writer, reader, 10)
    masters = [master["pid"] for master in cluster.masters()]
    for pid in [*masters, *pids_of_workers(cluster)]:
        os.kill(pid, signal.SIGKILL)
    writer.type("number 10", "number 11")
    cluster.start()
    assert reader.lines.find("writer: .*") == "writer: number 10"
    assert reader.lines.find("writer: .*") == "writer: number 11"
    talk(writer, reader, 10, 12)
    for terminal in (reader, writer):
        assert sum("Logged in" in line for line in terminal.lines.seen) == 1
        assert sum("lost" in line for line in terminal.lines.seen) <= 1
    fresh = cluster.terminal("reader")
    fresh.type("CHAT")
    fresh.expect(*(f"writer: number {number}" for number in range(2, 22)))


def test_all_masters_killed_and_started_again_adopt_their_workers(cluster: Cluster) -> None:
    """Workers outlive dead masters, keep their clients, and are three in all afterwards."""
    reader, writer = chatting(cluster, "reader", "writer")
    before = pids_of_workers(cluster)
    for master in cluster.masters():
        os.kill(master["pid"], signal.SIGKILL)
    cluster.start()
    talk(writer, reader, 10)
    assert sorted(pids_of_workers(cluster)) == sorted(before)
    assert not any("lost" in line for line in reader.lines.seen)


def test_a_worker_started_by_hand_joins_and_gets_clients(cluster: Cluster) -> None:
    """``twistd chat-worker --master`` adds a worker; new clients go where the fewest sessions are."""
    three = {worker["id"] for worker in cluster.workers(3)}
    terminals = [cluster.terminal(f"user{number}") for number in range(3)]
    cluster.popen(
        "twistd", "-n", "--pidfile=", "chat-worker", "--master", cluster.address, "--data", str(cluster.data)
    )
    cluster.workers(4)
    terminals.append(cluster.terminal("newcomer"))
    newcomer = next(worker for worker in cluster.workers(4) if worker["id"] not in three)
    wait_until(
        "a session there",
        lambda: next(w["sessions"] for w in cluster.workers(4) if w["id"] == newcomer["id"]) == 1,
    )
    assert not newcomer["spawned"]


def test_an_interrupt_stops_all_of_it(cluster: Cluster) -> None:
    """Ctrl-C ends the master by that signal, as shells expect, and no process is left."""
    assert cluster.master is not None
    os.kill(cluster.master.pid, signal.SIGINT)
    assert cluster.master.wait(30) == -signal.SIGINT
    assert not cluster.alive()


def test_chatnet_stop_stops_all_of_it_hand_started_workers_too(cluster: Cluster) -> None:
    """``chatnet stop`` ends every process of the cluster, and says so."""
    cluster.popen(
        "twistd", "-n", "--pidfile=", "chat-worker", "--master", cluster.address, "--data", str(cluster.data)
    )
    cluster.workers(4)
    status, output = cluster.run("chatnet", "stop", "--master", cluster.address, "--data", str(cluster.data))
    assert status == 0, output
    assert output.count("\n") == 1
    wait_until("no process left", lambda: not cluster.alive())


def test_daemons_side_by_side_in_one_directory(new_cluster: Callable[..., Cluster]) -> None:
    """``twistd chat-master`` and ``twistd chat-worker`` daemonize, each with its own pid and log file."""
    cluster = new_cluster()
    for arguments in (
        ("chat-master", "--data", str(cluster.data), "--listen", cluster.address),
        ("chat-worker", "--data", str(cluster.data), "--master", cluster.address),
    ):
        status, output = cluster.run("twistd", *arguments)
        assert (status, output) == (0, "")
    cluster.workers(4)
    pids = {name: int((cluster.root / f"{name}.pid").read_text()) for name in ("chat-master", "chat-worker")}
    assert set(pids.values()) <= set(cluster.alive())
    assert (cluster.root / "chat-master.log").exists()
    assert (cluster.root / "chat-worker.log").exists()
    for name in ("chat-worker", "chat-master"):
        os.kill(pids[name], signal.SIGTERM)
    wait_until("all gone", lambda: not cluster.alive())
    assert not list(cluster.root.glob("*.pid"))


def test_the_end_of_the_terminal_stops_the_cluster_and_without_a_primary_nothing(cluster: Cluster) -> None:
    """It sends SIGHUP to all that were started in it. If its primary has just been killed, that ends no other
    process: another one commands, and who chats goes on."""
    reader, writer = chatting(cluster, "reader", "writer")
    before = cluster.masters()
    others = [pid for pid in cluster.alive() if pid not in {reader.process.pid, writer.process.pid}]
    os.kill(before[0]["pid"], signal.SIGKILL)
    for pid in others:
        send(pid, signal.SIGHUP)
    talk(writer, reader, 10)
    assert cluster.masters()[0]["pid"] in [master["pid"] for master in before[1:]]
    for terminal in (reader, writer):
        assert terminal.end()[0] == 0


def test_the_end_of_the_terminal_stops_primary_and_children_in_order(cluster: Cluster) -> None:
    """None is left to lead on where nobody sees it."""
    for pid in cluster.alive():
        send(pid, signal.SIGHUP)
    wait_until("all processes have stopped", lambda: not cluster.alive())
    assert cluster.master is not None
    assert cluster.master.wait() == -signal.SIGHUP  # by its signal, when all is done
