"""Orders of the operator's: what one types, and what the log says of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.python import usage

from chatnet.operator.__main__ import Options
from chatnet.operator.orders import Listed, Wanted


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
    ],
)
def test_orders_are_typed_in_one_line(line: str, wanted: Wanted | Listed) -> None:
    """Options stand before or after the words."""
    options: Any = Options()
    options.parseOptions(line.split())
    assert options.subOptions["order"] == (wanted if isinstance(wanted, Listed) else [wanted])


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
    ],
)
def test_what_is_no_order_is_said_in_a_sentence(line: str, says: str) -> None:
    """Nothing is asked of the cluster."""
    with pytest.raises(usage.UsageError, match=says):
        Options().parseOptions(line.split())
