"""The commands in JSON mean what they mean in AMP."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.codes import MOST_UNTIL
from chatnet.cursor import CHECK_BYTES, Cursor
from chatnet.entries import KEY_BYTES, Entry, More, Ref
from chatnet.errors import BadRequest, NotAllowed
from chatnet.reads import Invitation, Member, Talk
from chatnet.wire import common
from chatnet.wire import session as wire
from chatnet.wire.arguments import Bytes, Command, Flag, Number, Packed, Text
from chatnet.wire.table import Speaker, understood
from chatnet.worker.fronts.web import dialect
from chatnet.worker.fronts.web.dialect import (
    ELSEWHERE,
    FORMS,
    MOST_NUMBER,
    form_of,
    number_in,
    packed,
    said_as,
    unpacked,
)

NUMBERS = st.integers(0, MOST_NUMBER)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
REFS = st.builds(Ref, NUMBERS, st.binary(min_size=CHECK_BYTES, max_size=CHECK_BYTES))
ENTRIES = st.builds(
    Entry,
    *(NUMBERS, NUMBERS, st.sampled_from(["post", "role", "redact"]), TEXTS, TEXTS, TEXTS),
    st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES),
    st.none()
    | st.builds(More, to=TEXTS, ref=st.none() | REFS, form=st.sampled_from(["", "notice"]), until=NUMBERS),
    st.just(()) | st.tuples(TEXTS),
)
ITEMS: dict[Any, st.SearchStrategy[Any]] = {
    Entry: ENTRIES,
    str: TEXTS,
    int: NUMBERS,
    Member: st.builds(Member, TEXTS, TEXTS),
    Talk: st.builds(Talk, TEXTS, NUMBERS),
    Invitation: st.builds(Invitation, TEXTS, TEXTS, NUMBERS),
    wire.OneSession: st.builds(wire.OneSession, NUMBERS, TEXTS, TEXTS, NUMBERS, NUMBERS, st.booleans()),
    tuple[str, int]: st.tuples(TEXTS, NUMBERS),
    tuple[str, int, int]: st.tuples(TEXTS, NUMBERS, NUMBERS),
    tuple[str, str]: st.tuples(TEXTS, TEXTS),
}


def values_of(value: Any) -> st.SearchStrategy[Any]:
    """Return values of this type of AMP's."""
    match value:
        case Text():
            return TEXTS
        case Number():
            return NUMBERS
        case Flag():
            return st.booleans()
        case Bytes(size=size):
            return st.binary(min_size=size or 0, max_size=size or 40)
        case Packed():
            kind = value._decoder.type
            return ITEMS[kind] if kind in ITEMS else st.lists(ITEMS[kind.__args__[0]], max_size=3)
    raise AssertionError(f"{value!r} has no values here")


def objects_of(keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    must = {raw.decode(): values_of(value) for raw, value in keys if not value.optional}
    may = {raw.decode(): values_of(value) for raw, value in keys if value.optional}
    return st.fixed_dictionaries(must, optional=may)


def in_json(value: Any) -> Any:
    return packed(value) if isinstance(value, bytes) else value


FORM = st.sampled_from(sorted(FORMS))


def test_each_command_of_a_user_has_a_form() -> None:
    """But for what is said otherwise, or only by POST; their names are not those of other messages."""
    commands = understood(Speaker.USER)
    assert {form.command for form in FORMS.values()} == commands - ELSEWHERE
    assert commands >= ELSEWHERE
    assert {wire.Login, wire.Resume} & commands == set()
    ours = {
        "hello",
        "welcome",
        "ok",
        "error",
        "posts",
        "upto",
        "marked",
        "membership",
        "moved",
        "rewound",
        "bye",
        "ping",
        "pong",
    }
    assert not {said_as(command) for command in commands - {common.Ping}} & ours
    assert said_as(wire.SetRole) == "set_role"


@given(st.data())
def test_arguments_are_those_of_amp(data: st.DataObject) -> None:
    """What AMP reads in a box, this reads in the message of the same values."""
    name = data.draw(FORM)
    form = FORMS[name]
    objects = data.draw(objects_of(form.command.arguments))
    box = form.command.makeArguments(objects, None)
    by_amp = form.command.parseArguments(box, None)
    said = {dialect.RENAMED.get((form.command, key), key): in_json(value) for key, value in objects.items()}
    message = dialect.read(json.dumps({"t": name, "id": 1, "else": [None], **said}))
    assert message["id"] == 1
    assert form_of(message["t"]).arguments(message) == by_amp


@given(st.data())
def test_results_are_those_of_amp(data: st.DataObject) -> None:
    """Each has its name, and no structure is without names; bytes are in base64url."""
    name = data.draw(FORM)
    form = FORMS[name]
    objects = data.draw(objects_of(form.command.response))
    beside = {key: to for (of, key), to in dialect._BESIDE.items() if of is form.command and key in objects}
    for key, to in beside.items():
        size = len(objects[to])
        objects[key] = data.draw(st.lists(NUMBERS, min_size=size, max_size=size))
    shown = json.loads(dialect.ok(7, form.results("log", objects)))
    assert (shown.pop("t"), shown.pop("id")) == ("ok", 7)
    for key, to in beside.items():
        assert [part.pop(key) for part in shown[to]] == objects.pop(key)
    assert shown.keys() == objects.keys()
    for key, value in objects.items():
        same_as(shown[key], value)


def same_as(shown: Any, value: Any) -> None:
    """Check that JSON has the same content."""
    match value:
        case list():
            assert len(shown) == len(value)
            for one, other in zip(shown, value, strict=True):
                same_as(one, other)
        case Entry():
            check_entry(shown, value)
        case msgspec.Struct():
            assert shown == msgspec.structs.asdict(value)
        case tuple():
            assert list(shown.values()) == list(value)
        case _:
            assert shown == in_json(value)


def check_entry(shown: dict[str, Any], entry: Entry) -> None:
    more = entry.more or More()
    assert shown == {
        "seq": entry.seq,
        "check": packed(Cursor.at("log", entry).check),
        "time": entry.time,
        "kind": entry.kind,
        "user": entry.user,
        "room": entry.room,
        "text": entry.text,
        "key": packed(entry.key),
        **({"to": more.to} if more.to else {}),
        **({"ref": {"seq": more.ref.seq, "check": packed(more.ref.check)}} if more.ref else {}),
        **({"form": more.form} if more.form else {}),
        **({"until": more.until} if more.until else {}),
        **({"redacted": True} if entry.kind == "post" and not entry.text else {}),
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("post", {}),
        ("post", {"key": packed(b"k" * 15), "text": ""}),
        ("post", {"key": packed(b"k" * 16) + "==", "text": ""}),
        ("post", {"key": "+" * 22, "text": ""}),
        ("post", {"key": packed(b"k" * 16)[:-1] + "B", "text": ""}),
        ("post", {"key": 7, "text": ""}),
        ("post", {"key": packed(b"k" * 16), "text": ["a"]}),
        ("post", {"key": packed(b"k" * 16), "text": "a", "ref": -1}),
        ("post", {"key": packed(b"k" * 16), "text": "a", "ref": 1.0}),
        ("post", {"key": packed(b"k" * 16), "text": "a", "ref": True}),
        ("post", {"key": packed(b"k" * 16), "text": "a", "ref": 1 << 53}),
        ("post", {"key": packed(b"k" * 16), "text": "a", "ref": "1"}),
        ("list", {"prefix": "", "after": "", "mine": 1}),
    ],
)
def test_wrong_values_are_told(name: str, message: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        FORMS[name].arguments(message)


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "[]", "{", '{"t":"post"', '{"a":NaN}', '"\\ud800"', '{"a":"\\ud800"}', '{"a":"\\udc00x"}'),
        *("[" * 10_000, '{"a":' * 10_000, '{"a":' + "[" * 10_000 + "]" * 10_000 + "}", "\ufeff{}"),
    ],
)
def test_what_is_no_object_is_told(text: str) -> None:
    """However deep it is, and whatever halves of letters it has."""
    with pytest.raises(BadRequest) as why:
        dialect.read(text)
    assert len(str(why.value)) < 300


@pytest.mark.parametrize("number", [1 << 53, 1 << 64, 10**400, -1, 1.5, "1", None, True])
def test_a_number_is_one_that_all_can_read(number: object) -> None:
    message = dialect.read(json.dumps({"id": number}))
    with pytest.raises(BadRequest):
        dialect.id_of(message)


@pytest.mark.parametrize("number", ["9e307", "1.7976931348623157e308", "1e23", "0.1", "9" * 300, "1e999"])
def test_a_message_takes_no_time_for_its_numbers(number: str) -> None:
    """Some take a thousand times as long to read as others: 64 KB of them held up everybody for 0.13 s."""
    many = 64_000 // (len(number) + 1)
    text = f'{{"t":"mark","room":"#tea","seq":{number},"x":[{",".join([number] * many)}]}}'
    began = time.process_time()
    for _ in range(20):
        with suppress(BadRequest):
            dialect.form_of("mark").arguments(dialect.read(text))
            pytest.fail("it was taken for a whole number")
    assert time.process_time() - began < 0.5


def test_a_ban_holds_no_longer_than_all_can_read() -> None:
    """In AMP its end may be a greater number."""
    ban = Entry(7, 7, "ban", "alice", "&ops", "", b"k" * KEY_BYTES, More(to="bob", until=MOST_UNTIL))
    assert dialect.shown("log", ban).until == MOST_NUMBER


@given(st.text("0123456789-+._ ²٣x", max_size=20) | st.integers(0, 1 << 60).map(str), st.integers(0, 1 << 53))
def test_a_number_in_a_url_is_no_greater_than_it_may_be(text: str, most: int) -> None:
    """However it is written; and what is too long is not looked at."""
    with suppress(ValueError):
        assert 0 <= number_in(text, most) <= most
        assert number_in(text, most) == int(text)
        assert text.isascii()
        assert text.isdecimal()
    for digits in ("0" * 5_000, "9" * 5_000, "0" * 100 + "1"):
        with pytest.raises(ValueError, match="not a whole number"):
            number_in(digits, most)


@pytest.mark.parametrize(
    "name", [None, 7, [], "", "Post", "login", "chat", "set_secret", "x" * 10_000, "\x1b[2J"]
)
def test_other_names_are_not_understood(name: object) -> None:
    with pytest.raises(NotAllowed) as why:
        form_of(name)
    assert str(why.value).isprintable()
    assert len(str(why.value)) < 200


@given(st.binary())
def test_bytes_have_one_spelling(raw: bytes) -> None:
    text = packed(raw)
    assert unpacked(text) == raw
    for other in (text + "=", text + "\n", " " + text, text + "é"):
        with pytest.raises(ValueError, match="base64url"):
            unpacked(other)


@given(st.lists(ENTRIES, max_size=6), st.integers(0, 2), st.sampled_from((1, 500, 60_000)))
def test_entries_are_delivered_in_messages_of_bounded_size(
    entries: list[Entry], long: int, most: int
) -> None:
    """Each once, in order; only a single entry may be longer."""
    many = [*entries, *(Entry(1, 2, "post", "a", "a", "x" * 30_000, b"k" * 16) for _ in range(2 * long))]
    messages = [json.loads(one) for one in dialect.posts("log", many, most)]
    shown = [post for message in messages for post in message["posts"]]
    assert all(message["posts"] for message in messages)
    assert len(shown) == len(many)
    for one, entry in zip(shown, many, strict=True):
        check_entry(one, entry)
    sizes = [(len(one), len(json.loads(one)["posts"])) for one in dialect.posts("log", many, most)]
    assert all(size <= most + 100 or count == 1 for size, count in sizes)


def test_hello_says_how_far_one_has_read() -> None:
    check = packed(b"c" * 8)
    hello = dialect.hello({"t": "hello", "v": 1, "log": "l", "cursor": {"seq": 3, "check": check}, "most": 9})
    assert hello == (1, "l", Cursor(3, b"c" * 8), 9)
    assert dialect.hello({"t": "hello", "v": 1}) == (1, "", None, dialect.MISSED)
    wrong: list[dict[str, Any]] = [
        {"t": "post"},
        {"t": "hello"},
        {"t": "hello", "v": "1"},
        {"t": "hello", "v": 1, "cursor": 7},
        {"t": "hello", "v": 1, "cursor": {"seq": 3}},
        {"t": "hello", "v": 1, "cursor": {"seq": 3, "check": "c"}},
    ]
    for message in wrong:
        with pytest.raises(BadRequest):
            dialect.hello(message)


def commands_with_secrets() -> set[type[Command]]:
    names = ("secret", "old")
    keyed = understood(Speaker.USER)
    return {one for one in keyed if any(raw.decode() in names for raw, _ in one.arguments)}


def test_no_command_here_carries_a_secret() -> None:
    """A cookie that no page can read has it; so what needs it is asked by POST."""
    assert commands_with_secrets() <= ELSEWHERE
