"""The commands of IRC that a logged-in client may say, by their names."""

from __future__ import annotations

from chatnet.worker.fronts.irc import (
    account,
    certificates,
    histories,
    lists,
    marking,
    moderation,
    people,
    rooms,
    server,
    talk,
)
from chatnet.worker.fronts.irc.command import Command

COMMANDS: dict[str, Command] = {
    **server.COMMANDS,
    **account.COMMANDS,
    **certificates.COMMANDS,
    **rooms.COMMANDS,
    **lists.COMMANDS,
    **people.COMMANDS,
    **moderation.COMMANDS,
    **talk.COMMANDS,
    **histories.COMMANDS,
    **marking.COMMANDS,
}
