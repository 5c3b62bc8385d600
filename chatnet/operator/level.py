"""``chatnet level``: shows the log's level and what each process understands, and raises the level."""

from __future__ import annotations

from chatnet.errors import CannotStart, HeldBack
from chatnet.net.link import Link
from chatnet.operator.status import aligned, ask_status
from chatnet.text import legible
from chatnet.wire.operate import ClusterStatus, LevelUp

_HEADINGS = ("LEVEL", "ROLE", "HOST", "PID", "ID", "")


async def show_level(link: Link) -> str:
    """Return a text: the level of the log, of each process, and which processes hold the log back."""
    return as_text(await ask_status(link))


async def raise_level(link: Link) -> str:
    """Raise the log to the next level, if all understand it; return a sentence with the new level.

    :raises CannotStart: some process does not understand the next level.
    """
    before = (await ask_status(link)).level
    try:
        level: int = (await link.callRemote(LevelUp))["level"]
    except HeldBack as error:
        raise CannotStart(str(error)) from error
    if level == before:
        return (
            f"The log stays at level {level}: nothing that runs here understands a higher one. It can rise "
            "once all of the cluster runs a newer chatnet."
        )
    return f"The log is at level {level} now. Programs that understand less can no longer take part."


def as_text(status: ClusterStatus) -> str:
    """Return a table for people."""
    found = [(each.level, each.role, each.host, each.pid, "") for each in status.masters]
    found += [(each.level, each.role, each.host, each.pid, each.id) for each in status.workers]
    next = min((level for level, *_ in found if level > status.level), default=status.level)
    behind = [level for level, *_ in found if level < next]
    rows = [
        [
            *(legible(str(cell), 64) for cell in each),
            "holds the log back" if status.level < next and each[0] < next else "",
        ]
        for each in found
    ]
    lines = [
        _sentence(status.level, next, len(behind), bool(status.left_out)),
        "",
        *aligned([_HEADINGS, *rows], ("LEVEL", "PID")),
    ]
    if status.left_out:
        lines += ["", f"… and {status.left_out:,} more, which there is no room for here."]
    return "\n".join(lines)


def _sentence(level: int, next: int, behind: int, are_others: bool) -> str:
    """Return the state, and what to do; ``are_others``: some processes, not shown, may differ."""
    at = f"The log is at level {level}"
    if level == next:
        who = "anything that is shown" if are_others else "anything here"
        return f"{at}, the highest that {who} understands. There is nothing to raise."
    if behind:
        what = f"{behind} process does" if behind == 1 else f"{behind} processes do"
        return (
            f"{at}. Level {next} is the next, and {what} not understand it yet. Update chatnet where “holds "
            "the log back” stands, and start that again; then “chatnet level up” raises it."
        )
    if are_others:
        return (
            f"{at}, and all that are shown understand level {next}: “chatnet level up” raises it if all do."
        )
    return f"{at}, and all understand level {next}: “chatnet level up” raises it."
