"""People at pages of real browsers, and what their pages showed, as the checker judges it.

Each time the rows of a page's timeline change, the page tells which posts stand there: their keys, seqs,
texts, times and marks, and where it shows that something is missing. With the final log that is a history.
"""

from __future__ import annotations

import contextlib
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from browser.stage import TIMEOUT
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Error, ViewportSize, expect

from chatnet.entries import Entry
from chatnet.reads import NEWEST
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    Event,
    LoggedIn,
    Sent,
    Started,
    Stopped,
    Took,
)
from rigs.processes import wait_until

WHOLE_SECONDS = 60.0
"""Seconds within which everything must be whole again."""
SIZE: ViewportSize = {"width": 1000, "height": 4000}
"""So high that all rows that come at once are drawn."""
WATCH = """\
(() => {
  let before = "";
  const row = one =>
    one.matches(".gap")
      ? null
      : {
          id: one.dataset.id,
          seq: Number(one.dataset.seq ?? 0),
          text: one.querySelector(".text").textContent,
          at: one.querySelector("time").dateTime,
          isStored: one.querySelector(".state.stored") !== null,
        };
  const look = () => {
    const found = document.querySelectorAll("chat-timeline .rows > .post, chat-timeline .rows > .gap");
    const rows = JSON.stringify([...found].map(row));
    if (rows === before) return;
    before = rows;
    window.shownToTest(JSON.stringify({ now: Date.now(), rows: JSON.parse(rows) }));
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true });
})();
"""


class Row(NamedTuple):
    """A post as it stood on a page; ``seq`` 0: not in its place yet."""

    user: str
    key: bytes
    seq: int
    text: str
    time: int
    is_stored: bool


@dataclass(frozen=True)
class Shown:
    """What stood on a page from ``time`` on, in monotonic seconds; None is a gap that it shows."""

    time: float
    rows: Sequence[Row | None]

    @property
    def posts(self) -> list[Row]:
        return [row for row in self.rows if row is not None]

    @property
    def placed(self) -> list[Row]:
        return [row for row in self.posts if row.seq]


@dataclass
class Tab:
    """One page of ``person``, from its opening on."""

    person: Person
    number: int
    shown: list[Shown] = field(default_factory=list)
    killed: float = 0.0

    def __post_init__(self) -> None:
        self.opened = time.monotonic()
        self.page = self.person.context.new_page()
        self.page.set_default_timeout(TIMEOUT)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        told = self.person.context.new_cdp_session(self.page)
        told.on("Runtime.bindingCalled", self._told)
        told.send("Runtime.enable")
        told.send("Runtime.addBinding", {"name": "shownToTest"})
        self.page.add_init_script(WATCH)
        wait_until("the page is loaded", self._load, WHOLE_SECONDS)

    @property
    def client(self) -> str:
        return f"{self.person.name}/{self.number}"

    def say(self, text: str) -> None:
        """Post a text, and wait until the page shows it, wherever it is by then."""
        self.person.said[text] = (time.monotonic(), self.client)
        box = self.page.locator(".composer textarea")
        box.fill(text)
        box.press("Enter")
        self.sees(text)

    def sees(self, text: str, seconds: float = WHOLE_SECONDS) -> None:
        """Wait until a text stands there, once."""
        found = self.page.locator(".post .text").get_by_text(text, exact=True)
        expect(found).to_have_count(1, timeout=1000 * seconds)

    def is_settled(self, seconds: float = WHOLE_SECONDS) -> None:
        """Wait until all own posts are in their places."""
        expect(self.page.locator(".post:not([data-seq])")).to_have_count(0, timeout=1000 * seconds)

    def kill(self) -> None:
        """Kill the process of this page: it can do nothing more."""
        with contextlib.suppress(Error):
            self.page.goto("chrome://crash")
        self.killed = time.monotonic()

    def _load(self) -> bool:
        try:
            self.page.goto(self.person.url)
        except Error:  # nobody is there: they load it again
            return False
        return True

    def _told(self, call: Any) -> None:
        told = json.loads(call["payload"])
        now = told["now"] / 1000 - time.time() + time.monotonic()
        self.shown.append(Shown(now, [row and _row(row) for row in told["rows"]]))

    # ---- what the checker is told ----

    def history(self, log: Sequence[Entry]) -> Iterator[Event]:
        """Yield what happened to this tab, by the final log."""
        person, client = self.person.name, self.client
        seqs = {(entry.user, entry.key): entry.seq for entry in log}
        yield Started(time=self.opened, client=client)
        at_first: Any = {"time": self.opened, "asked": self.opened, "client": client}
        yield LoggedIn(**at_first, how="first" if self.number == 1 else "resumed")
        if self.number == 1:
            registered = [entry.seq for entry in log if entry.kind == "register" and entry.user == person]
            yield ChatBegun(time=self.opened, client=client, reader=1, cursor=registered[0], newest=[])
        first: int | None = None if self.number > 1 else registered[0]
        took: set[int] = set()
        told: set[bytes] = set()
        for shown in self.shown:
            at: Any = {"time": shown.time, "client": client}
            for row in shown.posts:
                if row.user == person and row.is_stored and row.key not in told:
                    told.add(row.key)
                    seq = row.seq or seqs.get((row.user, row.key), len(log) + 1)
                    yield Acknowledged(**at, key=row.key, seq=seq)
            placed = [_entry(row, log) for row in shown.placed]
            if first is None and placed:
                first = placed[-1].seq
                yield ChatBegun(**at, reader=1, cursor=first, newest=placed[-NEWEST:])
            for entry in placed:
                if first is not None and entry.seq > first and entry.seq not in took:
                    took.add(entry.seq)
                    yield Took(**at, reader=1, entry=entry)
        if self.killed:
            yield Stopped(time=self.killed, client=client)

    def wrong(self, visible: Sequence[int]) -> Iterator[str]:
        """Yield what was wrong with what stood there at any time: each post once, in the order of the log,
        none missing between two others, and what has no place yet at the end."""
        yield from (f"{self.client}: {error}" for error in self.errors)
        places = {seq: place for place, seq in enumerate(visible)}
        for shown in self.shown:
            where = f"{self.client} showed at {shown.time:.3f}"
            keys = [(row.user, row.key) for row in shown.posts]
            if len({*keys}) < len(keys):
                yield f"{where} a post twice: {shown.posts}"
            if any(before.seq == 0 < after.seq for before, after in pairwise(shown.posts)):
                yield f"{where} what waits above what is in its place: {shown.posts}"
            for before, after in pairwise(shown.rows):
                if before is None or after is None or not before.seq or not after.seq:
                    continue
                if places.get(after.seq, -2) != places.get(before.seq, -4) + 1:
                    yield f"{where} {after.seq} next to {before.seq}"


class Person:
    """Somebody with a browser of their own, who may have several tabs."""

    def __init__(self, chromium: Browser, url: str, name: str) -> None:
        self.name = name
        self.url = url
        self.context: BrowserContext = chromium.new_context(ignore_https_errors=True, viewport=SIZE)
        self.said: dict[str, tuple[float, str]] = {}
        self.tabs: list[Tab] = []
        tab = self.open(is_in=False)
        tab.page.locator("#field-name").fill(name)
        tab.page.locator("#field-name").press("Enter")
        self._comes_in(tab)

    @property
    def tab(self) -> Tab:
        """The newest tab."""
        return self.tabs[-1]

    @property
    def open_tabs(self) -> list[Tab]:
        """Those that are not killed."""
        return [tab for tab in self.tabs if not tab.killed]

    def open(self, is_in: bool = True) -> Tab:
        """Open one more tab."""
        tab = Tab(self, len(self.tabs) + 1)
        self.tabs.append(tab)
        if is_in:
            self._comes_in(tab)
        return tab

    def _comes_in(self, tab: Tab) -> None:
        expect(tab.page.locator(".you")).to_contain_text(self.name, timeout=1000 * WHOLE_SECONDS)

    def history(self, log: Sequence[Entry]) -> Iterator[Event]:
        """Yield what this person and their tabs did. A text is said once; its key is what a page showed."""
        shown = (row for tab in self.tabs for shown in tab.shown for row in shown.posts)
        keys = {row.text: row.key for row in shown if row.user == self.name}
        for text, (at, client) in self.said.items():
            yield Sent(time=at, client=client, key=keys[text], kind="post", room="", text=text)
        for tab in self.tabs:
            yield from tab.history(log)

    def wrong(self, evidence: Evidence) -> Iterator[str]:
        """Yield what the checker cannot know: how it stood on the pages; and that nothing was forgotten,
        whichever tab was killed."""
        there = [entry.text for entry in evidence.log if entry.user == self.name]
        for text in self.said:
            if there.count(text) != 1:
                yield f"what {self.name} said is in the log {there.count(text)} times: {text!r}"
        for tab in self.tabs:
            yield from tab.wrong(evidence.visible[self.name])
        for tab in self.open_tabs:
            placed = [row.seq for row in tab.shown[-1].posts]
            if placed != evidence.visible[self.name][-len(placed) :]:
                yield f"{tab.client} shows {placed} in the end"


def verdict(people: Sequence[Person], log: Sequence[Entry], others: Sequence[Event] = ()) -> list[str]:
    """Return what was wrong: nothing, if all promises were kept."""
    events = [event for person in people for event in person.history(log)]
    evidence = Evidence(sorted([*events, *others], key=lambda event: event.time), log)
    return check(evidence) + [wrong for person in people for wrong in person.wrong(evidence)]


def settle(people: Sequence[Person]) -> None:
    """Let each say a last word; wait until it stands on all pages, and nothing waits."""
    others = {person.name: mentions(people, person.name) for person in people}
    last = [f"{others[name]} the last word of {name}" for name in others]
    for person, text in zip(people, last, strict=True):
        person.tab.say(text)
    for person in people:
        for tab in person.open_tabs:
            for text in last:
                tab.sees(text)
            tab.is_settled()


def mentions(people: Sequence[Person], but: str, *more: str) -> str:
    """Return what makes all hear a post of somebody."""
    names = [*(person.name for person in people), *more]
    return " ".join(f"@{name}" for name in names if name != but)


def _row(told: dict[str, Any]) -> Row:
    user, _, key = told["id"].rpartition(":")
    at = round(datetime.fromisoformat(told["at"]).timestamp() * 1000)
    return Row(user, urlsafe_b64decode(f"{key}=="), told["seq"], told["text"], at, told["isStored"])


def _entry(row: Row, log: Sequence[Entry]) -> Entry:
    """Return what a page showed as an entry; what it does not show is as the log has it."""
    there = log[row.seq - 1] if row.seq <= len(log) else Entry(row.seq, 0, "post", "", "", "", b"")
    return replace(there, user=row.user, key=row.key, text=row.text, time=row.time)
