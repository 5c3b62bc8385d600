"""The commands of IRC that a logged-in client may say, by their names."""

from __future__ import annotations

from chatnet.worker.fronts.irc import rooms, server, talk
from chatnet.worker.fronts.irc.command import Command

COMMANDS: dict[str, Command] = {**server.COMMANDS, **rooms.COMMANDS, **talk.COMMANDS}
