"""The acceptance of the page: people chat by it on a real cluster, whatever is killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from browser.people import Person, mentions, settle, verdict
from playwright.sync_api import Browser, expect

from rigs.chaos import final_log
from rigs.processes import Cluster, free_port, runs, send

TEXTS = 14


def test_each_post_stands_once_whatever_is_killed(chromium: Browser, tmp_path: Path) -> None:
    """Workers and the primary are killed; then everything, and a tab with drafts that nobody has taken: they
    are sent by another one, opened then. On each page each post stands once, in the order of the log, and
    none is missing."""
    port = free_port()
    cluster = Cluster(tmp_path / "cluster", "--web", f"127.0.0.1:{port}")
    cluster.root.mkdir()
    log = tmp_path / "master.log"
    try:
        cluster.start_logged(log)
        url = f"http://localhost:{port}/"
        alice, bob = people = [Person(chromium, url, name) for name in ("alice", "bob")]
        names = {person.name: mentions(people, person.name) for person in people}

        def kill_a_worker() -> None:
            send(next(pid for pid in cluster.alive() if not runs(pid, "chat-master")), signal.SIGKILL)

        faults: dict[int, Callable[[], object]] = {
            3: kill_a_worker,
            6: lambda: send(cluster.primary(), signal.SIGKILL),
            9: bob.open,
            12: kill_a_worker,
        }
        for number in range(TEXTS):
            if number in faults:
                faults[number]()
            person = people[number % 2]
            person.tab.say(f"{names[person.name]} {number}")
        expect(alice.tab.page.locator(".state.kept")).to_have_count(0)
        for pid in cluster.alive():
            send(pid, signal.SIGKILL)
        for number in range(3):
            alice.tab.say(f"{names['alice']} unsent {number}")
        expect(alice.tab.page.locator(".state.kept")).to_have_count(3)
        alice.tab.kill()
        bob.tab.say(f"{names['bob']} alone")
        with log.open("ab") as output:
            cluster.launch(output)
        alice.open()
        settle(people)
        for person in people:
            person.context.close()
        cluster.kill_everything()
        assert verdict(people, final_log(cluster.data / "log.sqlite", tmp_path / "copy")) == []
    finally:
        cluster.close()
