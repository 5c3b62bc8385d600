"""Who may do what, written out by hand: each kind, from everybody, in every kind of room, on every store.

Each cell is asked of the same log: what is taken is not kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

import apsw
import pytest

from chatnet.codes import code_text
from chatnet.cursor import Cursor
from chatnet.entries import Draft, More, Ref
from chatnet.form import check_form
from chatnet.kinds import CLUSTER, KINDS
from chatnet.log import Outcome, Refused
from chatnet.names import Where
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabase
from chatnet.store.sqlite import schema
from chatnet.store.sqlite.writer import Writer
from chatnet.testing.memory_log import MemoryLog
from rigs.postgres import Server

NOW = 1_000_000_000_000
WHO = {
    "O": CLUSTER,
    "o": "osman",
    "m": "moderator1",
    "e": "member",
    "u": "muted",
    "i": "invited",
    "r": "removed",
    "b": "banned",
    "s": "stranger",
    "a": "clusters-admin",
    "M": "moderator2",
}
"""Who asks, by the letter at the head of a column; ``guest`` is the one whom it is about, a member.
The second moderator is muted."""
COLUMNS = "O o m e u i r b s a M"
OTHERS = ("guest", "friend", "barred", "blocker", "quiet", "outside")
"""``quiet`` is an admin, and moderates the rooms, and is muted everywhere; ``outside`` is a moderator of the
cluster, and banned from the topic."""
ROOMS = ("#tea", "&ops")
TAKEN = "."
CODES = {
    ".": TAKEN,
    "-": "",  # no draft: this author makes none of this kind
    "ad": "NOT_ADMIN",
    "aj": "ALREADY_JOINED",
    "ba": "BANNED",
    "bt": "BANNED_THERE",
    "lo": "LAST_OWNER",
    "mo": "NOT_MODERATOR",
    "mt": "MUTED_THERE",
    "mu": "MUTED",
    "bd": "THEY_ARE_BANNED",
    "no": "NO_REASON",
    "nj": "NOT_JOINED",
    "np": "NO_SUCH_POST",
    "nr": "NO_SUCH_ROOM",
    "op": "NOT_OPERATORS",
    "or": "OWN_ROOM",
    "ow": "NOT_OWNER",
    "rt": "ROOM_TAKEN",
    "do": "DIRECT_OFF",
    "xx": "BAD_ROOM",
    "yo": "YOURSELF",
    "us": "NO_SUCH_USER",
    "at": "ALREADY_THERE",
    "nt": "NOT_THERE",
    "re": "OUT_OF_REACH",
}

# kind, room, text or whom it is for, or which post, or ">" and which it answers: then one answer for each of
# COLUMNS.
TABLE = """
            kind      room   about            O  o  m  e  u  i  r  b  s  a  M
            post      #tea   hi               -  .  .  .  mu nj nj ba nj nj mu
            post      &ops   hi               -  .  .  .  mu nr nr nr nr nr mu
            post      @guest hi               -  .  .  .  .  .  .  .  .  .  .
            post      @blocker hi               -  .  .  .  .  .  .  .  .  do .
            post      @noname hi               -  us us us us us us us us us us
            post      own    hi               -  .  .  .  .  .  .  .  .  .  .
            post      own    see-#tea         -  .  .  .  mt .  .  bt .  .  mt
            post      own    >in-#tea         -  .  .  .  .  .  .  .  .  .  .
            post      own    >in-&ops         -  np np np np np np np np np np
            post      own    >between         -  np np np np np np np np np np
            post      #tea   >in-#tea         -  .  .  .  mu nj nj ba nj nj mu
            post      #tea   >names-#tea      -  .  .  .  mu nj nj ba nj nj mu
            post      #tea   >in-&ops         -  np np np mu nj nj ba nj nj mu
            post      #tea   >mine            -  np np np mu nj nj ba nj nj mu
            post      &ops   >in-&ops         -  .  .  .  mu nr nr nr nr nr mu
            post      &ops   >in-#tea         -  np np np mu nr nr nr nr nr mu
            post      @guest >between         -  .  np np np np np np np np np
            post      @guest >in-#tea         -  np np np np np np np np np np
            post      own    >gone            -  np np np np np np np np np np
            post      own    >the-redaction   -  np np np np np np np np np np
            post      own    >0               -  np np np np np np np np np np
            post      #tea   >0               -  np np np np np np np np np np
            post      own    >2**63-1         -  np np np np np np np np np np
            post      own    >2**63           -  np np np np np np np np np np
            post      own    >other-check     -  np np np np np np np np np np
            join      #tea   -                -  aj aj aj aj .  .  ba .  .  aj
            join      &ops   -                -  aj aj aj aj .  nr nr nr nr aj
            join      &none  -                -  nr nr nr nr nr nr nr nr nr nr
            join      own    -                -  or or or or or or or or or or
            join      guest  -                -  .  .  .  .  .  .  .  .  .  .
            join      noname -                -  nr nr nr nr nr nr nr nr nr nr
            leave     #tea   -                -  .  .  .  .  nj nj nj nj nj .
            leave     &ops   -                -  lo .  .  .  nr nr nr nr nr .
            leave     #tea   words            -  .  .  .  mu nj nj nj nj nj mu
            leave     &ops   words            -  lo .  .  mu nr nr nr nr nr mu
            leave     guest  -                -  nj nj nj nj nj nj nj nj nj nj
            create    &ops   all              -  rt rt rt rt rt rt rt rt rt rt
            create    &new   all              -  .  .  .  .  .  .  .  .  .  .
            invite    &ops   friend           -  .  .  mo mu nr nr nr nr nr mu
            invite    &ops   guest            -  at at mo mu nr nr nr nr nr mu
            invite    &ops   noname           -  us us mo mu nr nr nr nr nr mu
            invite    #tea   friend           -  xx xx xx xx xx xx xx xx xx xx
            remove    #tea   guest            -  .  .  mo mu mo mo ba mo .  mu
            remove    #tea   friend           -  nt nt mo mu mo mo ba mo nt mu
            remove    #tea   osman            -  yo re mo mu mo mo ba mo .  mu
            remove    &ops   guest            -  .  .  mo mu nr nr nr nr nr mu
            remove    &ops   osman            -  yo re mo mu nr nr nr nr nr mu
            remove    &ops   invited          -  .  .  mo mu nr nr nr nr nr mu
            describe  #tea   words            -  .  .  mo mu mo mo ba mo .  mu
            describe  &ops   words            -  .  .  mo mu nr nr nr nr nr mu
            describe  own    words            -  .  .  .  .  .  .  .  .  .  .
            role      #tea   guest:owner      .  .  ow ow mu ow ow ba ow .  mu
            role      #tea   banned:owner     bd bd ow ow mu ow ow ba ow bd mu
            role      &ops   guest:owner      op .  ow ow mu nr nr nr nr nr mu
            role      &ops   friend:owner     op nt ow ow mu nr nr nr nr nr mu
            role      &ops   osman:none       op lo ow ow mu nr nr nr nr nr mu
            role      &none  guest:owner      nr nr nr nr nr nr nr nr nr nr nr
            role      -      guest:admin      .  ad ad ad ad ad ad ad ad .  ad
            policy    #tea   keep-9d          .  .  ow ow mu ow ow ba ow .  mu
            policy    &ops   invite-members   nr .  ow ow mu nr nr nr nr nr mu
            policy    -      direct-off       .  ad ad ad ad ad ad ad ad .  ad
            ban       #tea   guest            .  .  .  mo mu mo mo ba mo .  mu
            ban       #tea   osman            .  yo re mo mu mo mo ba mo .  mu
            ban       &ops   guest            .  .  .  mo mu nr nr nr nr nr mu
            ban       &ops   friend           nt nt nt mo mu nr nr nr nr nr mu
            ban       -      guest            .  mo mo mo mo mo mo mo mo .  mo
            mute      #tea   guest            .  .  .  mo mu mo mo ba mo .  mu
            mute      &ops   osman            .  yo re mo mu nr nr nr nr nr mu
            mute      -      noname           us us us us us us us us us us us
            unban     #tea   banned           .  .  .  mo mu mo mo ba mo .  mu
            unban     &ops   banned           .  .  .  mo mu nr nr nr nr nr mu
            unban     -      guest            .  mo mo mo mo mo mo mo mo .  mo
            purge     #tea   guest            .  .  .  mo mu mo mo ba mo .  mu
            purge     &ops   guest            .  .  .  mo mu nr nr nr nr nr mu
            purge     -      guest            .  mo mo mo mo mo mo mo mo .  mo
            forget    -      guest            .  ad ad ad ad ad ad ad ad .  ad
            disable   -      guest            .  ad ad ad ad ad ad ad ad .  ad
            block     own    guest            -  .  .  .  .  .  .  .  .  .  .
            block     own    noname           -  us us us us us us us us us us
            block     own    self             -  yo yo yo yo yo yo yo yo yo yo
            unblock   own    guest            -  .  .  .  .  .  .  .  .  .  .
            redact    own    in-#tea          .  .  .  mo mo mo mo mo mo .  mo
            redact    own    in-&ops          .  .  .  mo mo np np np np np mo
            redact    own    between          .  mo np np np np np np np np np
            redact    own    mine             .  mo mo mo mo mo mo mo mo .  mo
            redact    own    in-#tea:words    .  .  .  mo mo mo mo mo mo .  mo
            redact    own    theirs:words     -  .  .  no no no no no no .  no
            redact    own    names-#tea       .  .  .  mo mo mo mo mo mo .  mo
            redact    own    gone             np np np np np np np np np np np
            redact    own    the-redaction    np np np np np np np np np np np
            redact    own    0                np np np np np np np np np np np
            redact    own    2**63-1          np np np np np np np np np np np
            redact    own    2**63            np np np np np np np np np np np
            redact    own    other-check      np np np np np np np np np np np
            report    own    in-#tea          -  .  .  .  .  .  .  .  .  .  .
            report    own    in-&ops          -  .  .  .  .  np np np np np .
            report    own    between          -  .  np np np np np np np np np
            report    own    gone             -  np np np np np np np np np np
            report    own    0                -  np np np np np np np np np np
            report    own    2**63            -  np np np np np np np np np np
"""


class Row(NamedTuple):
    kind: str
    room: str
    about: str
    answers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.room} {self.about}"


def rows() -> Iterator[Row]:
    head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    assert head == ["kind", "room", "about", *COLUMNS.split()]
    for kind, room, about, *answers in lines:
        assert len(answers) == len(WHO), (kind, room, about)
        yield Row(kind, room, about, tuple(CODES[answer] for answer in answers))


Ask = Callable[[Draft], Outcome]
"""Returns what a log answers to a draft, and keeps nothing of it."""
numbers = iter(range(1, 1 << 40))


def key() -> bytes:
    return next(numbers).to_bytes(16, "big")


def order(kind: str, user: str, room: str, to: str = "", text: str = "") -> Draft:
    return Draft(kind, user, room, text, key(), 0, More(to=to) if to else None)


def history() -> list[Draft]:
    """Return what has happened before the table is asked; only :data:`POSTS` are said."""
    users = [*(name for name in WHO.values() if name != CLUSTER), *OTHERS]
    drafts = [Draft("register", user, user, f"sha256:{user}", key()) for user in users]
    drafts += [
        order("role", CLUSTER, "", "clusters-admin", "admin"),
        order("create", "osman", "&ops", text="all"),
        order("join", "osman", "#tea"),
        order("role", CLUSTER, "#tea", "osman", "owner"),
        order("block", "blocker", "blocker", "clusters-admin"),
    ]
    for user in ("moderator1", "moderator2", "member", "muted", "removed", "banned", "guest"):
        drafts += [order("invite", "osman", "&ops", user), order("join", user, "&ops")]
        drafts.append(order("join", user, "#tea"))
    drafts.append(order("invite", "osman", "&ops", "invited"))
    drafts += [
        order("role", CLUSTER, "", "quiet", "admin"),
        order("role", CLUSTER, "", "outside", "moderator"),
        order("invite", "osman", "&ops", "quiet"),
        order("join", "quiet", "&ops"),
        order("join", "quiet", "#tea"),
        *(order("role", "osman", room, "quiet", "moderator") for room in ROOMS),
    ]
    for room in ROOMS:
        drafts += [
            order("role", "osman", room, "moderator1", "moderator"),
            order("role", "osman", room, "moderator2", "moderator"),
            order("mute", "osman", room, "moderator2"),
            order("mute", "osman", room, "muted"),
            order("remove", "osman", room, "removed"),
            order("ban", "osman", room, "banned"),
        ]
    return drafts


POSTS = {
    "in-#tea": ("#tea", "hi"),
    "in-&ops": ("&ops", "hi"),
    "between": ("guest=osman", "hi"),
    "mine": ("guest", "hi"),
    "names-#tea": ("guest", "see #tea"),
    "gone": ("#tea", "gone"),
}
"""Where guest said what; the last is taken back then, and ``barred`` is banned from the cluster."""


class Log:
    """A log in which all that has happened. ``take`` keeps a draft, ``ask`` does not."""

    def __init__(
        self,
        take: Callable[[Draft], Outcome],
        ask: Ask,
        log_id: str,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.ask, self.close = ask, close
        self._log_id = log_id
        self._refs: dict[str, Ref] = {}
        for draft in history():
            assert isinstance(take(draft), int), draft
        for name, (room, text) in POSTS.items():
            self._note(name, take, Draft("post", "guest", room, text, key()))
        for user in (*WHO.values(), *OTHERS):
            if user != CLUSTER:
                self._note(
                    user,
                    take,
                    Draft("post", user, user, "see #tea" if user in ("osman", "moderator1") else "hi", key()),
                )
        gone = More(ref=self._refs["gone"])
        self._note("the-redaction", take, Draft("redact", "guest", "guest", "", key(), 0, gone))
        assert isinstance(take(order("ban", CLUSTER, "", "barred")), int)
        assert isinstance(take(order("mute", CLUSTER, "", "quiet")), int)
        assert isinstance(take(order("ban", "osman", "#tea", "outside")), int)
        check = self._refs["mine"].check
        odd = {"0": 0, "2**63-1": (1 << 63) - 1, "2**63": 1 << 63, "other-check": self._refs["in-#tea"].seq}
        self._refs |= {name: Ref(seq, check) for name, seq in odd.items()}

    def _note(self, name: str, take: Callable[[Draft], Outcome], draft: Draft) -> None:
        seq = take(draft)
        assert isinstance(seq, int), (draft, seq)
        cursor = Cursor.of_row(self._log_id, seq, draft.user, draft.key)
        assert cursor is not None
        self._refs[name] = Ref(seq, cursor.check)

    def draft(self, row: Row, user: str) -> Draft:
        """Return the draft of a cell."""
        kind, about = KINDS[row.kind], row.about
        room = {"own": user, "-": ""}.get(row.room, row.room)
        if room[:1] == "@":
            room = "=".join(sorted((user, room[1:])))
        text, more = "", None
        if about[0] == ">":
            text, more = "hi", More(ref=self._refs[about[1:]])
        elif kind.has_ref:
            about, _, text = about.partition(":")
            more = More(ref=self._refs[user if about == "theirs" else about])
        elif kind.has_to:
            to, _, text = about.partition(":")
            more = More(to=user if to == "self" else to)
        elif about != "-":
            text = about if row.kind in ("create", "describe", "leave") else about.replace("-", " ", 1)
        return Draft(row.kind, user, room, text, key(), 0, more)

    def ref(self, name: str) -> Ref:
        """Return what refers to the post of this name, or of this user."""
        return self._refs[name]

    def code(self, draft: Draft) -> str:
        outcome = self.ask(draft)
        return outcome.code.decode() if isinstance(outcome, Refused) else TAKEN


def in_memory(_: Callable[[], str]) -> Log:
    log = MemoryLog(clock=lambda: NOW / 1000)

    def outcome(of: MemoryLog, draft: Draft) -> Outcome:
        found: list[list[Outcome]] = []
        of.append([draft]).addCallback(found.append)
        return found[0][0]

    return Log(
        lambda draft: outcome(log, draft), lambda draft: outcome(copy.deepcopy(log), draft), log.log_id
    )


def in_sqlite(_: Callable[[], str]) -> Log:
    connection = apsw.Connection(":memory:")
    schema.migrate(connection, "sqlite")
    schema.take_epoch(connection)
    writer = Writer(connection, 1)
    kept = [b""]

    def take(draft: Draft) -> Outcome:
        found = writer.commit([draft], NOW).outcomes[0]
        kept[0] = b""
        return found

    def ask(draft: Draft) -> Outcome:
        kept[0] = kept[0] or connection.serialize("main")
        other = apsw.Connection(":memory:")
        other.deserialize("main", kept[0])
        return Writer(other, 1).commit([draft], NOW).outcomes[0]

    return Log(take, ask, "sqlite")


def in_postgres(fresh: Callable[[], str]) -> Log:
    connection = connect(fresh())
    database = PostgresDatabase(connection)
    database.open("postgres")

    def take(draft: Draft) -> Outcome:
        return database.append([draft], NOW)[0][0]

    def ask(draft: Draft) -> Outcome:
        connection.execute("BEGIN")
        try:
            return take(draft)
        finally:
            connection.execute("ROLLBACK")

    return Log(take, ask, "postgres", database.close)


@pytest.fixture(scope="module", params=[in_memory, in_sqlite, in_postgres])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    make: Callable[[Callable[[], str]], Log] = request.param

    def fresh() -> str:
        server: Server = request.getfixturevalue("postgres")
        return server.fresh()

    made = make(fresh)
    yield made
    made.close()


@pytest.mark.parametrize("row", list(rows()), ids=str)
def test_each_is_answered_as_it_is_written(log: Log, row: Row) -> None:
    """By whomever: owner, moderator, member, muted, invited, removed, banned, stranger, admin, operator."""
    told = {}
    for letter, user, expected in zip(COLUMNS.split(), WHO.values(), row.answers, strict=True):
        if expected:
            told[letter] = log.code(log.draft(row, user)), expected
    assert {letter: said for letter, (said, _) in told.items()} == {
        letter: expected for letter, (_, expected) in told.items()
    }


def test_who_is_banned_from_the_cluster_does_nothing(log: Log) -> None:
    """Whatever they ask, wherever."""
    for row in rows():
        draft = log.draft(row, "barred")
        refers_to_none = row.about.lstrip(">") in ("0", "2**63")
        is_of_no_log = refers_to_none or "xx" in row.answers or "BAD_ROOM" in row.answers
        assert is_of_no_log or log.code(draft) == "BARRED", row


MAY_BE_DONE_QUIETLY = {"join", "leave", "block", "unblock", "report"}


def test_who_is_muted_everywhere_gives_no_orders(log: Log) -> None:
    """Not even an admin, of whatever kind, wherever they moderate; but they see to themselves."""
    asked = 0
    for row in rows():
        told = log.code(log.draft(row, "quiet"))
        if row.kind in MAY_BE_DONE_QUIETLY and row.about != "words":
            assert told != "MUTED", row
        elif told not in ("NO_SUCH_POST", "NO_SUCH_ROOM", "BAD_ROOM", "NO_SUCH_USER"):
            assert told == ("." if row.kind == "redact" and row.about == "theirs" else "MUTED"), row
            asked += row.kind != "post"
    assert asked > 40
    for kind, room, text, more in (
        ("code", "&ops", code_text("1" * 64, 1), More(until=1 << 60)),
        ("code", "", code_text("2" * 64, 1), More(until=1 << 60)),
        ("revoke", "quiet", "1", More(to="guest")),
        ("enable", "", "", More(to="guest")),
    ):
        assert log.code(Draft(kind, "quiet", room, text, key(), 0, more)) == "MUTED", kind
    for kind, text, to in (
        ("code", code_text("4" * 64, 1), "quiet"),
        ("revoke", "1", "quiet"),
        ("secret", "sha256:new", ""),
        ("forget", "", "quiet"),
    ):
        told = log.code(order(kind, "quiet", "quiet", to, text))
        assert told in (TAKEN, "NO_SUCH_SESSION"), kind
    own = More(ref=log.ref("quiet"))
    assert log.code(Draft("redact", "quiet", "quiet", "", key(), 0, own)) == TAKEN


def test_a_muted_moderator_makes_no_code_for_the_room(log: Log) -> None:
    """Nor can the muted be told from others by who is not in it."""
    for user, expected in (("moderator2", "MUTED"), ("stranger", "NO_SUCH_ROOM"), ("banned", "NO_SUCH_ROOM")):
        draft = Draft("code", user, "&ops", code_text("1" * 64, 1), key(), 0, More(until=1 << 60))
        assert log.code(draft) == expected


def test_who_is_banned_from_a_topic_moderates_nothing_in_it(log: Log) -> None:
    """By a role in the cluster, either; elsewhere they do."""
    for name, expected in (("in-#tea", "NOT_MODERATOR"), ("names-#tea", "NOT_MODERATOR"), ("mine", TAKEN)):
        draft = Draft("redact", "outside", "outside", "", key(), 0, More(ref=log.ref(name)))
        assert log.code(draft) == expected, name


def test_to_a_stranger_a_private_room_is_as_none(log: Log) -> None:
    """Every kind that can be in one, but the making of it; in the same words."""
    asked = [row for row in rows() if row.room == "&ops" and row.kind != "create"]
    assert {row.kind for row in asked} == {
        kind.name
        for kind in KINDS.values()
        if Where.PRIVATE in kind.rooms or kind.is_said
        if not (kind.is_the_clusters or kind.name in ("create", "code"))
    }
    for row in asked:
        for user in ("stranger", "banned", "removed", "clusters-admin"):
            here, nowhere = (log.ask(log.draft(row._replace(room=room), user)) for room in ("&ops", "&none"))
            assert isinstance(here, Refused)
            assert isinstance(nowhere, Refused)
            assert here.code == nowhere.code == b"NO_SUCH_ROOM"
            assert here.sentence.replace("&ops", "&none") == nowhere.sentence


def test_nobody_is_the_cluster(log: Log) -> None:
    """Nor is anything about it: the name is no user's."""
    for row in rows():
        if KINDS[row.kind].has_to:
            of_chatnet = row._replace(about=CLUSTER + row.about[row.about.find(":") :] * (":" in row.about))
            assert log.code(log.draft(of_chatnet, "osman")) == "BAD_NAME" or row.room == "#tea"
        if not KINDS[row.kind].may_be_the_clusters:
            with pytest.raises(ValueError, match=rf"The cluster itself appends no {row.kind}"):
                check_form(log.draft(row, CLUSTER))


def test_a_room_is_made_once(log: Log) -> None:
    """Left and made again it is taken, also under another spelling; a look-alike is another room."""
    for room, code in (("&ops", "ROOM_TAKEN"), ("&OPS", "BAD_ROOM"), ("&о\u0440s", TAKEN), ("&ops2", TAKEN)):
        assert log.code(Draft("create", "stranger", room, "all", key())) == code
