"""Orders of the operator's: what one types, and what the log says of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.python import usage

from chatnet.codes import kept
from chatnet.command_lines import ChatCommand
from chatnet.errors import CannotStart, NameTaken, NotAllowed, OutOfReach
from chatnet.net.link import Link
from chatnet.operator.options import Options
from chatnet.operator.orders import (
    ACCOUNTS,
    ACTIONS,
    CODES,
    Coded,
    Listed,
    Wanted,
    give,
    make_code,
    policies,
)
from chatnet.operator.users import Listing
from chatnet.reads import UserFacts, UserPage
from chatnet.wire.operate import ListUsers, Page, RoomPolicies, Status


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("admin bob", Wanted("role", "", "bob", "admin")),
        ("role bob none", Wanted("role", "", "bob", "none")),
        ("role bob owner #tea", Wanted("role", "#tea", "bob", "owner")),
        ("user ban bob", Wanted("ban", "", "bob", "")),
        ("user mute bob #tea --for 12h", Wanted("mute", "#tea", "bob", "", 43_200)),
        ("user unban bob", Wanted("unban", "", "bob", "")),
        ("policy", Listed("")),
        ("policy #tea", Listed("#tea")),
        ("policy direct staff", Wanted("policy", "", "", "direct staff")),
        ("policy keep for ever", Wanted("policy", "", "", "keep for ever")),
        ("policy keep for ever #tea", Wanted("policy", "#tea", "", "keep for ever")),
        ("policy keep 90d #tea", Wanted("policy", "#tea", "", "keep 90d")),
        ("user forget bob --yes", Wanted("forget", "", "bob", "")),
        ("purge #tea bob --reason spam", Wanted("purge", "#tea", "bob", "spam")),
        ("signup", Listed("", "signup")),
        ("signup closed", Wanted("policy", "", "", "signup closed")),
        ("user disable bob --reason left", Wanted("disable", "", "bob", "left")),
        ("user enable bob", Wanted("enable", "", "bob", "")),
        ("user add bob", Coded("bob")),
        ("user reset bob", Coded("bob", resets=True)),
        ("user ban ~Bob #tea", Wanted("ban", "#tea", "~bob", "")),
        ("purge #tea ~bob", Wanted("purge", "#tea", "~bob", "")),
        ("user list", Listing()),
        ("user --json list --matching al", Listing("al", True)),
        ("invite", Coded(uses=20, seconds=7 * 86_400)),
        ("invite --uses 3 --days 1 --room &class", Coded(uses=3, seconds=86_400, rooms=("&class",))),
        (
            "invite --room &class --room &ops --room &class",
            Coded(uses=20, seconds=7 * 86_400, rooms=("&class", "&ops")),
        ),
    ],
)
def test_orders_are_typed_in_one_line(line: str, wanted: Wanted | Listed | Coded | Listing) -> None:
    """Options stand before or after the words."""
    options: Any = Options()
    options.parseOptions(line.split())
    assert options.subOptions["order"] == ([wanted] if isinstance(wanted, Wanted) else wanted)


def test_a_ban_may_take_back_what_was_said() -> None:
    """In the same room, or everywhere."""
    options: Any = Options()
    options.parseOptions(["user", "ban", "bob", "--purge"])
    assert options.subOptions["order"] == [Wanted("ban", "", "bob", ""), Wanted("purge", "", "bob", "")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("admin", "chatnet admin NAME"),
        ("role bob", "chatnet role NAME"),
        ("role bob king", "admin or none"),
        ("role bob moderater", "Did you mean moderator"),
        ("role bob admin #tea", "An admin is one of the whole cluster"),
        ("role bob owner", "an owner is one of a room"),
        ("user kick bob", "chatnet user ban NAME"),
        ("user ban bob --for 7", "write it as 30m, 12h or 7d"),
        ("policy direct", "shows what holds"),
        ("policy direct #tea", "direct is all, staff or off"),
        ("policy direct of", "direct is all, staff or off"),
        ("policy direkt off", "Did you mean direct"),
        ("policy direct off #tea", "one of the whole server"),
        ("policy invite members", "one of a private room"),
        ("policy keep 0d", "for ever or 1d to 36500d"),
        ("policy keep 90d tea", "a topic"),
        ("policy keep 90d &ops", "its owners' alone"),
        ("policy keep 90d #tea #tee", "for ever or 1d"),
        ("user unban bob --for 7d", "--for is for ban and mute"),
        ("user forget bob", "with --yes it is done"),
        ("user forget bob #tea --yes", "forget takes a user alone"),
        ("user mute bob --purge", "--purge is for ban"),
        ("purge bob", "purge takes a room and a user"),
        ("signup open closed", "signup takes open, code or closed"),
        ("signup everybody", "or nothing, and shows what holds"),
        ("signup clsed", "Did you mean closed"),
        ("invite alice", "invite takes options alone"),
        ("invite --uses 0", "1 to 10,000 new names"),
        ("invite --days 367", "1 to 366 days"),
        ("invite --room #tea", "invites to private rooms"),
        ("invite " + " ".join(f"--room &r{n}" for n in range(21)), "invites to 20 rooms"),
        ("user add bob #tea", "takes no room"),
        ("user reset bob --for 7d", "--for is for ban and mute"),
        ("user add bob --reason new", "--reason is for bans"),
        ("user disable bob --for 7d", "--for is for ban and mute"),
        ("user list al", "takes options alone: chatnet user list --matching al"),
        ("user list --for 7d", "no option of an order"),
        ("user list --yes", "no option of an order"),
        ("user list --matching a\udcff", "neither a name nor a room"),
        ("user lst", "Did you mean list"),
        ("user ban bob --json", "--matching and --json are for list"),
        ("user reset bob --matching b", "--matching and --json are for list"),
    ],
)
def test_what_is_no_order_is_said_in_a_sentence(line: str, says: str) -> None:
    """Nothing is asked of the cluster."""
    with pytest.raises(usage.UsageError, match=says):
        Options().parseOptions(line.split())


ABOUT_USERS = [
    "admin {name}",
    "role {name} owner #tea",
    "purge #tea {name}",
    *(
        f"user {what} {{name}} --yes" if what == "forget" else f"user {what} {{name}}"
        for what in (*ACTIONS, *ACCOUNTS, *CODES, "export", "forget")
    ),
]
"""All orders about one user."""


@pytest.mark.parametrize("name", ["admin", "ChatNet", "_bob", "b" * 33, "bob@home", "~", "~all", "#bob"])
@pytest.mark.parametrize("line", ABOUT_USERS)
def test_nothing_is_done_about_who_can_be_nobody(line: str, name: str) -> None:
    """Nor is the cluster asked, nor is somebody warned of what would be done. A new name may be none of a
    service, either; but who has one of old keeps it: so that is the primary's to say."""
    with pytest.raises(usage.UsageError, match="is not a name: a name has 1 to 32"):
        Options().parseOptions(line.format(name=name).split())
    Options().parseOptions(line.format(name="nickserv").split())


@pytest.mark.parametrize("line", ABOUT_USERS)
def test_of_a_guest_there_is_no_account(line: str) -> None:
    """They are kept out, and what they said is taken back."""
    is_for_guests = line.partition(" {")[0] in ("user ban", "user mute", "user unban", "purge #tea")
    if is_for_guests:
        Options().parseOptions(line.format(name="~bob").split())
    else:
        with pytest.raises(usage.UsageError, match="~bob is what a guest is called, and a guest has no"):
            Options().parseOptions(line.format(name="~Bob").split())


class Orders:
    """A link to a primary that takes orders, or refuses codes, and has these pages. ``users``: it knows these
    alone, and they are listed; None: it is of an older release. ``signup``: that is the policy."""

    def __init__(self, refuses: Exception | None = None, *pages: Page) -> None:
        self.given: list[dict[str, Any]] = []
        self.users: list[UserFacts] | None = []
        self.signup = "code"
        self._refuses, self._pages = refuses, pages

    async def callRemote(self, command: Any, **arguments: Any) -> dict[str, Any]:
        if command is Status:
            return {"status": SimpleNamespace(pages=self._pages)}
        if command is RoomPolicies:
            return {"policies": [("direct", "all"), ("signup", self.signup)]}
        if command is ListUsers:
            if self.users is None:
                raise NotAllowed.of(command="ListUsers", hint="…")
            return {
                "users": UserPage(
                    [one for one in self.users if one.name.startswith(arguments["prefix"])], False
                )
            }
        self.given.append(arguments)
        if self._refuses is not None and arguments["kind"] in ("code", "purge"):
            raise self._refuses
        return {"seq": len(self.given)}


WORLD: Any = SimpleNamespace(
    entropy=lambda size: b"e" * size,
    wall=lambda: 1_000.0,
    local=lambda seconds: datetime.fromtimestamp(seconds, UTC),
)


def made(wanted: Coded, orders: Orders) -> str:
    """Return what the operator is told."""
    told: list[Any] = []
    chat = ChatCommand("twistd", "", "HOST")
    making = make_code(cast(Link, orders), wanted, chat, WORLD)
    Deferred.fromCoroutine(making).addBoth(told.append)
    if isinstance(told[0], str):
        return told[0]
    told[0].raiseException()
    raise AssertionError


def test_a_code_is_printed_and_nothing_but_its_hash_is_sent() -> None:
    """With how it is used, and until when."""
    orders = Orders()
    first, *how = made(Coded(uses=20, seconds=7 * 86_400, rooms=("&class",)), orders).splitlines()
    [code] = re.findall(r"(?:[0-9A-Z]{4}-?){3}", first)
    until = "1970-01-08 00:16+00:00"
    assert first == f"{code} registers 20 new names, until {until}, and invites them to &class."
    assert how == [
        "This asks for it: twistd -n chat-client NAME --with-code",
        "From another machine, with --master HOST, where HOST is this one.",
    ]
    [given] = orders.given
    assert given["until"] == 1_000_000 + 7 * 86_400_000
    assert (given["room"], given["to"], given["text"]) == ("&class", "", f"{kept(code)} 20")
    assert code not in repr(orders.given)


@pytest.mark.parametrize("wanted", [Coded(uses=2, seconds=60), Coded("bob"), Coded("bob", resets=True)])
def test_a_code_is_printed_with_the_page_that_takes_it(wanted: Coded) -> None:
    """Its address is one that the page reads: see ``routeOf`` in ``chatnet/page/view/route.js``."""
    for page, where, only in (
        (Page("https://chat.example"), "https://chat.example", ""),
        (Page("http://localhost:8080", "vm"), "http://localhost:8080", ", on vm alone"),
    ):
        first, link, *_ = made(wanted, Orders(None, page, Page("http://other"))).splitlines()
        [code] = re.findall(r"(?:[0-9A-Z]{4}-?){3}", first)
        assert link == f"In a browser: {where}/#/code/{code}{only}"


def test_a_code_for_several_rooms_is_one_code() -> None:
    """There is an order for each room."""
    orders = Orders()
    first, *_ = made(Coded(uses=2, seconds=86_400, rooms=("&class", "&ops")), orders).splitlines()
    [code] = re.findall(r"(?:[0-9A-Z]{4}-?){3}", first)
    assert first.endswith("and invites them to &class and &ops.")
    assert [(one["room"], one["text"]) for one in orders.given] == [
        ("&class", f"{kept(code)} 2"),
        ("&ops", f"{kept(code)} 2"),
    ]


def test_a_reset_ends_all_before_it_makes_the_code() -> None:
    """In this order: a code for somebody who can still come in is refused."""
    orders = Orders()
    first, second, _ = made(Coded("bob", resets=True), orders).splitlines()
    assert first.startswith("All that let bob in has ended. ")
    assert "sets a new secret for bob, once, within 24 h." in first
    assert second == "This asks for it: twistd -n chat-client bob --with-code"
    assert [(one["kind"], one["to"], one["until"]) for one in orders.given] == [
        ("revoke", "bob", 0),
        ("code", "bob", 0),
    ]
    assert orders.given[0]["text"] == "0"


def test_a_code_that_is_refused_is_not_shown() -> None:
    """But why it is."""
    with pytest.raises(CannotStart, match="The name bob is taken"):
        made(Coded("bob"), Orders(NameTaken.of(name="bob")))


def test_a_reset_that_makes_no_code_says_what_is_done() -> None:
    """The old secret is no longer good by then."""
    with pytest.raises(
        CannotStart, match="All that let bob in has ended, but there is no code: The name bob"
    ):
        made(Coded("bob", resets=True), Orders(NameTaken.of(name="bob")))


BOB = UserFacts("bob", "", 1, 0, 0, 0, False)


@pytest.mark.parametrize(
    ("wanted", "users", "signup", "said"),
    [
        (Coded("bob", resets=True), [BOB, replace(BOB, name="bobby", disabled=True)], "closed", []),
        (
            Coded("bob", resets=True),
            [replace(BOB, disabled=True)],
            "open",
            ["The account is disabled: the code is good once “chatnet user enable bob” was said."],
        ),
        (
            Coded("bob"),
            [replace(BOB, banned=2_000_000), replace(BOB, name="~bob", muted=1)],
            "open",
            [
                "A guest is called ~bob now: the code is good once they are gone.",
                "bob is banned from the whole cluster until 1970-01-01 00:33: the code is good once “chatnet "
                "user unban bob” has lifted that.",
            ],
        ),
        (
            Coded(uses=2, seconds=60),
            [],
            "closed",
            [
                "Nobody new comes in by it while signup is closed: the code is good after “chatnet signup "
                "code”.",
            ],
        ),
        (Coded(uses=2, seconds=60), [], "open", []),
        (Coded("bob"), None, "open", []),
    ],
)
def test_what_keeps_out_who_has_a_code_is_said_with_it(
    wanted: Coded, users: list[UserFacts] | None, signup: str, said: list[str]
) -> None:
    """It may pass while the code is good; that it ends what let them in is of use in any case."""
    orders = Orders()
    orders.users, orders.signup = users, signup
    first, *others, asks, _ = made(wanted, orders).splitlines()
    assert " registers " in first or " sets a new secret " in first
    assert others == said
    assert asks.startswith("This asks for it: ")


def done(line: str, orders: Orders) -> tuple[list[str], Exception | None]:
    """Return what the operator is told of an order, and how it ended."""
    options: Any = Options()
    options.parseOptions(line.split())
    told: list[str] = []
    ended: list[Any] = []

    async def tell() -> None:
        async for sentence in give(cast(Link, orders), options.subOptions["order"], WORLD):
            told.append(sentence)

    Deferred.fromCoroutine(tell()).addBoth(ended.append)
    return told, getattr(ended[0], "value", None)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("admin Bob", "bob is an admin of the whole cluster now, at seq 1."),
        ("role bob none", "bob has no role in the whole cluster now, at seq 1."),
        ("role bob owner #Tea", "bob is an owner of #tea now, at seq 1."),
        ("user ban bob", "Banned bob from the whole cluster, at seq 1."),
        ("user mute bob #tea --for 1h", "Muted bob in #tea until 1970-01-01 01:16+00:00, at seq 1."),
        ("user unban bob #tea", "Lifted every ban and mute of bob in #tea, at seq 1."),
        ("user disable bob", "The account of bob is disabled now, at seq 1."),
        ("user enable bob", "The account of bob is enabled now, at seq 1."),
        ("user forget bob --yes", "Took back all that bob ever said, and ended the account, at seq 1."),
        ("purge #tea bob", "Took back all that bob said in #tea so far, at seq 1."),
        ("policy keep 90d #tea", "In #tea, keep is 90d now, at seq 1."),
        ("signup open", "In the whole cluster, signup is open (anybody may register a name) now, at seq 1."),
        ("policy direct staff", "In the whole cluster, direct is staff now, at seq 1."),
    ],
)
def test_what_was_done_is_said_in_a_sentence(line: str, told: str) -> None:
    """With where it stands in the log."""
    assert done(line, Orders()) == ([told], None)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("open", "signup is open: anybody may register a name."),
        ("code", "signup is code: a new name needs a code, which “chatnet invite” prints."),
        ("closed", "signup is closed: only whom “chatnet user add NAME” has added comes in anew."),
    ],
)
def test_signup_alone_says_what_holds_and_what_that_means(value: str, told: str) -> None:
    """And nothing of the other policies; ``policy`` lists all of them."""
    link = SimpleNamespace(callRemote=_answers([("direct", "all"), ("signup", value)]))
    options: Any = Options()
    for line, shown in (("signup", told), ("policy", f"direct  all\nsignup  {value}")):
        options.parseOptions([line])
        found: list[Any] = []
        asked = policies(cast(Link, link), options.subOptions["order"])
        Deferred.fromCoroutine(asked).addBoth(found.append)
        assert found == [shown]


def _answers(held: list[tuple[str, str]]) -> Any:
    async def answer(command: Any, room: str) -> dict[str, Any]:
        assert room == ""
        return {"policies": held}

    return answer


def test_what_was_done_before_a_refusal_is_said() -> None:
    """A ban holds, also if what was said cannot be taken back."""
    told, ended = done("user ban bob --purge", Orders(OutOfReach.of(to="bob")))
    assert told == ["Banned bob from the whole cluster, at seq 1."]
    assert "higher role" in str(ended)
