"""``chatnet level``: which level the log is at, what each process understands, and how to raise it."""

from __future__ import annotations

from chatnet.errors import CannotStart, HeldBack
from chatnet.net.link import Link
from chatnet.operator.status import aligned, ask_status
from chatnet.text import legible
from chatnet.wire.operate import ClusterStatus, LevelUp

_HEADINGS = ("LEVEL", "ROLE", "HOST", "PID", "ID", "")


async def show_level(link: Link) -> str:
    """The level of the log, of each process of the cluster, and who holds the log back."""
    return as_text(await ask_status(link))


async def raise_level(link: Link) -> str:
    """Raise the log to the next level, if all understand it; a sentence that says where it is.

    :raises CannotStart: somebody does not understand the next level.
    """
    before = (await ask_status(link)).level
    try:
        level: int = (await link.callRemote(LevelUp))["level"]
    except HeldBack as error:
        raise CannotStart(str(error)) from error
    if level == before:
        return f"The log is at level {level} already, and nothing that runs here understands a higher one."
    return f"The log is at level {level} now. Programs that understand less can no longer take part."


def as_text(status: ClusterStatus) -> str:
    """For people."""
    found = [(each.level, each.role, each.host, each.pid, "") for each in status.masters]
    found += [(each.level, "worker", each.host, each.pid, each.id) for each in status.workers]
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
        _sentence(status.level, next, len(behind)),
        "",
        *aligned([_HEADINGS, *rows], ("LEVEL", "PID")),
    ]
    if status.left_out:
        lines += ["", f"… and {status.left_out:,} more, which there is no room for here."]
    return "\n".join(lines)


def _sentence(level: int, next: int, behind: int) -> str:
    if level == next:
        return f"The log is at level {level}, the highest that anything here understands."
    if behind:
        what = f"{behind} process does" if behind == 1 else f"{behind} processes do"
        return f"The log is at level {level}. Level {next} is the next, and {what} not understand it yet."
    return f"The log is at level {level}, and all understand level {next}: “chatnet level up” raises it."
