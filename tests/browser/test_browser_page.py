"""What people do on the page, and see of it; in Debian's Chromium, with an app that has no server."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser.stage import ORIGIN, TIMEOUT, answer, opened
from playwright.sync_api import Browser, CDPSession, Page, Route, expect

TEA = "#/%23tea"


def fake(page: Page, script: str) -> Any:
    """Move the fake app; ``script`` is an expression about ``fake``."""
    return page.evaluate(f"() => {{ const fake = window.fake; return ({script}); }}")


def until(page: Page, script: str) -> None:
    """Wait until an expression about ``fake`` is true; the page's policy forbids Playwright's own way."""
    page.evaluate(
        f"""async () => {{
          const fake = window.fake;
          const begun = performance.now();
          while (!({script})) {{
            if (performance.now() > begun + {TIMEOUT}) throw new Error("It does not come true.");
            await new Promise(requestAnimationFrame);
          }}
        }}"""
    )


def said(page: Page) -> list[str]:
    """Return the texts of the posts in the document, from the top, once the page has drawn what happened."""
    page.evaluate("new Promise(requestAnimationFrame)")
    return [text.strip() for text in page.locator(".post .text").all_inner_texts()]


def composer(page: Page) -> Any:
    return page.locator(".composer textarea")


# ---- the page's files ----


def test_files_that_another_worker_would_have_are_asked_for_again(chromium: Browser) -> None:
    """In an upgrade the worker that is asked for a file may have another version than who served the page."""
    refused = {".js": 0, ".css": 0}

    def upgraded(route: Route) -> None:
        path = PurePosixPath(urlsplit(route.request.url).path)
        if path.parts[1:2] == ("a",) and refused.get(path.suffix, 2) < 2:
            refused[path.suffix] += 1
            route.fulfill(status=503, content_type="application/problem+json", body="{}")
        else:
            answer(route)

    context = chromium.new_context(service_workers="block")
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.route("**/*", upgraded)
    page.goto(f"{ORIGIN}/?scene=busy{TEA}")
    expect(page.locator(".post").last).to_contain_text("See you at noon")
    assert page.evaluate("getComputedStyle(document.querySelector('.frame')).display") == "grid"
    assert refused == {".js": 2, ".css": 2}
    context.close()


# ---- entering ----


def test_a_name_and_one_button_let_in(chromium: Browser) -> None:
    with opened(chromium, query="&stage=entering") as page:
        expect(page.locator("input:visible")).to_have_count(1)
        expect(page.locator("#field-name")).to_be_focused()
        page.keyboard.type("Zoe")
        page.keyboard.press("Enter")
        expect(page.locator(".you")).to_contain_text("zoe")
        expect(composer(page)).to_be_focused()


def test_a_name_that_is_taken_asks_for_its_password(chromium: Browser) -> None:
    with opened(chromium, query="&stage=entering") as page:
        page.fill("#field-name", "bob")
        page.keyboard.press("Enter")
        expect(page.locator("#field-password")).to_be_focused()
        expect(page.get_by_role("alert")).to_contain_text("give its password")
        page.keyboard.type("wrong password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the password")
        page.locator("#field-password").fill("")
        page.locator("#field-password").focus()
        page.keyboard.type("right password")
        page.keyboard.press("Enter")
        expect(page.locator(".you")).to_contain_text("bob")


def test_a_code_is_asked_for_where_the_policy_wants_one(chromium: Browser) -> None:
    with opened(chromium, query="&stage=entering&signup=code") as page:
        page.fill("#field-name", "zoe")
        page.keyboard.press("Enter")
        page.locator("#field-code").fill("7H2K-9QXM-4TRD")
        page.keyboard.press("Enter")
        expect(page.locator(".you")).to_contain_text("zoe")


@pytest.mark.parametrize("width", [360, 1440])
def test_an_invitation_link_fills_in_its_code(chromium: Browser, width: int) -> None:
    """Once it has served, it is no part of the address."""
    with opened(
        chromium, query="&stage=entering&signup=code", hash="#/code/7H2K-9QXM-4TRD", width=width
    ) as page:
        expect(page.locator("#field-code")).to_have_value("7H2K-9QXM-4TRD")
        expect(page.locator("#field-name")).to_be_focused()
        page.fill("#field-name", "zoe")
        page.keyboard.press("Enter")
        expect(page.locator(".you")).to_contain_text("zoe")
        assert "7H2K" not in page.url


@pytest.mark.parametrize("name", ["-bob", "bob smith", "böb", "x" * 33, "admin"])
def test_a_name_that_cannot_be_one_is_not_asked_for(chromium: Browser, name: str) -> None:
    with opened(chromium, query="&stage=entering") as page:
        page.fill("#field-name", name)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("1 to 32")
        assert not fake(page, "fake.app.entering().isAsking")


def test_a_form_that_is_refused_leaves_the_focus_on_the_button_that_was_pressed(chromium: Browser) -> None:
    with opened(chromium, query="&stage=entering") as page:
        page.fill("#field-name", "bob")
        page.keyboard.press("Enter")
        page.locator("#field-password").fill("wrong password")
        go = page.locator("chat-enter button[type=submit]")
        go.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("password")
        expect(go).to_be_enabled()
        expect(go).to_be_focused()
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="Account").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Set a password").click()
        dialog.get_by_label("New password").fill("short")
        save = dialog.locator("form", has=page.get_by_label("New password")).locator("button[type=submit]")
        save.focus()
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert").first).to_contain_text("at least 8")
        expect(save).to_be_enabled()
        expect(save).to_be_focused()


# ---- writing ----


def test_a_post_is_shown_at_once_and_its_state_beside_it(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("Hello, *all*")
        page.evaluate(
            "document.querySelector('.composer textarea').dispatchEvent("
            "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true}))"
        )
        assert page.evaluate("document.querySelector('.composer textarea').value") == ""
        last = page.locator(".post").last
        expect(last).to_contain_text("Hello, all")
        expect(last.locator("em")).to_have_text("all")
        expect(last.locator(".state.stored")).to_have_count(1)
        expect(composer(page)).to_be_focused()


def test_a_second_enter_posts_nothing(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        before = fake(page, "fake.app.timeline('#tea').items.length")
        composer(page).press_sequentially("Only one of it")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        expect(page.locator(".post", has_text="Only one of it").locator(".stored")).to_have_count(1)
        assert fake(page, "fake.app.timeline('#tea').items.length") == before + 1


def test_shift_and_enter_begin_a_line(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("one")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("two")
        expect(composer(page)).to_have_value("one\ntwo")


def test_what_is_refused_stays_in_the_composer_with_the_sentence(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("refuse me")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("You are muted")
        expect(composer(page)).to_have_value("refuse me")
        page.keyboard.type("!")
        expect(page.get_by_role("alert")).to_have_text("")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("é" * 2_003, "too long by 3 characters"),
        ("/join #other", "two slashes"),
        (" ".join(f"#t{i}" for i in range(21)), "at most 20"),
    ],
)
def test_what_cannot_be_posted_says_why_and_stays(chromium: Browser, text: str, why: str) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).fill(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(why)
        expect(composer(page)).to_have_value(text)


def test_posts_that_wait_are_counted_and_can_be_withdrawn(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.connection = {state: 'offline', isSlow: true}")
        composer(page).press_sequentially("On the train")
        page.keyboard.press("Enter")
        expect(page.locator(".connection")).to_have_text("Offline. 1 post waits here.")
        last = page.locator(".post").last
        expect(last.locator(".state.kept")).to_have_count(1)
        expect(last).to_be_in_viewport(ratio=1)  # else it still moves away from under the pointer
        last.hover()
        last.locator("[data-act=more]").click()
        page.get_by_role("menuitem", name="Withdraw").click()
        assert "On the train" not in said(page)


def test_a_short_interruption_is_not_spoken_of(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.connection = {state: 'connecting', isSlow: false}")
        expect(page.locator(".connection")).to_have_text("")
        fake(page, "fake.connection = {state: 'connecting', isSlow: true}")
        expect(page.locator(".connection")).to_have_text("Connecting…")
        fake(page, "fake.connection = {state: 'online', isSlow: false}")
        expect(page.locator(".connection")).to_have_text("")


def test_drafts_are_of_their_room_and_marked_in_the_column(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("half a thought")
        page.locator(".room", has_text="python").click()
        expect(composer(page)).to_have_value("")
        row = page.locator(".room", has_text="tea")
        expect(row.locator(".draft")).to_be_visible()
        row.click()
        expect(composer(page)).to_have_value("half a thought")


def test_what_another_tab_writes_comes_into_the_composer(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.composer('#tea', {text: 'from elsewhere'})")
        expect(composer(page)).to_have_value("from elsewhere")


def test_names_and_topics_complete(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("ask @b")
        expect(page.get_by_role("option")).to_have_count(2)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(composer(page)).to_have_value("ask @bella ")
        page.keyboard.type("in #teap")
        page.keyboard.press("Tab")
        expect(composer(page)).to_have_value("ask @bella in #teapots ")
        expect(page.get_by_role("listbox")).to_have_count(0)


def test_enter_sends_a_name_that_is_whole(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("about #tea")
        page.keyboard.press("Enter")
        expect(composer(page)).to_have_value("")
        expect(page.locator(".post").last).to_contain_text("about #tea")


def test_emoji_complete_by_their_names(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        composer(page).press_sequentially("done :tad")
        page.get_by_role("option", name="tada").wait_for()
        page.keyboard.press("Enter")
        expect(composer(page)).to_have_value("done 🎉 ")


def test_a_reply_shows_what_it_answers(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.locator(".post", has_text="See you at noon").hover()
        page.locator("[data-act=reply]").click()
        expect(page.locator(".replying")).to_contain_text("Answering bob See you at noon")
        page.keyboard.type("Fine")
        page.keyboard.press("Enter")
        expect(page.locator(".post").last.locator(".quote")).to_contain_text("See you at noon")
        expect(page.locator(".replying")).to_be_hidden()


def test_what_is_answered_is_shown_once_it_is_there(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.say('*', 'carol', 'Earlier')")
        fake(page, "fake.composer('#tea', {ref: {seq: fake.app.timeline('*').newest, check: ''}})")
        expect(page.locator(".replying")).to_have_text("Answers an earlier post")
        fake(page, "fake.item('#tea', fake.app.timeline('*').items.at(-1))")
        expect(page.locator(".replying")).to_contain_text("Answering carol Earlier")


def test_everything_is_one_feed_and_answers_go_where_it_was_said(chromium: Browser) -> None:
    with opened(chromium) as page:
        expect(page.locator(".room[aria-current]")).to_contain_text("Everything")
        expect(page.locator(".where")).to_have_text("To your page, for whoever follows you.")
        fake(page, "fake.say('*', 'bob', 'Said in tea', {room: '#tea'})")
        fake(page, "fake.say('*', 'dave', 'Said on a page', {room: 'dave'})")
        post = page.locator(".post", has_text="Said in tea")
        expect(post.locator(".elsewhere")).to_have_text("#tea")
        page.locator(".post", has_text="Said on a page").hover()
        expect(page.locator("[data-act=reply]")).to_be_hidden()
        post.hover()
        page.locator("[data-act=reply]").click()
        expect(page.locator(".main h1")).to_have_text("tea")
        expect(page.locator(".replying")).to_be_visible()
        expect(page.locator(".replying")).to_contain_text("Answering bob Said in tea")
        expect(page.locator(".where")).to_be_hidden()
        expect(composer(page)).to_be_focused()


# ---- hostile texts ----

HOSTILE = [
    "<img src=x onerror=window.hit=1>",
    "<script>window.hit=1</script>",
    "[click](javascript:window.hit=1)",
    "javascript:window.hit=1",
    "[x](data:text/html,<script>window.hit=1</script>)",
    'https://example.org/"onmouseover="window.hit=1',
    "`<svg onload=window.hit=1>`",
    "> > > <b onclick=window.hit=1>x</b>",
    "#<img> @<img>",
    "\u202egnp.exe",
    "\u202e[moc.elpmaxe//:sptth](https://evil.example/) #tea",
    "a" * 2_000,
    "*" * 1_000 + "_" * 1_000,
]


def test_hostile_texts_and_names_stay_text(chromium: Browser) -> None:
    """The CSP with Trusted Types holds as well: a violation would be an error of the console."""
    with opened(chromium, hash=TEA) as page:
        for text in HOSTILE:
            fake(page, f"fake.say('#tea', 'mallory', {json.dumps(text)})")
        expect(page.locator(".post").last).to_contain_text("***")
        page.locator("chat-timeline").evaluate("timeline => timeline.toBottom()")
        assert page.locator(".text :is(img, script, svg:not(.icon), b, iframe)").count() == 0
        links = page.locator(".text a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert all(link.startswith(("https://", "http://", "#/")) for link in links), links
        rels = page.locator(".text a[target]").evaluate_all("links => links.map(link => link.rel)")
        assert set(rels) == {"noopener noreferrer"}
        bidi = page.locator(".text a").evaluate_all(
            "links => links.map(link => getComputedStyle(link).unicodeBidi)"
        )
        assert set(bidi) == {"isolate"}
        assert page.evaluate("window.hit") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    "address",
    ["#/%23tea/1e9", "#/%E0%A4%A", "#/<img src=x>", "#//", "#/%23" + "x" * 5_000, "#/@../..", "#/%23tea/-1"],
)
def test_hostile_addresses_show_something(chromium: Browser, address: str) -> None:
    with opened(chromium, hash=address) as page:
        expect(page.locator(".room-header h1")).not_to_be_empty()


# ---- reading ----


def place(page: Page, text: str) -> float:
    """Return how far below the edge of the window a post is."""
    box = page.locator(".post", has_text=text).first.bounding_box()
    assert box is not None
    return box["y"]


def drawn(page: Page) -> None:
    """Wait until what has changed is drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def scroll(page: Page, by: int) -> None:
    """Turn the wheel over the posts, and wait until it rests."""
    page.mouse.move(700, 400)
    page.mouse.wheel(0, by)
    page.evaluate(
        "new Promise(done => { let last = -1; const timeline = document.querySelector('chat-timeline');"
        "const look = () => { const now = timeline.scrollTop; if (now === last) setTimeout(done, 200);"
        "else { last = now; setTimeout(look, 60); } }; look(); })"
    )


def test_what_is_read_stays_where_it_is(chromium: Browser) -> None:
    """Neither posts that come, nor older ones, nor another size of the window move it."""
    with opened(chromium, scene="empty", hash=TEA) as page:
        page.evaluate(
            "fake.row('#tea', {isJoined: true}); for (let i = 0; i < 200; i++)"
            "fake.say('#tea', 'bob', `Number ${i} ${'word '.repeat(i % 30)}`)"
        )
        scroll(page, -2_500)
        first = page.evaluate(
            "[...document.querySelectorAll('.post')].find(post => post.getBoundingClientRect().top > 100)"
            ".querySelector('.text').textContent.split(' ').slice(0, 2).join(' ') + ' '"
        )
        before = place(page, first)
        page.evaluate("for (let i = 0; i < 50; i++) fake.say('#tea', 'carol', `New ${i}`)")
        expect(page.locator(".jump")).to_contain_text("50 new posts")
        assert place(page, first) == pytest.approx(before, abs=1)
        fake(page, "fake.timeline('#tea', {items: fake.app.timeline('#tea').items.slice(60), top: 'more'})")
        drawn(page)
        assert place(page, first) == pytest.approx(before, abs=1)
        fake(page, "fake.before('#tea', 60)")
        drawn(page)
        assert place(page, first) == pytest.approx(before, abs=1)
        fake(page, "fake.connection = {state: 'offline', isSlow: true}")
        expect(page.locator(".connection")).to_have_css("height", "32px")
        drawn(page)
        moved = place(page, first) - before
        assert moved == pytest.approx(32, abs=1), "the line of the connection is 32 pixels high"


def test_at_the_bottom_new_posts_are_followed(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.locator("chat-timeline").evaluate("timeline => timeline.toBottom()")
        for i in range(10):
            fake(page, f"fake.say('#tea', 'bob', 'Line {i}')")
        expect(page.locator(".post").last).to_be_in_viewport(ratio=1)
        expect(page.locator(".jump")).to_be_hidden()
        page.set_viewport_size({"width": 900, "height": 500})
        expect(page.locator(".post").last).to_be_in_viewport(ratio=1)


def test_ten_thousand_posts_scroll_and_few_are_in_the_document(chromium: Browser) -> None:
    """No frame takes longer than 50 ms of the page's thread: its own time, since others use this machine."""
    with opened(chromium, scene="long", hash=TEA) as page:
        expect(page.locator(".post").last).to_contain_text("Post 9999")
        frames = [_frame(page, 30_000 if i % 6 == 0 else 700) for i in range(60)]
        assert max(frames) < 50, frames
        assert page.locator(".rows > *").count() < 150


def _frame(page: Page, by: int) -> float:
    """Scroll up, and return how much time the page's thread took until that was drawn, in milliseconds."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _thread_time(session)
    page.evaluate(
        """async by => {
          document.querySelector("chat-timeline").scrollTop -= by;
          await new Promise(requestAnimationFrame);
          await new Promise(requestAnimationFrame);
        }""",
        by,
    )
    took = 1_000 * (_thread_time(session) - before)
    session.detach()
    return took


def _thread_time(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "ThreadTime")


def test_older_posts_are_asked_for_before_the_top_is_reached(chromium: Browser) -> None:
    with opened(chromium, scene="long", hash=TEA) as page:
        expect(page.locator(".post").last).to_contain_text("Post 9999")
        fake(page, "fake.timeline('#tea', {items: fake.app.timeline('#tea').items.slice(-100), top: 'more'})")
        assert fake(page, "fake.older") == []
        top = 10_000
        while not fake(page, "fake.older") and top > 0:
            scroll(page, -400)
            top = page.evaluate("document.querySelector('chat-timeline').scrollTop")
        assert fake(page, "fake.older") == ["#tea"]
        assert top > 300


def test_gaps_are_shown_and_filled_when_seen(chromium: Browser) -> None:
    with opened(chromium, scene="broken", hash=TEA) as page:
        scroll(page, -4_000)
        expect(page.locator(".gap")).to_be_visible()
        assert fake(page, "fake.filled") == ["gap 7"]


def test_the_beginning_of_a_room_is_told(chromium: Browser) -> None:
    with opened(chromium, hash="#/@bob") as page:
        expect(page.locator(".beginning")).to_have_text(
            "BThis is the beginning of your conversation with bob."
        )


def test_the_unread_line_stays_until_the_room_is_left(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        expect(page.locator(".unread-line")).to_have_count(1)
        expect(page.locator(".unread-line + .post")).to_contain_text("staging")
        fake(page, "fake.say('#tea', 'bob', 'More')")
        expect(page.locator(".post").last).to_contain_text("More")
        expect(page.locator(".unread-line")).to_have_count(1)


def test_what_was_on_the_screen_of_a_focused_tab_is_read(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.locator("chat-timeline").evaluate("timeline => timeline.toBottom()")
        newest = fake(page, "fake.app.timeline('#tea').newest")
        until(page, f"fake.seen.some(([, seq]) => seq === {newest})")
        expect(page.locator(".room", has_text="tea").locator(".count")).to_have_count(0)


def test_days_are_parted_and_runs_are_one_block(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        scroll(page, -4_000)
        expect(page.locator(".day").first).to_contain_text("27 November")
        run = page.locator(".post", has_text="descaled")
        expect(run.locator(".author")).to_have_count(0)
        expect(run.locator("strong")).to_have_text("descaled")


def test_the_title_and_the_icon_tell_of_mentions(chromium: Browser) -> None:
    with opened(chromium, hash="#/alice") as page:
        expect(page).to_have_title("(1) alice · chatnet")
        assert "unread.svg" in (page.locator("link[rel=icon]").get_attribute("href") or "")


def test_a_link_to_a_post_opens_and_points_it_out(chromium: Browser) -> None:
    with opened(chromium, scene="long", hash=f"{TEA}/4321") as page:
        expect(page.locator(".post.pointed-out")).to_contain_text("Post 4320")
        expect(page.locator(".post.pointed-out")).to_be_in_viewport()
        page.get_by_role("button", name="Jump to now").click()
        expect(page.locator(".post").last).to_contain_text("Post 9999")
        expect(page.locator(".post").last).to_be_in_viewport()


def test_a_room_that_is_not_there_says_so(chromium: Browser) -> None:
    with opened(chromium, hash="#/%23nowhere") as page:
        expect(page.locator(".empty")).to_contain_text("No such room")
        expect(page.get_by_role("button", name="Join #nowhere")).to_have_count(0)


# ---- what one does with posts, rooms and people ----


def test_own_posts_are_deleted_after_a_question(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        mine = page.locator(".post.own").last
        mine.hover()
        mine.locator("[data-act=more]").click()
        page.get_by_role("menuitem", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".post.own").last).to_contain_text("Message deleted")
        assert fake(page, "fake.ordered.at(-1)[0]") == "redact"


def test_a_text_that_is_taken_back_is_nowhere_any_more(chromium: Browser) -> None:
    """Nor in what answers it, nor in what is said to who listens."""
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.say('#tea', 'carol', 'My password is hunter2')")
        said = page.locator(".post", has_text="hunter2")
        expect(page.locator("[role=log][aria-live=polite]")).to_contain_text("hunter2")
        seq = said.get_attribute("data-seq")
        said.hover()
        said.locator("[data-act=reply]").click()
        page.keyboard.type("Take that back!")
        page.keyboard.press("Enter")
        expect(page.locator(".post").last.locator(".quote")).to_contain_text("hunter2")
        fake(page, f"fake.app.order('redact', {{seq: {seq}}})")
        expect(page.locator(".post").last.locator(".quote")).to_have_text("carol Message deleted")
        expect(page.get_by_text("hunter2")).to_have_count(0)


def test_a_moderator_deletes_with_a_reason(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        post = page.locator(".post", has_text="See you at noon")
        post.hover()
        post.locator("[data-act=more]").click()
        page.get_by_role("menuitem", name="Delete").click()
        page.get_by_label("Reason").fill("off topic")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert fake(page, "fake.ordered.at(-1)[1].reason") == "off topic"


def test_reporting_says_who_reads_it(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        post = page.locator(".post", has_text="See you at noon")
        post.hover()
        post.locator("[data-act=more]").click()
        page.get_by_role("menuitem", name="Report").click()
        expect(page.get_by_role("dialog")).to_contain_text("Moderators")
        page.get_by_role("dialog").get_by_role("textbox").fill(" rude,\n and\u00a0loud\n")
        page.get_by_role("dialog").get_by_role("button", name="Report").click()
        expect(page.get_by_role("status").last).to_contain_text("Reported")
        assert fake(page, "fake.ordered.at(-1)[1].reason") == "rude, and loud"


def test_a_report_leads_moderators_to_the_post(chromium: Browser) -> None:
    """To its place, where they can read it there; else to the post alone, and nowhere once that is gone."""
    with opened(chromium, hash="#/*") as page:
        words = "user: 'dave', room: '#tea', text: 'spam', ref: {seq: 2, check: 'abcdefghijk'}"
        fake(
            page,
            f"fake.event('*', 'report', {{{words}, about: {{user: 'carol', room: '#tea', mayOpen: true}}}})",
        )
        fake(page, f"fake.event('*', 'report', {{{words}, room: ''}})")
        open_one, unknown = page.locator(".event").nth(0), page.locator(".event").nth(1)
        expect(open_one).to_contain_text(
            "dave reported a post of carol’s in #tea to the moderators: spam. Show the post"
        )
        expect(unknown).to_contain_text("dave reported a post to the moderators: spam")
        unknown.get_by_role("button", name="Show the post").click()
        expect(page.get_by_role("dialog")).to_contain_text("a rude word")
        page.keyboard.press("Escape")
        fake(
            page,
            "fake.app.ask = async () => { throw Object.assign(new Error('No.'), {code: 'NO_SUCH_POST'}); }",
        )
        unknown.get_by_role("button", name="Show the post").click()
        expect(page.locator(".toast")).to_have_text("What was reported is gone.")
        open_one.get_by_role("link", name="Show the post").click()
        expect(page.locator(".pointed-out")).to_contain_text("gunpowder")


def test_an_invitation_is_accepted(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="Join &board").click()
        expect(page.locator(".room[aria-current]")).to_contain_text("board")
        expect(page.locator(".invitation")).to_have_count(0)


def test_a_private_room_is_made_and_somebody_invited(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="New room or conversation").click()
        page.get_by_role("button", name="Private room").click()
        page.keyboard.type("Tea Plan")
        page.keyboard.press("Enter")
        expect(page.locator(".main h1")).to_have_text("tea-plan")
        page.get_by_role("button", name="Invite somebody").click()
        page.keyboard.type("nobody")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").last).to_contain_text("There is no user nobody.")
        page.get_by_label("Name").fill("carol")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").last).to_contain_text("carol is invited")


def test_a_person_is_followed_blocked_and_written_to(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="carol", exact=True).first.click()
        page.get_by_role("dialog").get_by_role("button", name="Follow").click()
        expect(page.get_by_role("dialog").get_by_role("button", name="Unfollow")).to_be_visible()
        page.get_by_role("dialog").get_by_role("button", name="Block").click()
        page.get_by_role("dialog").last.get_by_role("button", name="Block").click()
        page.get_by_role("dialog").get_by_role("button", name="Message").click()
        expect(page.locator(".main h1")).to_have_text("carol")
        assert [t for t, _ in fake(page, "fake.ordered")] == ["join", "block"]


def test_moderators_mute_for_a_time(chromium: Browser) -> None:
    """By the server's time: this machine's clock is two days slow."""
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="carol", exact=True).first.click()
        page.get_by_role("button", name="Moderate").click()
        page.get_by_role("menuitem", name="Mute · #tea").click()
        page.get_by_label("For how long").select_option("86400")
        page.get_by_role("dialog").last.get_by_role("button", name="Mute").click()
        until(page, "fake.ordered.length === 1")
        name, words = fake(page, "fake.ordered[0]")
        assert (name, words["room"], words["to"], words["mute"]) == ("ban", "#tea", "carol", True)
        assert 0 <= page.evaluate("fake.app.now()") + 86_400_000 - words["until"] < 60_000


def test_the_menu_of_moderators_marks_the_role_that_one_has(chromium: Browser) -> None:
    """In the room, as it is now, and on the whole server; with space around all entries."""
    with opened(chromium, hash="#/&ops", query="&admin") as page:

        def chosen(name: str) -> list[str]:
            page.locator("chat-people .member", has_text=name).click()
            page.get_by_role("dialog").get_by_role("button", name="Moderate").click()
            marked = page.get_by_role("menuitemradio", checked=True).all_inner_texts()
            expect(page.get_by_role("menuitemradio")).to_have_count(6)
            menu, entries = page.locator(".menu"), page.locator(".menu button")
            around, first, last = (
                one.evaluate("one => one.getBoundingClientRect().toJSON()")
                for one in (menu, entries.first, entries.last)
            )
            above, below = first["top"] - around["top"], around["bottom"] - last["bottom"]
            assert above == below == first["left"] - around["left"] > 3
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
            return marked

        assert chosen("carol") == ["Role: None · &ops", "Role: None · this server"]
        fake(page, "void (fake.roles['&ops'].carol = 'owner'), fake.details('&ops')")
        expect(page.locator("chat-people .member", has_text="carol")).to_contain_text("Owner")
        assert chosen("carol") == ["Role: Owner · &ops", "Role: None · this server"]


def test_ones_own_card_opens_ones_own_page(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="alice", exact=True).first.click()
        page.get_by_role("dialog").get_by_role("button", name="Open your page").click()
        expect(page.locator(".main h1")).to_have_text("Your page")


@pytest.mark.parametrize("locale", ["en-US", "en-GB", "ko-KR", "hi-IN"])
@pytest.mark.parametrize("width", [720, 1200])  # on less it is not shown
def test_the_time_beside_a_post_leaves_its_text_alone(chromium: Browser, locale: str, width: int) -> None:
    with opened(chromium, hash=TEA, locale=locale, width=width) as page:
        post = page.locator(".post.on").last
        post.hover()
        time, text = (post.locator(one).bounding_box() for one in ("time", ".text"))
        assert time is not None
        assert text is not None
        assert time["x"] >= 0
        assert time["x"] + time["width"] + 4 <= text["x"]


def test_who_joins_a_room_stands_among_its_members(chromium: Browser) -> None:
    """And may leave it again: here, or where they have joined it or left it on another device."""
    with opened(chromium, hash="#/%23teapots") as page:
        people = page.locator("chat-people")
        expect(people.locator(".member")).to_have_count(4)
        page.get_by_role("button", name="Join #teapots").click()
        expect(people.locator(".member", has_text="you")).to_contain_text("alice")
        expect(people.get_by_role("button", name="Leave")).to_be_visible()
        page.evaluate("fake.joined('#teapots', false)")
        expect(people.locator(".member")).to_have_count(4)
        expect(people.get_by_role("button", name="Leave")).to_have_count(0)


@pytest.mark.parametrize("where", ["#tea", ""])
def test_posts_are_kept_for_less_time_only_after_a_question(chromium: Browser, where: str) -> None:
    """What deletes posts asks first, in a room as on the whole server; what deletes none does not."""
    with opened(chromium, hash=TEA, query="&admin") as page:
        if not where:
            page.get_by_role("button", name="Account").click()
        around = page.locator("chat-people" if where else "dialog .account")
        kept = around.get_by_label("Posts are kept")
        before = kept.input_value()
        kept.focus()
        page.keyboard.press("ArrowDown" if where else "ArrowUp")
        question = page.get_by_role("dialog").last
        expect(question).to_contain_text("30 days")
        expect(question).to_contain_text("for ever")
        assert fake(page, "fake.ordered") == []
        question.get_by_role("button", name="Cancel").click()
        expect(kept).to_have_value(before)
        assert fake(page, "fake.ordered") == []
        kept.select_option("30d")
        page.get_by_role("dialog").last.get_by_role("button", name="Delete older posts").click()
        expect(kept).to_have_value("30d")
        room = {"room": where} if where else {}
        assert fake(page, "fake.ordered") == [["set_policy", {**room, "name": "keep", "value": "30d"}]]
        kept.select_option("365d")
        until(page, "fake.ordered.length === 2")
        expect(kept).to_have_value("365d")


def test_a_policy_that_is_refused_is_shown_as_it_holds(chromium: Browser) -> None:
    with opened(chromium, hash=TEA, query="&admin") as page:
        page.get_by_role("button", name="Account").click()
        page.evaluate("void (fake.app.order = async () => { throw new Error('Only admins do that.'); })")
        page.get_by_label("New names").select_option("closed")
        expect(page.get_by_role("status").last).to_contain_text("Only admins")
        expect(page.get_by_label("New names")).to_have_value("open")


def test_what_stands_beside_a_room_follows_what_happens_there(chromium: Browser) -> None:
    """Also in the header, where it is closed; and whatever has the focus keeps it."""
    with opened(chromium, hash="#/&ops", width=1200) as page:
        header, people = page.locator(".room-header"), page.locator("chat-people")
        expect(header).to_contain_text("What is on fire")
        fake(page, "void (fake.about['&ops'] = 'Water'), fake.details('&ops')")
        expect(header).to_contain_text("Water")
        page.get_by_role("button", name="People and details").click()
        expect(people.locator(".about")).to_have_text("Water")
        carol, erin = (people.locator(".member", has_text=name) for name in ("carol", "erin"))
        chosen = people.get_by_label("Who may invite")
        for focused in (carol, chosen):
            focused.focus()
            fake(page, "void (fake.roles['&ops'].erin = 'moderator'), fake.details('&ops')")
            expect(erin).to_contain_text("Moderator")
            expect(focused).to_be_focused()
            fake(page, "void (fake.roles['&ops'].erin = ''), fake.details('&ops')")
            expect(erin).not_to_contain_text("Moderator")
        fake(page, "void (fake.members = ['bob', 'carol']), fake.details('&ops')")
        expect(erin).to_have_count(0)


def test_who_speaks_in_a_room_has_joined_it(chromium: Browser) -> None:
    """That somebody joins is told to nobody: so the page asks when they speak, and when one comes back."""
    with opened(chromium, hash="#/&ops") as page:
        members = page.locator("chat-people .member")
        expect(members).to_have_count(5)
        fake(page, "void (fake.members = [...fake.members, 'frank']), fake.say('&ops', 'frank', 'hello')")
        expect(members).to_have_count(6)
        asked = fake(page, "fake.asked.length")
        fake(page, "fake.say('&ops', 'frank', 'again')")
        expect(page.locator(".post").last).to_contain_text("again")
        assert fake(page, "fake.asked.length") == asked
        fake(page, "void (fake.members = [...fake.members, 'grace']), dispatchEvent(new Event('focus'))")
        expect(members).to_have_count(7)


def test_who_becomes_an_admin_moderates_at_once(chromium: Browser) -> None:
    with opened(chromium, hash="#/%23python") as page:
        page.get_by_role("button", name="bella", exact=True).first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Message")).to_be_visible()
        expect(dialog.get_by_role("button", name="Moderate")).to_have_count(0)
        page.keyboard.press("Escape")
        asked = fake(page, "fake.asked.filter(([t]) => t === 'who_is').length")
        fake(page, "void (fake.clusterRole = 'admin'), fake.details('')")
        until(page, f"fake.asked.filter(([t]) => t === 'who_is').length > {asked}")
        page.get_by_role("button", name="bella", exact=True).first.click()
        expect(dialog.get_by_role("button", name="Moderate")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("room", ["#tea", "&ops"])
def test_a_room_is_left_and_everything_is_shown(chromium: Browser, room: str, width: int) -> None:
    where = "#/" + room.replace("#", "%23")
    with opened(chromium, hash=where, width=width) as page:
        page.get_by_role("button", name="People and details").click()
        page.get_by_role("button", name="Leave").click()
        page.get_by_role("dialog").get_by_role("button", name="Leave").click()
        expect(page.locator(".main h1")).to_have_text("Everything")
        assert page.evaluate("location.hash") == "#/*"
        expect(page.locator(f".room[href='{where}']")).to_have_count(0)


def test_a_private_room_that_is_left_elsewhere_is_not_stayed_in(chromium: Browser) -> None:
    with opened(chromium, hash="#/&quiet") as page:
        page.get_by_role("button", name="Leave").wait_for()
        fake(page, "fake.joined('&quiet', false)")
        expect(page.locator(".foot")).to_have_text("You are not in &quiet.")
        expect(page.locator("chat-people .details")).to_have_text("You are not in &quiet.")
        expect(page.locator(".room", has_text="quiet")).to_have_count(0)
        page.evaluate("location.hash = '#/'")
        expect(page.locator(".main h1")).to_have_text("Everything")


@pytest.mark.parametrize("width", [360, 1200])
def test_who_is_removed_is_told_so_and_copies_what_they_were_writing(chromium: Browser, width: int) -> None:
    with opened(chromium, hash="#/&quiet", width=width) as page:
        composer(page).fill("half a thought\nof two lines")
        fake(page, "fake.event('&quiet', 'remove', {to: 'alice', text: 'spam'})")
        ended = "ended: fake.app.timeline('&quiet').items.at(-1)"
        fake(page, f"fake.row('&quiet', {{isJoined: false, {ended}}})")
        told = "bob removed you from &quiet: spam. You can come back only if somebody invites you again."
        foot = page.locator(".foot")
        expect(foot).to_contain_text(told)
        expect(foot.get_by_role("button", name="Join")).to_have_count(0)
        assert foot.locator("blockquote").inner_text() == "half a thought\nof two lines"
        foot.get_by_role("button", name="Copy").click()
        assert page.evaluate("navigator.clipboard.readText()") == "half a thought\nof two lines"
        page.evaluate("location.hash = '#/*'")
        row = page.locator(".room", has_text="quiet")
        expect(row).to_contain_text("Draft")
        fake(page, "fake.timeline('&quiet', {sentence: 'No such room: &quiet.'})")
        page.evaluate("location.hash = '#/&quiet'")
        expect(page.locator(".empty")).to_have_text(told)
        expect(foot).not_to_contain_text("removed")
        foot.get_by_role("button", name="Discard").click()
        expect(foot).to_have_text("")
        expect(row).to_have_count(0)
        fake(page, "fake.invitations = [{room: '&quiet', by: 'bob', until: 0}]")
        foot.get_by_role("button", name="Join &quiet").click()
        until(page, "fake.app.room('&quiet').isJoined")


def test_who_is_banned_from_a_topic_is_not_asked_to_join_it(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        for kind, offered in (("remove", 1), ("ban", 0)):
            fake(page, f"fake.event('#tea', '{kind}', {{to: 'alice', text: 'spam'}})")
            fake(
                page,
                "fake.row('#tea', {isJoined: false, ended: fake.app.timeline('#tea').items.at(-1)})",
            )
            expect(page.locator(".foot")).to_contain_text("you from #tea")
            expect(page.locator(".foot").get_by_role("button", name="Join")).to_have_count(offered)


def test_the_last_one_who_leaves_a_private_room_is_told_that_it_closes(chromium: Browser) -> None:
    """By who is there now: that others came or went is told to nobody."""
    with opened(chromium, hash="#/&quiet") as page:
        leave = page.get_by_role("button", name="Leave")
        leave.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("only if somebody invites you")
        page.keyboard.press("Escape")
        alone = "members: [{name: 'alice', role: 'owner'}], more: false, about: ''"
        page.evaluate(f"void (fake.app.ask = async () => ({{{alone}, policies: []}}))")
        leave.click()
        expect(dialog).to_contain_text("closed for ever")


def test_who_is_invited_is_not_told_that_there_is_no_such_room(chromium: Browser) -> None:
    with opened(chromium, hash="#/%23nowhere") as page:
        expect(page.locator(".empty:visible")).to_have_text("No such room: #nowhere.")
        fake(page, "fake.invitations = [{room: '#nowhere', by: 'bob', until: 0}]")
        expect(page.locator(".empty:visible")).to_have_text("You read this room once you have joined it.")
        expect(page.locator(".bar")).to_contain_text("You are invited.")


def test_an_invitation_that_cannot_be_taken_goes(chromium: Browser) -> None:
    with opened(chromium) as page:
        fake(
            page,
            "fake.invitations = ['&board', '&closed'].map(room => ({room, by: 'erin', until: 0}))",
        )
        page.get_by_role("button", name="Join &closed").click()
        expect(page.get_by_role("status").last).to_contain_text("&closed is closed by now")
        expect(page.locator(".invitation")).to_have_count(1)
        page.get_by_role("button", name="Dismiss the invitation to &board").click()
        expect(page.locator(".invitation")).to_have_count(0)
        assert [words["room"] for _, words in fake(page, "fake.ordered")] == ["&closed"]


@pytest.mark.parametrize("is_made", [True, False])
def test_who_has_made_a_room_reads_from_its_beginning(chromium: Browser, is_made: bool) -> None:
    with opened(chromium, "empty", hash="#/&new") as page:
        fake(page, "fake.joined('&new', true)")
        if is_made:
            fake(page, "fake.event('&new', 'create', {user: 'alice', text: 'joined'})")
        else:
            fake(page, "fake.say('&new', 'bob', 'hello')")
        begins = "This is the beginning of" if is_made else "This is as far back as you can read in"
        expect(page.locator(".beginning")).to_contain_text(f"{begins} &new.")
        fake(page, "fake.details('&new')")
        told = page.locator("chat-people").get_by_text("Newcomers read only what is said after they join.")
        expect(told).to_have_count(int(is_made))


def test_the_account_shows_devices_and_makes_codes_and_tokens(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="Account").click()
        expect(page.get_by_role("dialog")).to_contain_text("Firefox on Linux")
        page.get_by_role("button", name="End: Phone").click()
        assert fake(page, "fake.ordered") == []
        page.get_by_role("dialog").last.get_by_role("button", name="End", exact=True).click()
        until(page, "fake.ordered.length === 1")
        assert fake(page, "fake.ordered[0]") == ["revoke", {"session": 2}]
        page.get_by_text("Let in another device").click()
        page.get_by_role("button", name="Make a code").click()
        expect(page.locator("output")).to_have_text("7H2K-9QXM-4TRD")


def test_the_account_is_as_things_are_while_it_is_open(chromium: Browser) -> None:
    """Whether one has a password is known once there is a connection, and sessions begin elsewhere."""
    with opened(chromium, hash=TEA, width=360, height=740, touch=True) as page:
        banner = page.locator(".banner").bounding_box()
        assert banner is not None
        assert banner["height"] <= 60
        page.clock.install()
        page.get_by_role("link", name="Back to the rooms").tap()
        fake(page, "fake.me({session: 0, password: true})")
        page.locator(".you").tap()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("in use now")).to_be_visible()
        for words in ("Change the password", "Set a password", "Let in another device"):
            expect(dialog.get_by_text(words)).to_have_count(0)
        fake(page, "fake.me({session: 1, password: false})")
        expect(dialog.get_by_text("Set a password")).to_be_visible()
        expect(dialog.get_by_text("Let in another device")).to_be_visible()
        page.evaluate(
            "fake.sessions = [{id: 1, label: 'Here', scope: 'all', since: 1, used: 1, is_this: true},"
            "{id: 7, label: 'A new one', scope: 'all', since: 1, used: 0, is_this: false}]"
        )
        page.clock.run_for(5_000)
        expect(dialog.get_by_text("A new one")).to_be_visible()


def test_what_admins_decide_is_as_wide_as_the_rest(chromium: Browser) -> None:
    """Also before a link was made; and then its fields have again what they had. The browser need not be one
    that has come by TLS, or from localhost."""
    insecure = "Object.defineProperty(crypto, 'subtle', {value: undefined})"
    with opened(chromium, hash=TEA, query="&admin", width=1200, before=insecure) as page:
        page.get_by_role("button", name="Account").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Invite new people").click()
        inner = dialog.locator(".account").evaluate("box => box.getBoundingClientRect().right - 20")

        def right(locator: Any) -> Any:
            return locator.evaluate("one => one.getBoundingClientRect().right")

        for one in (dialog.get_by_label("New names"), dialog.get_by_label("For how many days")):
            assert right(one) == inner
        dialog.get_by_role("button", name="Make a link").click()
        expect(dialog.locator("output")).to_contain_text("#/code/")
        expect(dialog.get_by_label("For how many", exact=True)).to_have_value("10")
        expect(dialog.get_by_label("For how many days")).to_have_value("7")


def test_who_has_no_password_sets_one_and_whoever_has_one_changes_it(chromium: Browser) -> None:
    """The present one is asked for where there is one, and the banner is gone then. Recovery codes are shown
    with it, once, and new ones are made when one asks for them."""
    with opened(chromium, hash=TEA) as page:
        banner = page.locator(".banner", has_text="No password yet")
        expect(banner).to_have_count(1)
        page.get_by_role("button", name="Account").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Set a password").click()
        expect(dialog.get_by_label("Present password", exact=False)).to_have_count(0)
        dialog.get_by_label("New password").fill("short")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert").first).to_contain_text("at least 8")
        dialog.get_by_label("New password").fill("correct horse")
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(1)
        expect(dialog.get_by_role("heading")).to_have_text("Recovery codes")
        codes = dialog.locator("output").inner_text().split("\n")
        assert len({*codes}) == 8
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)
        expect(banner).to_have_count(0)
        page.get_by_role("button", name="Account").click()
        dialog.get_by_text("Change the password").click()
        expect(dialog.get_by_label("Present password").first).to_be_visible()
        expect(dialog.get_by_label("Present password")).to_have_count(
            4
        )  # also for a device, for recovery, and for a program
        dialog.get_by_text("Recovery codes").click()
        dialog.get_by_role("button", name="Make new codes").click()
        expect(dialog.locator("output")).to_contain_text(codes[7])


@pytest.mark.parametrize("width", [360, 1440])
def test_each_recovery_code_stands_on_one_line(chromium: Browser, width: int) -> None:
    with opened(chromium, hash=TEA, width=width) as page:
        page.locator(".banner").get_by_role("button", name="Set one").click()
        page.get_by_label("New password").fill("correct horse")
        page.keyboard.press("Enter")
        codes = page.get_by_role("dialog").locator("output")
        expect(codes).to_be_visible()
        lines = "Math.round(codes.offsetHeight / parseFloat(getComputedStyle(codes).lineHeight))"
        assert codes.evaluate(f"codes => {lines}") == 8


def test_who_has_no_password_is_warned_before_logging_out(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="Account").click()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("dialog").last.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("dialog").last).to_contain_text("nobody can ever be this name again")
        page.get_by_role("button", name="Log out anyway").click()
        expect(page.locator("#field-name")).to_be_visible()


def test_a_session_that_was_ended_says_why(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.end('This session of alice was ended.')")
        expect(page.get_by_role("alert")).to_contain_text("This session of alice was ended.")
        page.get_by_role("button").click()
        expect(page.locator("#field-name")).to_be_visible()


def test_who_is_banned_is_told_so_and_not_that_they_were_logged_out(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.end('alice is banned from this server.', 'BARRED')")
        expect(page.get_by_role("alert")).to_have_text("alice is banned from this server.")
        expect(page.get_by_role("heading")).to_have_text("You cannot come in.")
        expect(page.get_by_role("button")).to_have_text("Try again")


def test_banners_that_are_drawn_anew_leave_the_focus_where_it_is(chromium: Browser) -> None:
    """On the button of the same one, though another has one that is called the same."""
    with opened(chromium, hash=TEA) as page:
        old = "fake.oldPosts = ['a', 'b'].map(key => ({key, text: key, mayWithdraw: true}))"
        fake(page, old)
        for has_text, name in (("No password yet", "Set one"), ("posted: b", "Discard")):
            button = page.locator(".banner", has_text=has_text).get_by_role("button", name=name)
            button.focus()
            fake(page, old)
            page.evaluate("new Promise(requestAnimationFrame)")
            expect(button).to_be_focused()


def test_a_password_that_was_changed_elsewhere_is_asked_for(chromium: Browser) -> None:
    """In words of the page, and without the name, which it knows."""
    with opened(chromium, hash=TEA) as page:
        fake(page, "fake.end('Log in again, by --password.', 'SECRET_CHANGED')")
        expect(page.get_by_role("alert")).to_contain_text("Your password was changed elsewhere.")
        page.get_by_role("button").click()
        expect(page.locator("#field-name")).to_have_value("alice")


def test_of_an_old_post_it_is_said_whether_it_may_be_there(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        kept = "{key: 'a', text: 'kept', mayWithdraw: true}"
        sent = "{key: 'b', text: 'sent', mayWithdraw: false}"
        fake(page, f"fake.oldPosts = [{kept}, {sent}]")
        expect(page.locator(".banner", has_text="kept")).to_contain_text("it was never posted")
        expect(page.locator(".banner", has_text="sent")).to_contain_text("it may have been posted or not")


def test_notifications_are_asked_for_after_the_first_mention(chromium: Browser) -> None:
    undecided = "Object.defineProperty(Notification, 'permission', {get: () => 'default'})"
    with opened(chromium, hash=TEA, before=undecided) as page:
        expect(page.locator(".banner", has_text="mentioned")).to_have_count(0)
        fake(page, "fake.call({id: '1', room: '#tea', user: 'bob', text: 'hi', seq: 3})")
        banner = page.locator(".banner", has_text="mentioned")
        expect(banner).to_be_visible()
        banner.get_by_role("button", name="No", exact=True).click()
        fake(page, "fake.call({id: '2', room: '#tea', user: 'bob', text: 'hi', seq: 4})")
        expect(banner).to_have_count(0)


# ---- the keyboard, small screens, colours ----


def test_keys(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        expect(composer(page)).to_be_focused()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox")).to_be_focused()
        page.keyboard.type("op")
        page.keyboard.press("Enter")
        expect(page.locator(".main h1")).to_have_text("ops")
        page.keyboard.press("Alt+ArrowDown")
        expect(page.locator(".main h1")).not_to_have_text("ops")
        page.goto(f"{ORIGIN}/?scene=busy{TEA}")
        expect(page.locator(".post").last).to_be_visible()
        page.keyboard.press("ArrowUp")
        expect(composer(page)).to_have_value("Yes, tomorrow at ten?")
        page.locator(".main h1").click()
        page.locator("chat-timeline").focus()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("Ctrl+K")
        page.keyboard.press("Escape")
        page.locator("chat-timeline").focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        expect(page.locator(".post:focus")).to_contain_text("Congratulations")
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".post:focus")).to_contain_text("Congratulations")


def test_the_finder_shows_what_there_is_and_finds_it_by_any_part(chromium: Browser) -> None:
    with opened(chromium, scene="empty") as page:
        page.keyboard.press("Control+k")
        names = page.get_by_role("option").locator("bdi")
        own = ["Your page"]
        topics, people = ["#python", "#teapots", "#tennis"], ["Page of bob", "Page of dave", "Page of tess"]
        expect(names).to_have_text([*own, *topics, *people])
        for typed, found in {
            "pot": ["#teapots", "Join or begin #pot"],
            "#n": ["#python", "#tennis", "Join or begin #n"],
            "@": ["Write to bob", "Write to dave", "Write to tess"],
            "@es": ["Write to tess", "Write to es"],
            "ess": ["Page of tess", "Write to tess", "Join or begin #ess"],
        }.items():
            page.get_by_role("combobox").fill(typed)
            expect(names).to_have_text(found)
        page.get_by_role("combobox").fill("pot")
        page.keyboard.press("Enter")
        expect(page.locator(".main h1")).to_have_text("teapots")


def test_who_is_nowhere_yet_is_offered_what_there_is(chromium: Browser) -> None:
    with opened(chromium, scene="empty") as page:
        none = page.locator("chat-rooms .none")
        expect(none.get_by_role("link")).to_have_text(
            ["#python", "#teapots", "#tennis", "bob", "dave", "tess"]
        )
        none.get_by_role("button", name="Look around").click()
        expect(page.get_by_role("option", name="#teapots")).to_be_visible()
        page.keyboard.press("Escape")
        none.get_by_role("link", name="#teapots").click()
        expect(page.get_by_role("button", name="Join #teapots")).to_be_visible()


def test_a_person_is_followed_by_their_name(chromium: Browser) -> None:
    with opened(chromium, scene="empty") as page:
        page.get_by_role("button", name="New room or conversation").click()
        page.get_by_role("button", name="Follow a person").click()
        page.keyboard.type("@Dave")
        page.keyboard.press("Enter")
        expect(page.locator(".main h1")).to_have_text("dave")
        assert fake(page, "fake.ordered") == [["join", {"room": "dave"}]]
        page.get_by_role("button", name="New room or conversation").click()
        page.get_by_role("button", name="Look around").click()
        expect(page.get_by_role("option", name="#teapots")).to_be_visible()


def test_escape_goes_to_the_newest_post(chromium: Browser) -> None:
    with opened(chromium, scene="long", hash=TEA) as page:
        scroll(page, -3_000)
        page.keyboard.press("Escape")
        expect(page.locator(".post").last).to_be_in_viewport()
        expect(composer(page)).to_be_focused()


def test_a_phone_shows_in_a_room_that_somebody_calls_elsewhere(chromium: Browser) -> None:
    with opened(chromium, hash=TEA, width=360, height=740, touch=True) as page:
        back = page.locator(".room-header .back")
        expect(back).to_have_accessible_name("Back to the rooms: somebody calls you")
        fake(page, "fake.invitations = []")
        fake(page, "fake.app.rooms().forEach(row => fake.app.seen(row.room, row.newest))")
        expect(back).to_have_accessible_name("Back to the rooms")
        fake(page, "fake.say('@bob', 'bob', 'Are you there, @alice?')")
        expect(back).to_have_accessible_name("Back to the rooms: somebody calls you")


def test_a_phone_shows_one_column_with_large_targets(chromium: Browser) -> None:
    with opened(chromium, hash="#/", width=360, height=740, touch=True) as page:
        expect(page.locator(".main")).to_be_hidden()
        page.get_by_role("link", name="tea").tap()
        expect(page.locator("chat-rooms")).to_be_hidden()
        small = page.locator(".main :is(.icon-only, .button, .send):visible").evaluate_all(
            "all => all.map(one => Math.min(one.offsetHeight, one.offsetWidth)).filter(size => size < 44)"
        )
        assert not small
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.get_by_role("link", name="Back to the rooms").tap()
        expect(page.locator("chat-rooms")).to_be_visible()


def test_back_closes_what_is_topmost_and_then_goes_back(chromium: Browser) -> None:
    """Nothing else happens by it, however many stand one above the other."""
    with opened(chromium, hash="#/", width=360, height=740, touch=True) as page:
        page.get_by_role("link", name="tea").tap()
        page.get_by_role("button", name="People and details").tap()
        people = page.locator("chat-people")
        expect(people).to_be_visible()
        people.get_by_role("button", name="carol").tap()
        dialogs = page.get_by_role("dialog")
        dialogs.get_by_role("button", name="Block").tap()
        expect(dialogs).to_have_count(2)
        for left in (1, 0):
            page.go_back()
            expect(dialogs).to_have_count(left)
            expect(people).to_be_visible()
        page.go_back()
        expect(people).to_be_hidden()
        expect(page.locator(".main h1")).to_have_text("tea")
        page.locator(".post .text").last.tap()
        page.locator(".post").last.locator("[data-act=more]").tap()
        expect(page.get_by_role("menu")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("menu")).to_have_count(0)
        expect(page.locator(".main h1")).to_be_visible()
        page.go_back()
        expect(page.locator("chat-rooms")).to_be_visible()
        page.locator(".you").tap()
        expect(dialogs).to_have_count(1)
        page.go_back()
        expect(dialogs).to_have_count(0)
        expect(page.locator("chat-rooms")).to_be_visible()


def test_what_was_closed_is_no_step_back(chromium: Browser) -> None:
    """Nor what was open where one went on from it, nor what was open when the page was loaded again."""
    with opened(chromium, hash="#/@bob", width=1000) as page:
        page.get_by_role("link", name="tea").click()
        title = page.locator(".main h1")
        expect(title).to_have_text("tea")
        for _ in range(2):
            page.get_by_role("button", name="Account").click()
            expect(page.get_by_role("dialog")).to_be_visible()
            page.keyboard.press("Escape")
            page.get_by_role("button", name="People and details").click()
            page.locator("chat-people").get_by_role("button", name="Close").click()
        page.get_by_role("button", name="People and details").click()
        page.locator("chat-people").get_by_role("button", name="carol").click()
        page.get_by_role("dialog").get_by_role("button", name="Message").click()
        expect(title).to_have_text("carol")
        expect(page.locator("chat-people")).to_be_hidden()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox")).to_be_focused()
        page.keyboard.type("python")
        page.keyboard.press("Enter")
        expect(title).to_have_text("python")
        page.get_by_role("button", name="Account").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.reload()
        expect(title).to_have_text("python")
        expect(page.get_by_role("dialog")).to_have_count(0)
        until(page, "!history.state?.above")
        page.go_back()
        expect(title).to_have_text("carol")
        page.go_forward()
        expect(title).to_have_text("python")
        for room in ("carol", "tea", "bob"):
            page.go_back()
            expect(title).to_have_text(room)
        page.go_forward()
        expect(title).to_have_text("tea")


def test_one_dialog_follows_the_other_at_once(chromium: Browser) -> None:
    """Though the step of the first one is being taken back."""
    slow = """
        const go = history.go.bind(history);
        history.go = by => setTimeout(() => go(by), 100);
        window.steps = 0;
        addEventListener("popstate", () => steps++);
    """
    with opened(chromium, hash=TEA, before=slow) as page:
        page.evaluate(
            "fake.app.recovery = () => new Promise(go => setTimeout(() => go({codes: ['7H2K']}), 50)); 0"
        )
        page.get_by_role("button", name="Set one").click()
        page.get_by_label("New password").fill("correct horse")
        page.keyboard.press("Enter")
        codes = page.get_by_role("dialog")
        expect(codes.get_by_role("heading")).to_have_text("Recovery codes")
        until(page, "steps === 1 && history.state?.above === 1")  # taken back, and then one of its own
        page.evaluate("history.back()")
        expect(codes).to_have_count(0)
        expect(page.locator(".main h1")).to_have_text("tea")


def test_the_colours_can_be_chosen(chromium: Browser) -> None:
    with opened(chromium, hash=TEA) as page:
        page.get_by_role("button", name="Account").click()
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_label("Dark").check()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != light
        page.reload()
        page.locator(".you").wait_for()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
