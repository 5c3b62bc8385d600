"""What HELP shows, and how a command is named where a person reads of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chatnet.client.devices import USAGES as OF_DEVICES
from chatnet.client.lookups import USAGES as OF_LOOKUPS
from chatnet.client.orders import USAGES as OF_ORDERS

HELP = """\
CHAT           talk: the newest posts, then live ones; what you type is posted
               in your own room. CHAT ROOM: in a topic (#tea) or private room
               (&ops) that you are in, or to one person alone (@bob). In a chat
               commands begin with a slash: /join #tea. /quit goes back. Two
               slashes post a line that begins with one.
JOIN ROOM      follow a topic, or what a user says (bob); LEAVE ROOM: stop
LIST [PREFIX]  all rooms; ROOMS: those that you are in, and conversations
UNREAD         how much is new in those
SAY ROOM TEXT  one post there; TELL NAME TEXT: one for NAME alone
HISTORY ROOM   what was said there, numbered; REPLY NUMBER TEXT answers it
REDACT NUMBER  take a post back, for ever; REPORT NUMBER: tell moderators
MEMBERS ROOM   who is there; WHOIS NAME: who that is, and where you meet
BLOCK NAME     no conversation, mention or invitation of theirs reaches you;
               what they say in rooms you still see. UNBLOCK undoes it
CREATE &ROOM   a private room; INVITE &ROOM NAME; INVITATIONS: to which ones
DESCRIBE ROOM  what it is about; ROLE: who keeps order; POLICY: what holds
BAN ROOM NAME  keep somebody out; MUTE, REMOVE, UNBAN; PURGE all they said
PAIR           let your other device in; SESSIONS: where you are; REVOKE
PASSWORD       the next line is yours; RECOVERY: codes for when it is lost
CODE           lets new users in; FORGET: end your account, for good
HELP COMMAND   more of one; CHATTEST measures with real posts; QUIT leaves"""
"""All commands, those first that a newcomer needs first. A screen of 80 columns and 24 rows shows all of it,
with the line that was typed above it and its own two rows below."""
_EACH = """\
JOIN NAME      follow NAME's room, or a topic: JOIN #python
LEAVE NAME     stop following it
LIST [PREFIX]  all rooms, and those you have joined
CHAT           the newest posts, then live ones; what you type is posted in your room
CHAT ROOM      the same; what you type is posted there: in a topic that you have
               joined (#tea), in a private room that you are in (&ops), or in
               your conversation with somebody (@bob).
               In a chat commands begin with a slash: /join #tea, /chat #tea, /chat.
               /quit goes back. Two slashes post a line that begins with one.
UNREAD         how many posts are new in each of your rooms, for all your devices
               together: as the column on a wide screen says. Plain lines read
               all that they show; on a screen you read the room where you post,
               and in your own those of other users, too
SAY ROOM TEXT  one post in a topic that you have joined, in a private room, or in your own room
TELL NAME TEXT one post in your conversation with NAME, whom alone it reaches; CHAT @NAME stays there
REPLY NUMBER TEXT          answer a post, where it was said
HISTORY ROOM   what was said there last, with numbers; HISTORY ROOM NUMBER: what was said before that
REDACT NUMBER  take a post back, for ever; moderators may give a reason
REPORT NUMBER TEXT         tell moderators of a post, which they can then read
ROOMS          the rooms you have joined, and your conversations
WHOIS NAME     since when the name is known, and in which rooms you both are
INVITATIONS    the private rooms to which somebody has invited you
MEMBERS ROOM   who is there, and what it is about
CREATE &ROOM   make a private room; with “all” behind it, newcomers may read what was said before
INVITE &ROOM NAME          let somebody join it; REMOVE ROOM NAME undoes that
DESCRIBE ROOM TEXT         say what it is about
ROLE ROOM NAME moderator   or owner, or none; ROLE * NAME admin, moderator or none for all of the server
BAN ROOM NAME 7d REASON    keep somebody out; MUTE: from speaking; UNBAN undoes both; * for all rooms
POLICY ROOM    what holds there; POLICY ROOM NAME VALUE decides it: invite members, keep 90d; * as above
BLOCK NAME     no conversation, mention or invitation of NAME's reaches you. What
               NAME says in rooms that you are both in you still see: leave them,
               or ask their moderators. UNBLOCK undoes it
CHATTEST       measure the cluster: real posts in your own room, 100 at each of a ladder of rates
PURGE ROOM NAME            take back all that somebody said there, for ever; REDACT does so with one post
SESSIONS       on which devices you are logged in; REVOKE NUMBER ends one of these sessions
PAIR           a code, with which another device of yours gets in within ten minutes
CODE 20 7d     a code for admins, with which 20 new users get in within 7 days; &ROOM invites them
PASSWORD       the next line is your new password, for logging in elsewhere with --password
RECOVERY       eight codes for when you have lost your password; keep them on paper
FORGET         take back all that you ever said here, and end your account; you are asked twice
HELP [COMMAND] all commands; or what there is to say of one
QUIT           leave"""
"""What HELP COMMAND says."""
JOIN = "JOIN takes a room: JOIN NAME, or JOIN #TOPIC."
LEAVE = "LEAVE takes a room: LEAVE NAME, or LEAVE #TOPIC."
SAY = "SAY takes a room and a text: SAY #TOPIC TEXT."
REPLY = "REPLY takes the number of a post, which HISTORY ROOM shows, and a text: REPLY NUMBER TEXT."
TELL = "TELL takes a name and a text: TELL NAME TEXT."
USAGES: Mapping[str, str] = {
    **OF_DEVICES,
    **OF_LOOKUPS,
    **OF_ORDERS,
    "JOIN": JOIN,
    "LEAVE": LEAVE,
    "SAY": SAY,
    "REPLY": REPLY,
    "TELL": TELL,
}
"""How a command is typed, of those that take something."""
COMMANDS = (
    *USAGES,
    *("CHAT", "CHATTEST", "FORGET", "HELP", "INVITATIONS", "LIST", "PAIR", "PASSWORD", "QUIT"),
    *("RECOVERY", "ROOMS", "SESSIONS", "UNREAD"),
)
_WORD = re.compile(rf"(?<![-\w/&#@“])({'|'.join(COMMANDS)})(?![-\w])")


def explained(command: str) -> list[str]:
    """Return the lines about one command: what it does, and how it is typed."""
    entries = re.split(r"\n(?! )", _EACH)
    lines = [line for entry in entries if command in _WORD.findall(entry) for line in entry.splitlines()]
    return [*lines, USAGES[command]] if command in USAGES else lines


def in_a_chat(text: str) -> str:
    """Return ``text`` with each command in it as one types it in a chat."""
    return _WORD.sub(lambda found: f"/{found[1].lower()}", text)
