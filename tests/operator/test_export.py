"""``chatnet user export`` prints all that a store keeps of a user, and nothing of others."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from chatnet.codes import MOST_UNTIL
from chatnet.entries import More, packed_more
from chatnet.kinds import KINDS, Kind
from chatnet.operator.__main__ import main


@pytest.fixture(params=["embedded", "shared"])
def where(request: pytest.FixtureRequest, data: Path) -> list[str]:
    """Return the options that name a store of either kind, with the same log."""
    if request.param == "shared":
        return ["--store", request.getfixturevalue("url"), "--data", "nowhere"]
    return ["--data", str(data)]


def exported(
    where: list[str], capfd: pytest.CaptureFixture[str], name: str = "alice"
) -> list[dict[str, Any]]:
    main(["user", "export", name, *where])
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_all_that_is_kept_is_printed(where: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Each line is a JSON object, and says what it is; no secret is among them."""
    lines = exported(where, capfd, "Alice")
    entries = [line for line in lines if line["is"] == "entry"]
    assert [entry["seq"] for entry in entries] == [1, 7, 8, 9]
    assert entries[-1] == {
        "is": "entry",
        "seq": 9,
        "time": "1970-01-01T00:00:01.000+00:00",
        "kind": "post",
        "by": "alice",
        "room": "alice",
        "text": "see #coffee @bob",
    }
    assert lines[0]["is"] == "account"
    assert {line["is"] for line in lines} >= {"account", "membership", "entry"}
    assert not any("sha256" in str(line) for line in lines)


def test_who_hears_as_a_moderator_is_no_member(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Such a stay is at a place that is no room: of #tea, or with no room of the server."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        columns = "user, left, room, joined"
        for joined, room in ((7, "!mods#tea"), (8, "!mods")):
            store.execute(f"INSERT INTO membership ({columns}) VALUES ('alice', 9, ?, ?)", (room, joined))
    lines = exported(["--data", str(data)], capfd)
    stays = [line for line in lines if line["is"] in ("membership", "moderation")]
    assert [(stay["is"], stay["room"]) for stay in stays if stay["is"] == "moderation"] == [
        ("moderation", "#tea"),
        ("moderation", ""),
    ]
    assert not [stay for stay in stays if stay["room"][:1] == "!"]


def test_what_is_taken_back_is_not_printed(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also while it is not overwritten yet."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        columns = "user, room, upto, seq, whole, done"
        store.execute(f"INSERT INTO blanking ({columns}) VALUES ('alice', '', 9, 9, 1, 0)")
    lines = exported(["--data", str(data)], capfd)
    assert [line["text"] for line in lines if line.get("kind") == "post"] == [""]


def test_the_devices_of_a_user_are_printed(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What each was called, and by which id it was known, as long as they are not forgotten."""
    more = packed_more(More(device="ab" * 16, label="my phone", scope="read"))
    assert more is not None
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        store.execute("UPDATE entry SET more = ? WHERE seq = 7", (more,))
    (line,) = (line for line in exported(["--data", str(data)], capfd) if line.get("seq") == 7)
    assert (line["device"], line["label"], line["scope"]) == ("ab" * 16, "my phone", "read")


@pytest.mark.parametrize("until", [253_402_300_800_000, (1 << 53) - 1, MOST_UNTIL])
def test_a_ban_whose_end_no_calendar_has_is_printed(
    data: Path, capfd: pytest.CaptureFixture[str], until: int
) -> None:
    """Whoever owns a room may have said it."""
    more = packed_more(More(until=until))
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        store.execute("UPDATE entry SET more = ? WHERE seq = 7", (more,))
        store.execute("INSERT INTO standing (user, room, banned) VALUES ('alice', '&ops', ?)", (until,))
    lines = exported(["--data", str(data)], capfd)
    assert [line["until"] for line in lines if line.get("seq") == 7] == ["for ever"]
    assert [line["banned_until"] for line in lines if line["is"] == "standing"] == ["for ever"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.has_to], ids=lambda kind: kind.name)
def test_it_tells_nobody_who_blocks_them(data: Path, capfd: pytest.CaptureFixture[str], kind: Kind) -> None:
    """It is often handed to the user. Their own blocks are in it, and all else that others did about them."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        for seq, author, to in ((3, "bob", "alice"), (7, "alice", "bob")):
            values = (kind.name, author, author, packed_more(More(to=to)), seq)
            store.execute(
                "UPDATE entry SET kind = ?, user = ?, room = ?, text = '', more = ? WHERE seq = ?", values
            )
    lines = exported(["--data", str(data)], capfd)
    is_own_affair = kind.name in ("block", "unblock")
    seqs = [line["seq"] for line in lines if line.get("kind") == kind.name]
    assert seqs == ([7] if is_own_affair else [3, 7])


def test_who_does_not_exist_has_nothing(where: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """One sentence, and status 1."""
    for name, says in (("noname", "There is no user noname."), ("NoName", "There is no user noname.")):
        with pytest.raises(SystemExit) as end:
            main(["user", "export", name, *where])
        assert end.value.code == 1
        assert says in capfd.readouterr().err
