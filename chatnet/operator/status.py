"""``chatnet status``: shows what the cluster is doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from chatnet.net.link import Link
from chatnet.text import legible
from chatnet.wire.operate import ClusterStatus, Event, Page, Status

SHOWN_EVENTS = 10
"""How many of the newest events the table shows at its end."""

_HEADINGS = ("ROLE", "HOST", "PID", "ADDRESS", "SESSIONS", "POSTS/S", "DELIVERIES/S", "LAG", "ID")
_NUMBERS = ("PID", "SESSIONS", "POSTS/S", "DELIVERIES/S", "LAG")


async def ask_status(link: Link) -> ClusterStatus:
    """Ask the primary at the other end of ``link`` for the state of the cluster."""
    status: ClusterStatus = (await link.callRemote(Status))["status"]
    return status


def as_json(status: ClusterStatus) -> str:
    """Return JSON, for programs. ``trouble``, ``warnings``, ``left_out`` and ``pages`` are absent if they are
    empty."""
    shown: dict[str, Any] = {
        "epoch": status.epoch,
        "head": status.head,
        "level": status.level,
        "masters": status.masters,
        "workers": status.workers,
        "events": status.events,
    }
    perhaps = ("trouble", "warnings", "left_out", "pages")
    shown |= {name: said for name in perhaps if (said := getattr(status, name))}
    return msgspec.json.format(msgspec.json.encode(shown)).decode()


def as_table(status: ClusterStatus, about: Callable[[str], str] = str) -> str:
    """Return a table for people. ``about`` completes the commands that a warning names."""
    rows: list[Sequence[str]] = [_HEADINGS]
    rows += [(m.role, m.host, str(m.pid), m.address, *[""] * 5) for m in status.masters]
    rows += [
        (
            w.role + "*" * (not w.spawned) + "~" * w.opening,
            w.host,
            str(w.pid),
            w.address,
            str(w.sessions),
            f"{w.posts:.1f}",
            f"{w.deliveries:.1f}",
            str(w.lag),
            w.id,
        )
        for w in status.workers
    ]
    lines = [f"Epoch {status.epoch}; the log's head is {status.head:,}."]
    lines += [about(legible(sentence, 1000)) for sentence in (status.trouble, *status.warnings) if sentence]
    lines += ["", *aligned([[legible(cell, 64) for cell in row] for row in rows], _NUMBERS)]
    if status.left_out:
        lines += ["", f"… and {status.left_out:,} more, which there is no room for here."]
    if marks := _marks(status):
        lines += ["", *marks]
    if about_all := [*_pages(status), *_keys(status)]:
        lines += ["", *about_all]
    if status.events:
        lines += ["", *(_as_line(event) for event in status.events[-SHOWN_EVENTS:])]
    return "\n".join(lines)


def _marks(status: ClusterStatus) -> list[str]:
    """Return what the marks behind roles mean, of those that are there."""
    by_hand, opening = any(not w.spawned for w in status.workers), any(w.opening for w in status.workers)
    return ["* started by hand"] * by_hand + [
        "~ lets nobody in: its store is being opened, or away"
    ] * opening


def _pages(status: ClusterStatus) -> list[str]:
    return [f"Page: {shown(page)}" for page in status.pages]


def shown(page: Page, path: str = "") -> str:
    """Return where the page is, or ``path`` of it, and whether one host alone can open it."""
    only = f", on {legible(page.only_on, 64)} alone" if page.only_on else ""
    return f"{legible(page.url, 300)}{path}{only}"


def _keys(status: ClusterStatus) -> list[str]:
    """Return lines with the public keys that are presented, and, if they differ, on which hosts."""
    hosts: dict[str, dict[str, None]] = {}
    presented = [(process.key, process.host) for process in status.masters]
    presented += [(process.key, process.host) for process in status.workers]
    for key, host in presented:
        if key:
            hosts.setdefault(key, {})[host] = None
    if len(hosts) == 1:
        return [f"Public key, by which clients know the cluster: {legible(key, 64)}" for key in hosts]
    return [
        f"Public key on {legible(', '.join(names), 200)}: {legible(key, 64)}" for key, names in hosts.items()
    ]


def aligned(rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> list[str]:
    """Return ``rows`` as lines. The first row has the headings; columns named in ``numbers`` align right."""
    right = {rows[0].index(name) for name in numbers}
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _as_line(event: Event) -> str:
    return f"{datetime.fromtimestamp(event.time):%Y-%m-%d %H:%M:%S}  {legible(event.what, 1000)}"
