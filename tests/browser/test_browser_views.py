"""Every view: in both themes nothing that shuts anybody out, by axe-core at WCAG 2.2 AA; and at each width
nothing that is cut off."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from browser.stage import opened
from playwright.sync_api import Browser, Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 360, 480, 699, 700, 768, 1024, 1440, 1920)
TEA = "#/%23tea"

CUT_OFF = """\
() => {
  const isMeant = style => style.textOverflow === "ellipsis" || style.clipPath !== "none";
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const box = one.getBoundingClientRect();
    const isLeaf = !one.children.length && one.textContent.trim();
    if (!box.width || !box.height || !(isLeaf || one.matches("button, input, textarea, a, .icon"))) continue;
    for (let around = one; around; around = around.parentElement) {
      const style = getComputedStyle(around);
      if (isMeant(style) || style.overflowX === "auto" || style.overflowX === "scroll") break;
      const edge = around === document.documentElement ? { left: 0, right: innerWidth }
        : around !== one && style.overflowX !== "visible" && around.getBoundingClientRect();
      if (edge && edge.right > edge.left && (box.right > edge.right + 1 || box.left < edge.left - 1)) {
        found.push(`${one.outerHTML.slice(0, 120)} in ${around.outerHTML.slice(0, 60)}`);
        break;
      }
    }
  }
  return found;
}
"""
"""Returns what ends beyond an edge at which it is cut off, to the left or right; an ellipsis says so."""

Act = Callable[[Page], object]


def nothing(page: Page) -> None:
    pass


def _menu(page: Page) -> None:
    page.locator(".post.mention").last.hover()
    page.locator("[data-act=more]").click()


def _people(page: Page) -> None:
    if not page.locator("chat-people").is_visible():
        page.locator("[data-open=people]").click()


def _completing(page: Page) -> None:
    page.locator(".composer textarea").press_sequentially("ask @b")


def _opening(selector: str) -> Act:
    return lambda page: page.locator(selector).first.click()


def _account(page: Page) -> None:
    page.locator(".you").click()
    for folded in page.locator("summary").all():
        folded.click()


def _moderating(page: Page) -> None:
    page.locator("[data-act=person]").first.click()
    page.get_by_role("button", name="Block").click()


VIEWS: dict[str, tuple[dict[str, Any], Act]] = {
    "enter": ({"query": "&stage=entering"}, nothing),
    "enter with a code": ({"query": "&stage=entering", "hash": "#/code/7H2K-9QXM-4TRD"}, nothing),
    "nothing yet": ({"scene": "empty"}, nothing),
    "a room": ({"hash": TEA}, _people),
    "a conversation": ({"hash": "#/@bob"}, _people),
    "a page": ({"hash": "#/dave"}, _people),
    "a room that one only reads": ({"hash": "#/%23public"}, _people),
    "broken": ({"scene": "broken", "hash": TEA}, nothing),
    "completing": ({"hash": TEA}, _completing),
    "a menu": ({"hash": TEA}, _menu),
    "the account": ({"hash": TEA, "query": "&admin"}, _account),
    "a person": ({"hash": TEA}, _moderating),
    "the finder": ({"hash": TEA}, _opening("[data-open=finder]")),
    "something new": ({"hash": TEA}, _opening("[data-open=add]")),
    "emoji": ({"hash": TEA}, _opening("[aria-label=Emoji]")),
    "rooms on a phone": ({"hash": "#/", "width": 360, "height": 740, "touch": True}, nothing),
    "a room on a phone": ({"hash": TEA, "width": 360, "height": 740, "touch": True}, _people),
}


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_shuts_anybody_out(chromium: Browser, view: str) -> None:
    options, act = VIEWS[view]
    with opened(chromium, **options) as page:
        act(page)
        page.evaluate(AXE)
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            found = page.evaluate(
                """async rules => (await axe.run({runOnly: rules})).violations.flatMap(({id, nodes}) =>
                  nodes.map(node => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`))""",
                RULES,
            )
            assert not found, (theme, found)


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_cut_off(chromium: Browser, view: str) -> None:
    """Whatever can be read or pressed is within what is shown, or can be scrolled to."""
    options, act = VIEWS[view]
    with opened(chromium, **options) as page:
        act(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert not (found := page.evaluate(CUT_OFF)), (width, found)
