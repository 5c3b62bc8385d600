"""Rows: the page in Debian's Chromium: its size; the time until one may write; frames while 10,000 posts are
scrolled through, and while one writes and posts come.

One worker serves it; whatever the browser does takes part in the time, on the same processors. Each figure is
taken by a script in the page, from the times that the browser gives: of the navigation, of frames, of keys.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from benchmarks import cluster, wire
from benchmarks.processes import scratch
from benchmarks.table import Row, percentile
from chatnet.worker.fronts.web.assets import LOADER, WHOLE, read_assets

AUTHOR, READER, ROOM = "author", "reader", "#bench"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-gpu"]
TIMEOUT = 60_000
"""Milliseconds that anything may take."""
FRAME, START = 50, 300
"""The aims: milliseconds of the longest frame, and until one may write."""
AT_ONCE = 100
"""How many posts are under way while the log is filled."""
RATE = 50
"""How many posts a second come while one writes."""
KEY_SECONDS = 0.05
SPEED = 30_000
"""Pixels that are scrolled a second: 500 a frame."""

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "ok",
    "Has anybody seen `ConnectionDone` here? It is **always** the second one, see https://example.org/a/b?c=d",
    "A longer one, which goes on for some lines on most screens: " + "so that heights differ. " * 12,
    "```\nfor post in posts:\n    print(post)\n```\nand that is all",
    "> quoted\n\nand *answered*, @reader",
)

READY = """\
window.ready = new Promise(done => {
  const look = () => {
    const box = document.querySelector(".composer textarea");
    if (box && !box.disabled && !box.readOnly && box.offsetHeight > 0) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
});
"""
"""Notes when one may write: checked before each frame."""

FRAMES = """\
() => {
  const found = (window.frames50 = { gaps: [], long: [] });
  let before = performance.now();
  const next = now => {
    found.gaps.push(now - before);
    before = now;
    if (window.frames50 === found) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  new PerformanceObserver(list => {
    for (const one of list.getEntries()) found.long.push(one.duration);
  }).observe({ type: "long-animation-frame" });
}
"""
"""Notes the milliseconds between frames, and those of each frame over 50."""

KEYS = """\
() => {
  const waits = (window.waits = []);
  document.addEventListener("keydown", event => {
    requestAnimationFrame(() => {
      const drawn = new MessageChannel();
      drawn.port1.onmessage = () => waits.push(performance.now() - event.timeStamp);
      drawn.port2.postMessage(0);
    });
  }, { capture: true });
}
"""
"""Notes for each key the milliseconds from its being pressed until the next frame was drawn."""
WAITS = "() => new Promise(done => setTimeout(() => done(waits), 1000))"
"""Returns them, when the last frame has been drawn."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the row of the size, and if there is a Chromium, those of times."""
    files = read_assets().files
    size = sum(len(files[name].zipped or files[name].content) for name in (LOADER, WHOLE, "style.css"))
    yield Row("the page: script and style, compressed", f"{size / 1024:.1f} KB", aim="≤ 60 KB")
    program = shutil.which("chromium")
    if program is None:
        yield Row("the page in a browser", "Chromium is not installed")
        return
    with (
        scratch() as directory,
        cluster.running(directory, 1, web=True) as running,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield from _Bench(running, chromium).rows(quick)
        finally:
            chromium.close()


class _Bench:
    """A reader at a page, and an author who talks in the same room."""

    def __init__(self, running: cluster.Cluster, chromium: Browser) -> None:
        self._url = f"http://localhost:{running.web}/"
        self._chromium = chromium
        self._author = running.connect([AUTHOR])[0]
        cluster.join([self._author], ROOM)
        self._tags = itertools.count(1)
        self._texts = itertools.cycle(TEXTS)

    def rows(self, quick: bool) -> Iterator[Row]:
        """Yield the rows of times."""
        profile = self._enter()
        self._fill(20)
        yield self._starts("in a browser that has nothing of it", profile, 5 if quick else 20, is_new=True)
        yield self._starts("once more", profile, 5 if quick else 20, is_new=False)
        yield self._writing(profile, 3 if quick else 20)
        posts = 1000 if quick else 10_000
        self._fill(posts)
        yield self._scrolling(profile, posts)

    def _enter(self) -> StorageState:
        """Register the reader, who is in the room from now on; return what their browser keeps."""
        with self._context(None) as context:
            page = context.new_page()
            page.goto(self._url)
            page.locator("#field-name").fill(READER)
            page.locator("#field-name").press("Enter")
            page.locator(".you").wait_for()
            status = page.evaluate(
                """room => fetch(`/api/v1/rooms/${encodeURIComponent(room)}/membership`, {
                  method: "PUT", headers: { "Content-Type": "application/json" }, body: "{}",
                }).then(answer => answer.status)""",
                ROOM,
            )
            assert status in (200, 201), status
            return context.storage_state()

    @contextlib.contextmanager
    def _context(self, profile: StorageState | None) -> Iterator[BrowserContext]:
        context = self._chromium.new_context(
            storage_state=profile, viewport={"width": 1440, "height": 900}, locale="en-GB"
        )
        context.set_default_timeout(TIMEOUT)
        try:
            yield context
        finally:
            context.close()

    @contextlib.contextmanager
    def _open(self, profile: StorageState) -> Iterator[Page]:
        with self._context(profile) as context:
            page = context.new_page()
            self._go(page)
            page.locator("chat-timeline .post").last.wait_for()
            yield page

    def _go(self, page: Page) -> None:
        page.goto(f"{self._url}#/{quote(ROOM)}")

    # ---- the author ----

    def _fill(self, count: int) -> None:
        """Let the author post so many."""
        for at in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - at)
            self._author.sendall(b"".join(self._post() for _ in range(some)))
            answered = 0
            while answered < some:
                answered += self._author.recv(1 << 20).count(wire.ANSWER)

    def _post(self) -> bytes:
        text = next(self._texts).encode()
        return wire.ask(next(self._tags), b"Post", key=wire.fresh_key(), text=text, room=ROOM.encode())

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Let the author post all the while."""
        over = threading.Event()

        def talk() -> None:
            due = time.monotonic()
            while not over.wait(max(0.0, due - time.monotonic())):
                self._fill(1)
                due += 1 / RATE

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            yield
        finally:
            over.set()
            talking.join()

    # ---- the rows ----

    def _starts(self, how: str, profile: StorageState, times: int, is_new: bool) -> Row:
        found: list[float] = []
        with contextlib.ExitStack() as stack:
            context = None if is_new else stack.enter_context(self._context(profile))
            for _ in range(times + (not is_new)):
                here = stack.enter_context(self._context(profile)) if context is None else context
                page = here.new_page()
                page.add_init_script(READY)
                self._go(page)
                found.append(page.evaluate("ready"))
                page.locator("chat-timeline .post").last.wait_for()
                page.close()
        shown = found if is_new else found[1:]
        return Row(
            f"from navigation until one may write, {how}, p50 / worst of {times}",
            f"{percentile(shown, 0.5):.0f} / {max(shown):.0f} ms",
            aim=f"< {START} ms",
        )

    def _writing(self, profile: StorageState, seconds: int) -> Row:
        with self._open(profile) as page:
            box = page.locator(".composer textarea")
            box.focus()
            page.evaluate(KEYS)
            with self._talking():
                typed = ""
                keys = itertools.cycle("the quick brown fox jumps over the lazy dog ")
                due = time.monotonic()
                until = due + seconds
                while due < until:
                    page.wait_for_timeout(1000 * max(0.0, due - time.monotonic()))
                    typed += (key := next(keys))
                    page.keyboard.press("Space" if key == " " else key)
                    due += KEY_SECONDS
            waits: list[float] = page.evaluate(WAITS)
            assert len(waits) == len(typed)
            assert box.input_value() == typed, "what was typed is not what stands there"
        return Row(
            f"a key until it is drawn, while {RATE} posts/s come, p50 / p99 / worst of {len(waits)}",
            f"{percentile(waits, 0.5):.0f} / {percentile(waits, 0.99):.0f} / {max(waits):.0f} ms",
            aim=f"≤ {FRAME} ms",
        )

    def _scrolling(self, profile: StorageState, posts: int) -> Row:
        with self._open(profile) as page:
            mouse = page.context.new_cdp_session(page)
            page.evaluate(FRAMES)
            begun = time.monotonic()
            while not page.locator("chat-timeline .beginning").count():
                assert time.monotonic() - begun < TIMEOUT / 1000, "the beginning was not reached"
                _scroll(mouse, 50_000)
            while not page.evaluate("document.querySelector('chat-timeline').isAtBottom"):
                _scroll(mouse, -200_000)
            found: dict[str, Any] = page.evaluate("frames50")
            page.evaluate("frames50 = null")
        return _frames_row(f"{posts:,} posts scrolled through, up and down", found["gaps"], found["long"])


def _scroll(mouse: Any, pixels: int) -> None:
    """Turn the wheel, fast."""
    mouse.send(
        "Input.synthesizeScrollGesture",
        {
            "x": 800,
            "y": 400,
            "yDistance": pixels,
            "speed": SPEED,
            "gestureSourceType": "mouse",
            "preventFling": True,
        },
    )


def _frames_row(what: str, gaps: Sequence[float], long: Sequence[float]) -> Row:
    longest = f"{max(long):.0f} ms, {len(long)} over {FRAME} ms" if long else f"none over {FRAME} ms"
    return Row(
        f"{what}: the longest frame of {len(gaps):,}",
        f"{longest} (from one frame to the next at most {max(gaps):.0f} ms)",
        aim=f"≤ {FRAME} ms",
    )
