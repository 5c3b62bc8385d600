"""What a client's commands go by, beside the connection and the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from chatnet.client.calendar import Calendar
from chatnet.command_lines import ChatCommand


@dataclass(frozen=True)
class ClientSettings:
    """LIST and UNREAD ask for ``list_pages`` at most. ``calendar`` shows times, and says what time it is.
    ``chat_command`` starts another client."""

    list_pages: int
    calendar: Calendar
    chat_command: ChatCommand
