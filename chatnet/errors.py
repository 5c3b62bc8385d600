"""Every error that a peer can be told, each with its sentence; and what ends a process, or a link.

An error's ``code`` is sent on the wire with the sentence; the sentence is for a person to read. ``sentence``
is a template for :meth:`ChatnetError.of`; an error that came over the wire is made from the finished
sentence.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from chatnet.text import legible


class ChatnetError(Exception):
    """The base of all errors. ``code`` names the error on the wire; ``sentence`` explains it to a person."""

    code: ClassVar[bytes] = b"CHATNET_ERROR"
    sentence: ClassVar[str] = "Something went wrong."

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """Return this error with its sentence filled in; texts of others in ``fields`` are made legible."""
        shown = {name: legible(value) if isinstance(value, str) else value for name, value in fields.items()}
        return cls(cls.sentence.format(**shown))


class BadRequest(ChatnetError):
    """The request is malformed: a value is missing, or cannot be decoded."""

    code = b"BAD_REQUEST"
    sentence = "This request cannot be read: {why}"


class NotAllowed(ChatnetError):
    """The command does not exist, or not yet for this connection."""

    code = b"NOT_ALLOWED"
    sentence = "There is no command {command} here; {hint}."


class InternalFailure(ChatnetError):
    """Our own code raised. The operator's log has the details; the connection stays up."""

    code = b"INTERNAL_FAILURE"
    sentence = "The server failed at this request; its log says why."


class Unreadable(ChatnetError):
    """The store is damaged where this request must read; everything else works."""

    code = b"UNREADABLE"
    sentence = "This part of the log cannot be read; who runs the server has been told."


class TooSlow(ChatnetError):
    """The database gave up this read several times because it took too long; everything else works."""

    code = b"TOO_SLOW"
    sentence = "The log takes too long to answer this; ask again later."


UNREAD = (Unreadable, TooSlow)
"""Why any read may be refused for now, whatever it asks: a full disk, a damaged store, a slow database."""


class WrongVersion(ChatnetError):
    code = b"WRONG_VERSION"
    sentence = "This end speaks version {ours} of the protocol and yours {theirs}: update the older one."


class TlsRequired(ChatnetError):
    """It was asked without TLS from another machine; or, within the cluster, by an older TLS than 1.3."""

    code = b"TLS_REQUIRED"
    sentence = (
        "From another machine one speaks TLS here, and as a process of the cluster TLS 1.3: update what "
        "connects, or start this end with --insecure."
    )


class WrongToken(ChatnetError):
    code = b"WRONG_TOKEN"
    sentence = (
        "The cluster's token is not the one given: name the master's data directory by --data; or, on "
        "another machine, copy DATA/cluster.token from there, and pass it by --token-file or CHATNET_TOKEN. "
        "(If it is the one: no master is there, but a stranger, or a tunnel.)"
    )


class StaleEpoch(ChatnetError):
    """The sender is not the primary now; or its command has no epoch."""

    code = b"STALE_EPOCH"
    sentence = "Epoch {theirs} does not command here; epoch {ours} does."


class LevelTooLow(ChatnetError):
    """The log is above what a process understands. The process cannot be part of the cluster, and ends."""

    code = b"LEVEL_TOO_LOW"
    sentence = (
        "The log is at level {level}, and this chatnet understands level {own}: update chatnet on this "
        "machine, and start it again."
    )


class HeldBack(ChatnetError):
    """Some process of the cluster does not understand the next level."""

    code = b"HELD_BACK"
    sentence = (
        "The log stays at level {level}, for level {next} is not understood by {who}: update chatnet there, "
        "and start it again."
    )


class NoWorkers(ChatnetError):
    code = b"NO_WORKERS"
    sentence = "No worker is up at the moment; try again in a second."


class NoReplica(ChatnetError):
    code = b"NO_REPLICA"
    sentence = "No replica stands by to hand over to; try again in a second."


class NoReplicaKept(ChatnetError):
    code = b"NO_REPLICA_KEPT"
    sentence = (
        "No replica stands by to hand over to, and none is kept (--replicas 0): start a second master on the "
        "same data first."
    )


class NoReplicaElsewhere(ChatnetError):
    code = b"NO_REPLICA_ELSEWHERE"
    sentence = "No replica stands by on another host to hand over to: start a master there first."


class NoSuchHost(ChatnetError):
    code = b"NO_SUCH_HOST"
    sentence = "Nothing of the cluster runs on {host}: “chatnet status” shows what its hosts are called."


class OnlyHost(ChatnetError):
    code = b"ONLY_HOST"
    sentence = "No other host than {host} has workers: start one elsewhere first, with twistd chat-worker."


class PrimaryThere(ChatnetError):
    code = b"PRIMARY_THERE"
    sentence = "The primary itself runs on {host}: it has to hand over to another host first."


class BadSecret(ChatnetError):
    code = b"BAD_SECRET"
    sentence = "{why}"


class WrongSecret(ChatnetError):
    code = b"WRONG_SECRET"
    sentence = (
        "The name {name} is taken, and this is not its secret. If it is yours, start with --with-code: PAIR "
        "shows a code where you are logged in, RECOVERY has shown you some, or who runs this server gives "
        "you one. If not, choose another name."
    )


class BadTicket(ChatnetError):
    """A ticket that is torn, forged, of another cluster, or older than the user's secret."""

    code = b"BAD_TICKET"
    sentence = "This ticket is no longer good; log in again."


class TryLater(ChatnetError):
    """Refused because of load, not content; the same request may pass in a moment."""

    code = b"TRY_LATER"
    sentence = "Too many attempts at once; try again in {seconds} s."


class CursorAhead(ChatnetError):
    """The reader has read what the log does not have: it was put back to an earlier state, or is another one.

    The log may end before the cursor, or have another entry there by now.
    """

    code = b"CURSOR_AHEAD"
    sentence = "The log was put back: what you read at {cursor} is not in it. Start afresh."


class Refusal(ChatnetError):
    """The log's final no to one draft. Other drafts are not affected."""

    code = b"REFUSED"


class BadName(Refusal):
    code = b"BAD_NAME"
    sentence = (
        "{name} is not a name: a name has 1 to 32 of the letters a-z, digits, - and _, begins with a letter "
        "or digit, and is none of all, here, everyone, everybody, anybody, somebody, nobody, channel, you, "
        "admin, moderator, moderators, mods, operator, owner, root, system and chatnet; a new one is none of "
        "a service, as nickserv or server."
    )


class BadRoom(Refusal):
    code = b"BAD_ROOM"
    sentence = (
        "{room} is not a room here: a room is a user's name, or # (a topic) or & (a private room) and 1 to "
        "64 letters, digits, - and _, the first a letter or digit, or @ and a user's name (a conversation)."
    )


class BadText(Refusal):
    code = b"BAD_TEXT"
    sentence = "{why}"


class NameTaken(Refusal):
    code = b"NAME_TAKEN"
    sentence = "The name {name} is taken."


class KeyReused(Refusal):
    code = b"KEY_REUSED"
    sentence = "This key was used before, for something else: choose a new one for each draft."


class NoSuchUser(Refusal):
    code = b"NO_SUCH_USER"
    sentence = "There is no user {name}."


class NoSuchRoom(Refusal):
    code = b"NO_SUCH_ROOM"
    sentence = "No such room: {room}."


class AlreadyJoined(Refusal):
    code = b"ALREADY_JOINED"
    sentence = "You have already joined {room}."


class OwnRoom(Refusal):
    code = b"OWN_ROOM"
    sentence = "That is your own room."


class NotYours(Refusal):
    code = b"NOT_YOURS"
    sentence = (
        "In the room {room} only {room} posts; a topic begins with #: #{room}, a conversation with @: "
        "@{room}."
    )


class NotJoined(Refusal):
    code = b"NOT_JOINED"
    sentence = "You have not joined {room}."


class RoomTaken(Refusal):
    code = b"ROOM_TAKEN"
    sentence = "The name {room} was used before, and a private room's name is used once: choose another."


class LastOwner(Refusal):
    code = b"LAST_OWNER"
    sentence = "{to} alone owns {room}: name another owner first, with ROLE."


class NotModerator(Refusal):
    code = b"NOT_MODERATOR"
    sentence = "Only those who moderate there do that."


class NoReason(Refusal):
    code = b"NO_REASON"
    sentence = "Only moderators give a reason. Take your post back without one."


class NotOwner(Refusal):
    code = b"NOT_OWNER"
    sentence = "Only those who own {room} do that; of a topic, admins as well."


class NotAdmin(Refusal):
    code = b"NOT_ADMIN"
    sentence = "Only admins do that."


class NotOperators(Refusal):
    code = b"NOT_OPERATORS"
    sentence = "In a private room an operator only names an owner, and only where none is left."


class OutOfReach(Refusal):
    code = b"OUT_OF_REACH"
    sentence = "{to} has a higher role than you there."


class Yourself(Refusal):
    code = b"YOURSELF"
    sentence = "That is you, or yours: one does this to others."


class AlreadyThere(Refusal):
    code = b"ALREADY_THERE"
    sentence = "{to} is in {room} already."


class NotThere(Refusal):
    code = b"NOT_THERE"
    sentence = "{to} is not in {room}."


class Banned(Refusal):
    code = b"BANNED"
    sentence = "You are banned from {room}."


class BannedThere(Refusal):
    code = b"BANNED_THERE"
    sentence = "Your post names a topic that you are banned from."


class TheyAreBanned(Refusal):
    code = b"THEY_ARE_BANNED"
    sentence = "{to} is banned from {room}: lift that first, with UNBAN."


class Barred(Refusal):
    """Banned from the whole cluster. The user's sessions end, and what they sent is not done."""

    code = b"BARRED"
    sentence = "{name} is banned from this server."


class Forgotten(Refusal):
    """The user is forgotten: everything of theirs is taken back, and their sessions end."""

    code = b"FORGOTTEN"
    sentence = "{name} is forgotten on this server: what they said is gone, and the name is not used again."


class Disabled(Refusal):
    """The user's account was disabled. The user's sessions end, and what they sent is not done."""

    code = b"DISABLED"
    sentence = "The account of {name} is disabled: ask who runs this server."


class SessionEnded(Refusal):
    """The session was ended, by its user elsewhere or by who runs the cluster; what it sent is not done."""

    code = b"SESSION_ENDED"
    sentence = (
        "This session of {name} was ended, on another device or by who runs this server: log in again, by "
        "--password or --with-code."
    )


class NotInScope(Refusal):
    code = b"NOT_IN_SCOPE"
    sentence = "This session may not do that: it was begun for less."


class NoSuchSession(Refusal):
    code = b"NO_SUCH_SESSION"
    sentence = "{to} has no such session: SESSIONS lists one's own."


class SessionThere(Refusal):
    """The device has a session of this user already, which it can use."""

    code = b"SESSION_THERE"
    sentence = "This device has a session already."


class TooManySessions(Refusal):
    code = b"TOO_MANY_SESSIONS"
    sentence = (
        "{name} is logged in on 50 devices, as many as one may have: where you are logged in, SESSIONS lists "
        "them, and REVOKE ends one."
    )


class LastWay(Refusal):
    code = b"LAST_WAY"
    sentence = "Nothing else lets you in: set a password first, with PASSWORD."


class BadCode(Refusal):
    """The code is unknown, used up, too old, or for another name: nobody is told which."""

    code = b"BAD_CODE"
    sentence = "This code is not good here, or no longer: ask for another one."


class CodeNeeded(Refusal):
    code = b"CODE_NEEDED"
    sentence = "A new name needs a code here, from who runs this server: start with --with-code."


class SignupClosed(Refusal):
    code = b"SIGNUP_CLOSED"
    sentence = "There are no new names here, but for those whom who runs this server has added."


class CodeTaken(Refusal):
    code = b"CODE_TAKEN"
    sentence = "This code is there already: make another one."


class NameKept(Refusal):
    code = b"NAME_KEPT"
    sentence = (
        "The name {name} is kept for somebody who has a code for it: choose another, or show that code."
    )


class Muted(Refusal):
    code = b"MUTED"
    sentence = "You are muted: you hear what is said, and say nothing."


class MutedThere(Refusal):
    code = b"MUTED_THERE"
    sentence = "Your post names a topic in which you are muted."


class DirectOff(Refusal):
    """The user blocks the author, or takes messages from nobody: they are not told which."""

    code = b"DIRECT_OFF"
    sentence = "{to} takes no messages from you."


class NoSuchPost(Refusal):
    """There is no such post, or the user may not read it, or it was taken back."""

    code = b"NO_SUCH_POST"
    sentence = "There is no such post."


class TooManyToday(Refusal):
    code = b"TOO_MANY_TODAY"
    sentence = "You have done this as often today as one may: come back tomorrow."


class SecretChanged(Refusal):
    """Another session of the user has set a new secret: this one has ended, and what it sent is not done."""

    code = b"SECRET_CHANGED"
    sentence = (
        "The secret of {name} was changed elsewhere: log in again with the new one, by --password if it is "
        "one. If that was not you, tell who runs this server."
    )


class TooManyTalks(Refusal):
    code = b"TOO_MANY_TALKS"
    sentence = "On its first day a new name begins three conversations an hour: wait, or answer who writes."


class TooManyRooms(Refusal):
    code = b"TOO_MANY_ROOMS"
    sentence = "You are in 2,000 rooms, as many as one may be in: leave one first."


class NotForGuests(Refusal):
    code = b"NOT_FOR_GUESTS"
    sentence = "Guests talk in topics and with others, and do nothing else: register your name, or log in."


class TooManyGuests(Refusal):
    code = b"TOO_MANY_GUESTS"
    sentence = "There are as many guests here as there may be: register a name, or try again later."


class FullGuest(Refusal):
    code = b"FULL_GUEST"
    sentence = "A guest is in at most 10 topics: leave one first."


class TooManyTopics(Refusal):
    code = b"TOO_MANY_TOPICS"
    sentence = (
        "You have made as many topics today as one may, 100: use those that are there, or come back tomorrow."
    )


class NotYet(Refusal):
    """The draft's kind is above the log's level, or unknown to this program."""

    code = b"NOT_YET"
    sentence = (
        "The cluster does not do this yet: once all of it runs the newer chatnet, its operator says “chatnet "
        "level up”."
    )


class LevelReached(Refusal):
    """The log already has that level; a level only rises."""

    code = b"LEVEL_REACHED"
    sentence = "The log has reached that level already."


class PrimarysOwn(Refusal):
    """A worker sent a kind that no user may append."""

    code = b"PRIMARYS_OWN"
    sentence = "A {kind} is appended by the primary itself, and by no worker."


class Poison(Refusal):
    """Our own code raised on this draft. The draft was logged; nothing else is affected."""

    code = b"POISON"
    sentence = "The server could not store this one; its log says why. Nothing else is affected."


_ALL: list[type[Refusal]] = [Refusal, *Refusal.__subclasses__()]
REFUSALS = {kind.code: kind for kind in _ALL}
"""The refusals by their code, to rebuild them from the wire."""


class CannotStart(SystemExit):
    """A process cannot start, for a reason that the operator can correct; its text is the one sentence.

    It is a :class:`SystemExit`, so that ``twistd -n`` prints the sentence without a traceback and exits with
    status 1, and a daemonizing twistd reports it to the terminal that started it.
    """


class Outgrown(CannotStart):
    """The log holds what this program does not understand, or may hold it from now on.

    A process that meets this stops serving, and ends: if it skipped the entry, it might still deliver to
    somebody whom the entry removed.
    """

    @classmethod
    def at(cls, level: int, own: int) -> Self:
        """Return the error for a log at ``level``, when this program understands ``own``."""
        return cls(LevelTooLow.sentence.format(level=level, own=own))

    @classmethod
    def by(cls, kind: str, own: int) -> Self:
        """Return the error for an entry of ``kind`` in the log, when this program understands ``own``."""
        return cls(
            f"In the log stands a “{legible(kind, 16)}”, which this chatnet, of level {own}, does not "
            "understand: update chatnet on this machine, and start it again."
        )


class EpochLost(Exception):
    """The store's epoch is no longer ours: another process commands. Fatal to the process that meets this."""


class Hole(Exception):
    """A follower got an entry that does not continue its log. It is never skipped; the link restarts."""
