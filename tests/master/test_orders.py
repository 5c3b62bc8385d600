"""The primary appends the operator's orders in the cluster's own name."""

from __future__ import annotations

from typing import Any

import pytest
from master.in_memory import Master, Peer

from chatnet.codes import code_text, kept
from chatnet.entries import Draft, More
from chatnet.errors import BadName, BadRequest, BadRoom, BadText, Forgotten, NameTaken, NoSuchRoom, NoSuchUser
from chatnet.names import RESERVED, SERVICES
from chatnet.reads import UserFacts, UserPage
from chatnet.state import Account
from chatnet.wire.operate import ListUsers, Order, RoomPolicies


def operator(master: Master) -> Peer:
    peer = Peer(master)
    peer.prove("operator")
    return peer


def given(master: Master, kind: str, room: str, to: str, text: str = "", until: int = 0) -> Any:
    """Give the order as an operator, and return the answer."""
    return operator(master).ask(Order, kind=kind, room=room, to=to, text=text, until=until)


def test_the_first_admin_is_made_by_the_token(master: Master) -> None:
    """And a topic gets its owner; the entries are the cluster's."""
    master.log.append([Draft("register", "bob", "bob", "sha256:1", b"r" * 16)])
    assert given(master, "role", "", "Bob", "admin") == {"seq": 2}
    assert given(master, "role", "#Tea", "bob", "owner") == {"seq": 3}
    assert given(master, "ban", "", "bob", "spam", 99) == {"seq": 4}
    assert [(entry.user, entry.kind, entry.room, entry.more) for entry in master.log.entries[1:]] == [
        ("chatnet", "role", "", More(to="bob")),
        ("chatnet", "role", "#tea", More(to="bob")),
        ("chatnet", "ban", "", More(to="bob", until=99)),
    ]


@pytest.mark.parametrize(
    ("kind", "room", "to", "text", "error"),
    [
        ("role", "", "zoe", "admin", NoSuchUser),
        ("role", "", "-", "admin", BadName),
        ("role", "#", "bob", "owner", BadRoom),
        ("role", "#tea", "bob", "admin", BadText),
        ("post", "", "bob", "hi", BadRequest),
        ("policy", "", "", "direct never", BadText),
        ("redact", "", "", "", BadRequest),
        ("level", "", "bob", "2", BadRequest),
        ("invite", "&ops", "bob", "", BadRequest),
        ("dance", "", "bob", "", BadRequest),
    ],
)
def test_what_is_no_order_is_refused(
    master: Master, kind: str, room: str, to: str, text: str, error: type[Exception]
) -> None:
    """In one sentence; nothing is in the log."""
    says = "There is no user zoe" if error is NoSuchUser else None
    with pytest.raises(error, match=says):
        given(master, kind, room, to, text)
    assert not master.log.entries


def test_the_operator_decides_for_all(master: Master) -> None:
    """And looks at what holds; a private room's policies are not the operator's."""
    text = "direct staff"
    assert given(master, "policy", "", "", text) == {"seq": 1}
    master.log.append([Draft("register", "bob", "bob", "sha256:1", b"r" * 16)])
    master.log.append([Draft("join", "bob", "#tea", "", b"j" * 16)])
    assert given(master, "policy", "#Tea", "", "keep 90d") == {"seq": 4}
    held = [operator(master).ask(RoomPolicies, room=room)["policies"] for room in ("", "#tea")]
    assert held == [[("direct", "staff"), ("keep", "for ever"), ("signup", "open")], [("keep", "90d")]]
    with pytest.raises(NoSuchRoom):
        given(master, "policy", "&ops", "", "keep 90d")
    with pytest.raises(NoSuchRoom):
        operator(master).ask(RoomPolicies, room="&ops")


@pytest.mark.parametrize("of", [{"to": "bob"}, {"until": 5}])
def test_a_policy_is_for_nobody_in_particular(master: Master, of: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        given(master, "policy", "", **{"to": "", "text": "direct off", **of})
    assert not master.log.entries


def test_an_account_is_reset_by_two_orders(master: Master) -> None:
    """All that lets its user in ends, and a code is taken; while they can come in, none is."""
    master.log.append([Draft("register", "bob", "bob", "sha256:1", b"r" * 16)])
    text = code_text(kept("0000-0000-0001"), 1)
    with pytest.raises(NameTaken, match="The name bob is taken"):
        given(master, "code", "", "bob", text)
    assert given(master, "revoke", "", "bob", "0") == {"seq": 2}
    assert given(master, "code", "", "bob", text) == {"seq": 3}
    assert given(master, "disable", "", "bob", "left") == {"seq": 4}
    assert given(master, "enable", "", "bob") == {"seq": 5}
    revoked, made, *_ = master.log.entries[1:]
    assert (revoked.user, revoked.room, revoked.more) == ("chatnet", "chatnet", More(to="bob"))
    assert (made.user, made.room, made.more) == ("chatnet", "", More(to="bob"))
    with pytest.raises(BadRequest):
        given(master, "code", "", "", "1234 1", 99)
    with pytest.raises(BadRequest):
        given(master, "revoke", "", "bob", "all")
    with pytest.raises(BadRequest):
        given(master, "session", "", "bob", "")


@pytest.mark.parametrize("name", sorted({*RESERVED, *SERVICES, "nickserv", "ch4n-s_erv", "g-1obal"}))
def test_there_is_no_code_for_a_name_that_nobody_gets(master: Master, name: str) -> None:
    """However it is used, it would be refused."""
    with pytest.raises(BadName, match="is not a name: "):
        given(master, "code", "", name, code_text(kept("0000-0000-0001"), 1))
    assert not master.log.entries


def test_who_has_such_a_name_of_old_gets_a_code(master: Master) -> None:
    """Nobody new could; and nobody gets a code for the name of who is forgotten."""
    text = code_text(kept("0000-0000-0001"), 1)
    master.log.state.accounts["nickserv"] = Account("", 1, 1)
    assert given(master, "code", "", "NickServ", text) == {"seq": 1}
    master.log.append([Draft("register", "bob", "bob", "sha256:1", b"r" * 16)])
    assert given(master, "forget", "", "bob") == {"seq": 3}
    with pytest.raises(Forgotten, match="bob is forgotten on this server"):
        given(master, "code", "", "bob", text)


def test_users_are_listed_for_operators(master: Master) -> None:
    """In pages, or those alone whose names begin so, however that is spelled."""
    names = [f"u{number:03}" for number in range(201)]
    master.log.append([Draft("register", name, name, "sha256:1", b"r" * 16) for name in ("alice", *names)])
    assert given(master, "role", "", "alice", "admin") == {"seq": 203}
    peer = operator(master)
    first: UserPage = peer.ask(ListUsers, prefix="", after="")["users"]
    second: UserPage = peer.ask(ListUsers, prefix="", after=first.users[-1].name)["users"]
    assert (first.more, second.more) == (True, False)
    assert [one.name for page in (first, second) for one in page.users] == ["alice", *names]
    since = master.log.entries[0].time
    alice = UserFacts("alice", "admin", since, since, 0, 0, False)
    assert peer.ask(ListUsers, prefix=" AL", after="") == {"users": UserPage([alice], False)}
    assert peer.ask(ListUsers, prefix="#", after="") == {"users": UserPage([], False)}
