"""What goes wrong for a bot. The text of each is one sentence, for a person."""

from __future__ import annotations


class BotError(Exception):
    """The base of all that this library raises."""


class Refused(BotError):
    """The cluster's no to one command. ``code`` names it, as docs/protocol.md does."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class LoggedOut(BotError):
    """The token is not good, or no longer: another attempt is of no use."""


class WrongState(BotError):
    """The file of the bot's state cannot be used: it is another bot's, or in use, or damaged."""


class OtherVersion(BotError):
    """The cluster speaks another version: update this library."""


class NotOpen(BotError):
    """The bot is used outside of its ``with``."""


class NotKept(BotError):
    """The file of the bot's state cannot be written: the bot stops before it would say anything twice."""
