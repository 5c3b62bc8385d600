from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
from msgspec.structs import replace
from store.conftest import Slow
from twisted.internet.defer import Deferred

from chatnet.blanking import Blanking
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref
from chatnet.reads import (
    OF_A_STORE,
    CursorAt,
    Feed,
    FeedPage,
    History,
    MemberPage,
    Members,
    Newest,
    Question,
    RoomFacts,
    RoomOf,
)
from chatnet.state import State
from chatnet.store.taken_back import MOST_TOGETHER, TakenBack, up_to_date
from chatnet.store.window import Window

ABOUT = RoomFacts(1, 1, "the secret", "alice", 1)


def post(seq: int) -> Entry:
    return Entry(seq, seq, "post", "alice", "alice", f"text {seq}", seq.to_bytes(16, "big"))


def redaction(seq: int, of: int) -> Entry:
    more = More(ref=Ref(of, Cursor.at("log", post(of)).check))
    return Entry(seq, seq, "redact", "alice", "alice", "", seq.to_bytes(16, "big"), more, ("alice",))


def texts(answer: Any) -> list[str]:
    return [entry.text for entry in (answer.posts if isinstance(answer, FeedPage) else answer)]


def answer_of(question: type[Question[Any]]) -> Any:
    return get_args(question.__orig_bases__[0])[0]  # type: ignore[attr-defined]


def holds_entries(answer: Any) -> bool:
    """Return whether an answer of that type has entries in it."""
    if answer is Entry or any(map(holds_entries, get_args(answer))):
        return True
    return hasattr(answer, "__struct_fields__") and any(map(holds_entries, get_type_hints(answer).values()))


@pytest.mark.parametrize(
    "answer_type",
    {str(of): of for of in map(answer_of, OF_A_STORE) if holds_entries(of)}.values(),
    ids=str,
)
def test_an_answer_that_was_under_way_has_no_text_that_was_taken_back(answer_type: Any, now: Any) -> None:
    """Whatever an answer with entries is, it is blanked by what was followed since it was asked for."""
    window = Window("log", Cursor.at("log", post(5)))
    asked: Deferred[Any] = Deferred()
    answer = Deferred.fromCoroutine(up_to_date(window, lambda: asked))
    window.extend([redaction(6, of=2), redaction(7, of=3)])
    page = [post(1), post(2), post(3)]
    asked.callback(page if answer_type == list[Entry] else answer_type(page, 5))
    assert texts(now(answer)) == ["text 1", "", ""]


def test_an_answer_is_as_it_was_read_if_nothing_was_taken_back_meanwhile(now: Any) -> None:
    """What was taken back before an answer was asked for is the store's part."""
    window = Window("log", Cursor.at("log", post(5)))
    window.extend([redaction(6, of=2)])
    page = [post(1), post(2)]

    async def ask() -> list[Entry]:
        return page

    assert now(up_to_date(window, ask)) is page


def test_an_answer_that_missed_too_much_is_asked_for_again(now: Any) -> None:
    """Of many redactions only the newest are remembered: an answer from before is read again."""
    window = Window("log", Cursor.at("log", post(5)))
    window.taken_back = TakenBack(most=2)
    asked: list[Deferred[list[Entry]]] = []

    def ask() -> Deferred[list[Entry]]:
        asked.append(Deferred())
        return asked[-1]

    answer = Deferred.fromCoroutine(up_to_date(window, ask))
    window.extend([redaction(6, of=1), redaction(7, of=2), redaction(8, of=3)])
    asked[0].callback([post(1)])
    assert not answer.called
    window.extend([redaction(9, of=4)])
    asked[1].callback([post(4), post(5)])
    assert texts(now(answer)) == ["", "text 5"]


@pytest.mark.parametrize("kind", ["purge", "forget"])
@pytest.mark.parametrize("before", [MemberPage([], False, "the secret", "alice", 1), ABOUT])
def test_a_description_that_was_taken_back_meanwhile_is_asked_for_again(
    now: Any, before: MemberPage | RoomFacts, kind: Any
) -> None:
    """What says what a room is about does not name the entry that said so."""
    window = Window("log", Cursor.at("log", post(5)))
    asked: list[Deferred[Any]] = []

    def ask() -> Deferred[Any]:
        asked.append(Deferred())
        return asked[-1]

    answer = Deferred.fromCoroutine(up_to_date(window, ask))
    window.extend([Entry(6, 6, kind, "alice", "", "", b"6" * 16, More(to="alice"))])
    asked[0].callback(before)
    assert not answer.called
    without = replace(before, about="")
    asked[1].callback(without)
    assert now(answer) is without


def asked_slowly(
    disk: Any, now: Any, kind: str, drafts: list[Draft], question: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Deferred[Any], list[Any]]:
    """Ask a log that has taken these drafts, and whose reading threads have read, but not told, the answer;
    return it, the answer, and what is left to be told."""
    done: list[Any] = []
    monkeypatch.setattr(Slow, "done", done)
    disk.threads = Slow
    log = getattr(disk, kind)()
    assert now(log.append(drafts)) == list(range(1, len(drafts) + 1))
    disk.reactor.advance(2)
    answer = Deferred.fromCoroutine(log.read(question))
    if kind == "open_postgres":
        done.pop(0)()  # the connection that it needs
    return log, answer, done


@pytest.mark.parametrize("kind", ["open", "open_postgres"])
@pytest.mark.parametrize(
    "question",
    [Newest("alice", 2), Feed("alice", 0, 2), History("alice", None, "alice", 2)],
    ids=lambda question: type(question).__name__,
)
def test_a_page_that_was_read_before_a_redaction_comes_without_the_text(
    disk: Any, now: Any, kind: str, question: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that a reading thread has read, and that comes after its process has followed a redaction, has
    no text of what was taken back."""
    drafts = [
        Draft("register", "alice", "alice", "sha256:1", b"1" * 16),
        Draft("post", "alice", "alice", "the secret", b"2" * 16),
    ]
    log, answer, done = asked_slowly(disk, now, kind, drafts, question, monkeypatch)
    (tell,) = done
    check = now(log.read(CursorAt(2))).check
    now(log.append([Draft("redact", "alice", "alice", "", b"3" * 16, more=More(ref=Ref(2, check)))]))
    disk.reactor.advance(2)
    assert log.window.head == 3
    tell()
    assert texts(now(answer)) == [""]


@pytest.mark.parametrize("kind", ["open", "open_postgres"])
@pytest.mark.parametrize("question", [Members("#tea", "alice", 4), RoomOf("#tea", "alice", 4)], ids=str)
def test_a_description_that_was_read_before_its_author_was_forgotten_is_not_given(
    disk: Any, now: Any, kind: str, question: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [
        *(Draft("register", user, user, "sha256:1", b"1" * 16) for user in ("alice", "bob")),
        Draft("join", "bob", "#tea", "", b"2" * 16),
        Draft("describe", "bob", "#tea", "the secret", b"3" * 16),
    ]
    log, answer, done = asked_slowly(disk, now, kind, drafts, question, monkeypatch)
    (tell,) = done
    now(log.append([Draft("forget", "bob", "bob", "", b"4" * 16, more=More(to="bob"))]))
    disk.reactor.advance(2)
    assert log.window.head == 5
    done.clear()
    tell()
    assert not answer.called
    (tell_again,) = done
    tell_again()
    assert now(answer).about == ""


def test_what_follows_from_a_log_has_all_that_was_taken_back_together() -> None:
    """However much that is: the table has it. A window remembers the newest, and is bounded."""
    many = [Blanking(f"user{number}", "", number, number) for number in range(MOST_TOGETHER + 1)]
    state, taken_back = State("log", lambda seq: None), TakenBack()
    for blankings in (state.blankings, taken_back.blankings):
        for blanking in many:
            blankings.add(blanking)
    assert list(state.blankings) == many
    assert list(taken_back.blankings) == many[1:]
