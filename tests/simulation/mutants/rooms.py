"""Bugs of private rooms, conversations, blocks, and of taking back: who is given what they may not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw
from simulation.mutants.planting import Put

from chatnet import entries, rules
from chatnet.entries import Draft, Entry
from chatnet.errors import NotJoined, Refusal
from chatnet.names import Where, is_private, is_talk, named, sides
from chatnet.reads import History, Members
from chatnet.stays import Change
from chatnet.store.pages import OPEN
from chatnet.store.sqlite import facts, writer
from chatnet.store.sqlite import log as sqlite_log
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.blanking import Covered
from chatnet.store.sqlite.facts import SqliteFacts
from chatnet.store.sqlite.reads import SqliteTables
from chatnet.store.sqlite.writer import Writer
from chatnet.store.window import Window
from chatnet.worker import router

Asked = tuple[tuple[tuple[str, bool], ...], type[Refusal]]
"""The facts of a case, which must hold or not, and its error."""
_CHECK = "chatnet_check(e.seq, e.user, e.key)"


def who_is_removed_still_hears(put: Put) -> None:
    """Who is removed while they chat goes on hearing the room: the router looks at who did it."""

    def changes(entry: Entry) -> tuple[Change, ...]:
        return tuple(change for change in real(entry) if change.begins or change.user == entry.user)

    real: Callable[[Entry], tuple[Change, ...]] = put(router, "changes", changes)


def who_is_removed_hears_when_they_resume(put: Put) -> None:
    """Who goes on reading where they were is given all of a private room that they are no longer in."""

    def stays(tables: SqliteTables, user: str, after: int, upto: int) -> list[tuple[str, int, int]]:
        found = real(tables, user, after, upto)
        return [(room, joined, OPEN if is_private(room) else left) for room, joined, left in found]

    real: Callable[..., list[tuple[str, int, int]]] = put(sqlite_reads, "_stays", stays)


def history_from_before_the_stay(put: Put) -> None:
    """Newcomers read all of a private room that shows them what is said from when they joined."""
    put(sqlite_reads, "_shown_from", lambda tables, room, joined: 0)


def an_error_tells_of_a_private_room(put: Put) -> None:
    """Who posts in a private room without being in it is told that they have not joined it."""

    def asked(kind: str, room: Where, *known: bool) -> tuple[Asked, ...]:
        found = real(kind, room, *known)
        is_post = (kind, room) == ("post", Where.PRIVATE)
        return tuple((facts, NotJoined if is_post else error) for facts, error in found)

    real: Callable[..., tuple[Asked, ...]] = put(rules, "_asked", asked)


def mentions_in_private_rooms_are_heard(put: Put) -> None:
    """Whom somebody mentions in a private room hears it, wherever they are."""

    def places(user: str, room: str, text: str) -> tuple[str, ...]:
        if room[0] != "&":
            return real(user, room, text)
        return (room, *(place for place in named(text) if place[0] == "@"))

    real: Callable[..., tuple[str, ...]] = put(entries, "places", places)


def mentions_by_a_blocked_author_are_heard(put: Put) -> None:
    """Who blocks somebody is given what they say with a mention."""

    def settled(draft: Draft, target: Entry | None, blocks: object, *more: object) -> tuple[str, ...]:
        return real(draft, target, lambda user: False, *more)

    real: Callable[..., tuple[str, ...]] = put(writer, "settled", settled)


def an_invitation_is_used_twice(put: Put) -> None:
    """Who was removed from a private room joins it again by the invitation of the first time."""
    kept = {
        kind: tuple(_without(sql, "invited = 0") for sql in writer.FOLLOWS[kind]) for kind in writer.FOLLOWS
    }
    put(writer, "FOLLOWS", kept)


def _without(sql: str, what: str) -> str:
    return sql.replace(f", {what}", "").replace(f"SET {what}", "SET role = role")


def a_private_rooms_name_is_used_again(put: Put) -> None:
    """Who makes a private room whose name is in use owns that one."""
    _never_refused(put, "create")
    made = tuple(
        sql.replace("INSERT INTO private", "REPLACE INTO private") for sql in writer.FOLLOWS["create"]
    )
    put(writer, "FOLLOWS", {**writer.FOLLOWS, "create": made})


def whoever_knows_its_name_reads_a_conversation(put: Put) -> None:
    """The history of a conversation is for all who ask for it by its two names."""

    def readable(tables: SqliteTables, asked: History | Members) -> int:
        return 0 if is_talk(asked.room) else real(tables, asked)

    real: Callable[..., int] = put(sqlite_reads, "_readable", readable)


def a_conversation_is_heard_by_a_third(put: Put) -> None:
    """A worker remembers who hears the conversations of somebody, and forgets with whom they talk."""
    known: dict[str, tuple[str, ...]] = {}

    def ears_of(place: str) -> tuple[str, ...]:
        return known.setdefault(sides(place)[0], real(place)) if is_talk(place) else real(place)

    real: Callable[[str], tuple[str, ...]] = put(router, "ears_of", ears_of)


def a_check_is_not_looked_at(put: Put) -> None:
    """Somebody takes back the post with the seq that they name, though they mean another one."""
    put(facts, "HOLDS", {fact: sql.replace(_CHECK, ":ref_check") for fact, sql in facts.HOLDS.items()})


def what_was_taken_back_keeps_its_text(put: Put) -> None:
    """The store tells that a post was taken back, and goes on giving its text."""
    put(Writer, "_blank", lambda self, entry: None)


def anybody_takes_back_what_others_said(put: Put) -> None:
    """Nobody asks whose post it is that somebody takes back."""
    _never_refused(put, "redact")


def windows_keep_what_was_taken_back(put: Put) -> None:
    """A redaction passes the windows of the workers, and the post in them keeps its text."""

    def take_back(self: Window, redactions: Sequence[Entry]) -> None:
        real(self, [entry for entry in redactions if entry.kind != "redact"])

    real: Callable[..., None] = put(Window, "_take_back", take_back)


def windows_keep_what_a_forgotten_user_said(put: Put) -> None:
    """Who is forgotten is still read in the windows of those who followed the log before."""
    put(Window, "blank", lambda self, blankings: None)


def a_purge_in_a_topic_is_told_there_alone(put: Put) -> None:
    """Who has heard the posts elsewhere, as a follower of their author, keeps them on the screen."""

    def heard_at(entry: Entry) -> tuple[str, ...]:
        where = real(entry)
        if entry.kind != "purge" or entry.room[:1] != "#":
            return where
        return tuple(entry.room if place == entries.ALL else place for place in where)

    real: Callable[[Entry], tuple[str, ...]] = put(router, "heard_at", heard_at)


def overwriting_goes_on_too_far(put: Put) -> None:
    """What a step did not come to is taken for done: the next one begins a few entries behind it."""

    def find(connection: apsw.Connection) -> Covered | None:
        found = real(connection)
        return None if found is None else found._replace(entries=found.entries[3:])

    real: Callable[..., Covered | None] = put(sqlite_log, "find", find)


def who_is_muted_speaks(put: Put) -> None:
    """A moderator mutes somebody, who goes on speaking."""

    def holds(self: SqliteFacts, fact: str, *asked: Any) -> bool:
        return fact != "muted" and real(self, fact, *asked)

    real: Callable[..., bool] = put(SqliteFacts, "holds", holds)


def a_policy_is_not_followed(put: Put) -> None:
    """The admin decides that there are no conversations, and nobody looks at that."""

    def holds(self: SqliteFacts, fact: str, *asked: Any) -> bool:
        return fact != "direct_off" and real(self, fact, *asked)

    real: Callable[..., bool] = put(SqliteFacts, "holds", holds)


def whoever_is_told_of_a_policy_decides(put: Put) -> None:
    """Any member sets the policies of a private room."""
    _never_refused(put, "policy")


def a_report_is_heard_by_who_is_no_moderator(put: Put) -> None:
    """All members of a room hear who reports what is said there."""

    def settled(draft: Draft, *of: Any) -> tuple[str, ...]:
        found = real(draft, *of)
        is_report = draft.kind == "report"
        return tuple(place.removeprefix("!mods") or place for place in found) if is_report else found

    real: Callable[..., tuple[str, ...]] = put(writer, "settled", settled)


def anybody_reports_what_they_may_not_read(put: Put) -> None:
    """Nobody asks whether somebody may read the post that they report."""
    _never_refused(put, "report")


def invitations_of_others_are_listed(put: Put) -> None:
    """Who asks for their invitations is told of those of others as well."""
    put(sqlite_reads, "INVITATIONS", sqlite_reads.INVITATIONS.replace("i.user = ?", "i.user <> ?"))


def operators_name_owners_where_there_are_some(put: Put) -> None:
    """Who has the token makes anybody an owner of a private room that has one."""

    def holds(self: SqliteFacts, fact: str, *asked: Any) -> bool:
        return fact != "owner_there" and real(self, fact, *asked)

    real: Callable[..., bool] = put(SqliteFacts, "holds", holds)


def _never_refused(put: Put, which: str) -> None:
    """Ask nothing about drafts of the kind ``which``."""
    real: Callable[..., tuple[Asked, ...]] = put(
        rules, "_asked", lambda kind, *known: () if kind == which else real(kind, *known)
    )


MUTANTS = (
    who_is_removed_still_hears,
    who_is_removed_hears_when_they_resume,
    history_from_before_the_stay,
    an_error_tells_of_a_private_room,
    mentions_in_private_rooms_are_heard,
    mentions_by_a_blocked_author_are_heard,
    an_invitation_is_used_twice,
    a_private_rooms_name_is_used_again,
    whoever_knows_its_name_reads_a_conversation,
    a_conversation_is_heard_by_a_third,
    a_check_is_not_looked_at,
    what_was_taken_back_keeps_its_text,
    anybody_takes_back_what_others_said,
    windows_keep_what_was_taken_back,
    windows_keep_what_a_forgotten_user_said,
    a_purge_in_a_topic_is_told_there_alone,
    overwriting_goes_on_too_far,
    who_is_muted_speaks,
    a_policy_is_not_followed,
    whoever_is_told_of_a_policy_decides,
    a_report_is_heard_by_who_is_no_moderator,
    anybody_reports_what_they_may_not_read,
    invitations_of_others_are_listed,
    operators_name_owners_where_there_are_some,
)
