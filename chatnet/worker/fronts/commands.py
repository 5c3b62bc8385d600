"""What a logged-in user may say, in any protocol: the commands that all fronts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from twisted.internet.defer import Deferred

from chatnet.codes import MOST_UNTIL, MOST_USES, RECOVERIES, code_text, is_recovery_text, recovery_text
from chatnet.cursor import Cursor
from chatnet.entries import Entry, More, Ref
from chatnet.errors import BadRequest, BadText
from chatnet.kinds import KindName
from chatnet.names import fold_user
from chatnet.net.locator import Locator
from chatnet.wire import encode
from chatnet.wire import session as wire
from chatnet.wire.table import Speaker
from chatnet.worker.session import Session
from chatnet.worker.session_drafts import StayChanged
from chatnet.worker.session_secret import SecretSet


class UserCommands(Locator):
    """The commands of a logged-in user, over ``session``; each answers with its results by their names.

    A front of AMP is one, with its link. Another front has one for each session, without a link, and calls
    what :meth:`~chatnet.net.locator.Locator.responder` finds.
    """

    speaker = Speaker.USER
    hint = "you are logged in, and docs/protocol.md names the commands"

    session: Session

    @wire.Post.responder
    def post(
        self,
        key: bytes,
        text: str,
        room: str | None,
        ref: int | None,
        check: bytes | None,
        form: str | None,
    ) -> Deferred[dict[str, Any]]:
        return self.session.drafts.post(key, text, room, _beyond(ref, check, form)).addCallback(_seq)

    @wire.Join.responder
    def join(self, key: bytes, room: str) -> Deferred[dict[str, Any]]:
        return self.session.drafts.join(key, room).addCallback(_stay_changed)

    @wire.Leave.responder
    def leave(self, key: bytes, room: str) -> Deferred[dict[str, Any]]:
        return self.session.drafts.leave(key, room).addCallback(_stay_changed)

    @wire.Create.responder
    def create(self, key: bytes, room: str, history: str) -> Deferred[dict[str, Any]]:
        return self.session.drafts.create(key, room, history).addCallback(_stay_changed)

    @wire.Invite.responder
    def invite(self, key: bytes, room: str, to: str) -> Deferred[dict[str, Any]]:
        return self._order(key, "invite", room, to)

    @wire.Remove.responder
    def remove(self, key: bytes, room: str, to: str, reason: str | None) -> Deferred[dict[str, Any]]:
        return self._order(key, "remove", room, to, reason)

    @wire.Describe.responder
    def describe(self, key: bytes, room: str, text: str) -> Deferred[dict[str, Any]]:
        return self.session.drafts.order(key, "describe", room, text).addCallback(_seq)

    @wire.SetRole.responder
    def set_role(self, key: bytes, room: str | None, to: str, role: str) -> Deferred[dict[str, Any]]:
        return self._order(key, "role", room or "", to, role)

    @wire.Ban.responder
    def ban(
        self, key: bytes, room: str | None, to: str, until: int | None, mute: bool, reason: str | None
    ) -> Deferred[dict[str, Any]]:
        return self._order(key, "mute" if mute else "ban", room or "", to, reason, until or 0)

    @wire.Unban.responder
    def unban(self, key: bytes, room: str | None, to: str, reason: str | None) -> Deferred[dict[str, Any]]:
        return self._order(key, "unban", room or "", to, reason)

    @wire.SetPolicy.responder
    def set_policy(self, key: bytes, room: str | None, name: str, value: str) -> Deferred[dict[str, Any]]:
        return self.session.drafts.order(key, "policy", room or "", f"{name} {value}").addCallback(_seq)

    @wire.Block.responder
    def block(self, key: bytes, to: str) -> Deferred[dict[str, Any]]:
        return self._order(key, "block", None, to)

    @wire.Unblock.responder
    def unblock(self, key: bytes, to: str) -> Deferred[dict[str, Any]]:
        return self._order(key, "unblock", None, to)

    @wire.Redact.responder
    def redact(self, key: bytes, seq: int, check: bytes, reason: str | None) -> Deferred[dict[str, Any]]:
        return self._about(key, "redact", Ref(seq, check), reason)

    @wire.Purge.responder
    def purge(self, key: bytes, room: str | None, to: str, reason: str | None) -> Deferred[dict[str, Any]]:
        return self._order(key, "purge", room or "", to, reason)

    @wire.Forget.responder
    def forget(self, key: bytes, secret: bytes) -> Deferred[dict[str, Any]]:
        return self.session.secret.forget(key, secret).addCallback(lambda _: {})

    @wire.ReportPost.responder
    def report(self, key: bytes, seq: int, check: bytes, reason: str | None) -> Deferred[dict[str, Any]]:
        return self._about(key, "report", Ref(seq, check), reason)

    @wire.WhoIs.responder
    async def who_is(self, name: str) -> dict[str, Any]:
        found = await self.session.reads.who_is(name)
        told = {"since": found.since, "role": found.role, "blocked": found.is_blocked}
        return {**told, "rooms": found.rooms, "more": found.more}

    @wire.Invitations.responder
    async def invitations(self, after: str) -> dict[str, Any]:
        page = await self.session.reads.invitations(after)
        return {"invitations": page.invitations, "more": page.more}

    @wire.Reported.responder
    async def reported(self, seq: int) -> dict[str, Any]:
        return {"post": encode.for_clients(await self.session.reads.reported(seq))}

    def _about(self, key: bytes, kind: KindName, post: Ref, reason: str | None) -> Deferred[dict[str, Any]]:
        return self.session.drafts.order(key, kind, None, reason or "", More(ref=post)).addCallback(_seq)

    def _order(
        self, key: bytes, kind: KindName, room: str | None, to: str, text: str | None = None, until: int = 0
    ) -> Deferred[dict[str, Any]]:
        more = More(to=fold_user(to), until=until)
        return self.session.drafts.order(key, kind, room, text or "", more).addCallback(_seq)

    @wire.SetSecret.responder
    def set_secret(self, key: bytes, old: bytes, secret: bytes) -> Deferred[dict[str, Any]]:
        return self.session.secret.set(key, old, secret).addCallback(_secret_set)

    @wire.Sessions.responder
    async def sessions(self) -> dict[str, Any]:
        found = await self.session.reads.devices()
        return {
            "sessions": [
                wire.OneSession(
                    *(one.device.seq, one.device.label, one.device.scope, one.since, one.used),
                    one.device.seq == self.session.by,
                )
                for one in found
            ]
        }

    @wire.Revoke.responder
    def revoke(self, key: bytes, id: int, to: str | None) -> dict[str, Any] | Deferred[dict[str, Any]]:
        return self._order(key, "revoke", None, to or self.session.user, str(id))

    @wire.Pair.responder
    def pair(self, key: bytes, code: bytes, secret: bytes) -> Deferred[dict[str, Any]]:
        return self.session.secret.pair(key, code_text(code.hex(), 1), secret).addCallback(_seq)

    @wire.Recovery.responder
    def recovery(self, key: bytes, codes: bytes, secret: bytes) -> Deferred[dict[str, Any]]:
        size = wire.HASH_BYTES
        kept = [codes[start : start + size].hex() for start in range(0, len(codes), size)]
        text = recovery_text(kept)
        if not is_recovery_text(text):
            raise BadText.of(why=f"There are {RECOVERIES} recovery codes, no two of them the same.")
        return self.session.secret.recovery(key, text, secret).addCallback(_seq)

    @wire.MakeCode.responder
    def make_code(
        self, key: bytes, code: bytes, uses: int, until: int, room: str | None
    ) -> Deferred[dict[str, Any]]:
        if not (0 < uses <= MOST_USES and 0 < until <= MOST_UNTIL):
            raise BadText.of(why=f"A code is for 1 to {MOST_USES:,} uses, and until some time.")
        text = code_text(code.hex(), uses)
        return self.session.drafts.order(key, "code", room or "", text, More(until=until)).addCallback(_seq)

    @wire.List.responder
    async def list_rooms(self, prefix: str, after: str, mine: bool | None) -> dict[str, Any]:
        reads = self.session.reads
        found = await (reads.own_rooms if mine else reads.rooms)(prefix, after)
        return {"rooms": found.names, "joined": found.joined, "more": found.more}

    @wire.History.responder
    async def history(self, room: str, before: int | None) -> dict[str, Any]:
        return {"posts": _shown(await self.session.reads.history(room, before))}

    @wire.Earlier.responder
    async def earlier(self, before: int | None) -> dict[str, Any]:
        return {"posts": _shown(await self.session.reads.earlier(before))}

    @wire.Members.responder
    async def members(self, room: str, after: str) -> dict[str, Any]:
        page = await self.session.reads.members(room, after)
        return {"members": page.members, "more": page.more, "about": page.about}

    @wire.Policies.responder
    async def policies(self, room: str | None) -> dict[str, Any]:
        return {"policies": await self.session.reads.policies(room)}

    @wire.Conversations.responder
    async def conversations(self, after: str) -> dict[str, Any]:
        page = await self.session.reads.conversations(after)
        return {"conversations": page.talks, "more": page.more}

    @wire.Mark.responder
    async def mark(self, room: str, seq: int) -> dict[str, Any]:
        await self.session.marks.mark(room, seq)
        return {}

    @wire.Marks.responder
    async def marks(self, after: str) -> dict[str, Any]:
        found = await self.session.marks.page(after)
        return {"marks": found.marks, "more": found.more}

    @wire.Unread.responder
    async def unread(self, after: str) -> dict[str, Any]:
        found = await self.session.marks.unread(after)
        return {"rooms": found.rooms, "more": found.more, "since": found.since or None}

    @wire.Chat.responder
    async def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
        begun = await self.session.chat(Cursor.received(cursor, check))
        return {"posts": _shown(begun.posts), "cursor": begun.cursor.seq, "check": begun.cursor.check}

    @wire.Unchat.responder
    def unchat(self) -> dict[str, Any]:
        self.session.unchat()
        return {}


def _shown(posts: Sequence[Entry]) -> list[Entry]:
    return [encode.for_clients(post) for post in posts]


def _beyond(ref: int | None, check: bytes | None, form: str | None) -> More | None:
    """Return what a post has beyond its text.

    :raises BadRequest: that is no form, or no reference.
    """
    if ref is None and check is None and form is None:
        return None  # as of most
    if (ref is None) != (check is None):
        raise BadRequest.of(why="a reference is a seq and its check, both or none.")
    target = None if ref is None or check is None else Ref(ref, check)
    match form:
        case None:
            return None if target is None else More(ref=target)
        case "notice" | "action":
            return More(ref=target, form=form)
    raise BadRequest.of(why="the form of a post is notice or action.")


def scope_of(scope: str | None) -> Literal["post", "read", ""]:
    """Return what a new session may do.

    :raises BadRequest: there is no such scope.
    """
    match scope:
        case None | "all":
            return ""
        case "post" | "read":
            return scope
    raise BadRequest.of(why="the scope of a session is all, post or read.")


def _seq(seq: int) -> dict[str, Any]:
    return {"seq": seq}


def _stay_changed(change: StayChanged) -> dict[str, Any]:
    return {"seq": change.seq, "room": change.room}


def _secret_set(done: SecretSet) -> dict[str, Any]:
    return {"ticket": done.ticket, "seq": done.seq}
