"""Bots at a real port: both faces hear each post once and say each answer once, wherever they are killed."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from web.real_front import RealFront, reactor

from chatnet.bot import Bot, BotError, LoggedOut, NotKept, Refused, sync
from chatnet.bot.kept import StateFile
from chatnet.bot.messages import Post
from chatnet.entries import Draft, More
from chatnet.errors import TooSlow
from chatnet.kinds import CLUSTER
from chatnet.reads import Newest

Steps = Callable[[Any], Generator[Callable[[], Any], Any, Any]]


@pytest.fixture
def front() -> Iterator[RealFront]:
    front = RealFront()
    yield front
    pytest_twisted.blockon(ensureDeferred(front.stop()))


# ---- two faces ----


class Both:
    """Runs the same steps with one of the faces, in a thread."""

    def __init__(self, face: str) -> None:
        self.face = face

    def run(self, url: str, token: str, steps: Steps, **options: Any) -> Deferred[Any]:
        """Return what ``steps`` of a bot returns: it yields calls, and is sent their results."""
        done: Deferred[Any] = Deferred()
        work = self._sync if self.face == "sync" else self._async

        def run() -> None:
            try:
                result = work(url, token, steps, options)
            except BaseException:
                reactor.callFromThread(done.errback, Failure())
            else:
                reactor.callFromThread(done.callback, result)

        threading.Thread(target=run, daemon=True).start()  # of a bot that never ends, the test ends
        return done

    @staticmethod
    def _sync(url: str, token: str, steps: Steps, options: Any) -> Any:
        with sync.Bot(url, token, **options) as bot:
            todo = steps(bot)
            call = next(todo)
            while True:
                try:
                    try:
                        result = call()
                    except BotError as error:
                        call = todo.throw(error)
                    else:
                        call = todo.send(result)
                except StopIteration as done:
                    return done.value

    @staticmethod
    def _async(url: str, token: str, steps: Steps, options: Any) -> Any:
        async def main() -> Any:
            async with Bot(url, token, **options) as bot:
                todo = steps(bot)
                call = next(todo)
                while True:
                    try:
                        try:
                            result = call()
                            if isinstance(result, Awaitable):
                                result = await result
                        except BotError as error:
                            call = todo.throw(error)
                        else:
                            call = todo.send(result)
                    except StopIteration as done:
                        return done.value

        return asyncio.run(main())


def following(posts: Any) -> Any:
    """Return the next post of a loop, or what waits for it."""
    return anext(posts) if isinstance(posts, AsyncIterator) else next(posts)


@pytest.fixture(params=["async", "sync"])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


@pytest_twisted.ensureDeferred
async def test_a_bot_posts_asks_and_is_refused(front: RealFront, both: Both) -> None:
    token = front.token_of("bot")

    def steps(bot: Any) -> Any:
        first = yield lambda: bot.post("hello ☃")
        yield lambda: bot.join("#tea")
        yield lambda: bot.join("#tea")
        second = yield lambda: bot.post("in the topic", "#tea")
        history = yield lambda: bot.history("#tea")
        try:
            yield lambda: bot.post("")
        except Refused as why:
            refusal = why
        return first, second, [post.text for post in history], refusal.code, bot.name

    first, second, history, code, name = await both.run(front.url, token, steps)
    said = {entry.seq: (entry.room, entry.text) for entry in front.log.entries if entry.kind == "post"}
    assert said == {first: ("bot", "hello ☃"), second: ("#tea", "in the topic")}
    assert (history, code, name) == (["in the topic"], "BAD_TEXT", "bot")


@pytest_twisted.ensureDeferred
async def test_what_a_key_names_is_posted_once(front: RealFront, both: Both) -> None:
    """By whichever process, with a state or without."""
    token = front.token_of("bot")

    def named(bot: Any) -> Any:
        return (yield lambda: bot.post("deployed", key="deploy-1842"))

    seqs = [await both.run(front.url, token, named) for _ in range(2)]
    assert seqs[0] == seqs[1]
    assert len([entry for entry in front.log.entries if entry.kind == "post"]) == 1


@pytest_twisted.ensureDeferred
async def test_a_loop_hears_each_post_once_over_lost_connections(
    front: RealFront, both: Both, tmp_path: Path
) -> None:
    """Its own are left out; what is said while it is not connected is heard as well."""
    front.token_of("alice")
    token = front.token_of("bot", "alice")
    heard: list[str] = []

    def steps(bot: Any) -> Any:
        posts = bot.posts()
        while len(heard) < 30:
            post: Post = yield lambda: following(posts)
            heard.append(post.text)
            if len(heard) % 7 == 0:
                reactor.callFromThread(front.move if len(heard) % 2 else front.cut)
                reactor.callFromThread(front.say, "alice", f"{len(heard)} while cut")
            bot.answer(post, f"echo {post.seq}", "bot")
            reactor.callFromThread(front.say, "alice", f"{len(heard)}")
        yield lambda: bot.post("the end")  # the last answer was sent before

    done = both.run(front.url, token, steps, state=tmp_path / "state")
    while not front.is_heard("bot"):
        await front.a_moment()
    front.say("alice", "0")
    await done
    said = [entry for entry in front.log.entries if entry.kind == "post" and entry.user == "alice"]
    assert heard == [entry.text for entry in said][:30]
    echoes = [entry.text for entry in front.log.entries if entry.user == "bot" and entry.kind == "post"]
    assert echoes == [*(f"echo {entry.seq}" for entry in said[:29]), "the end"]


@pytest_twisted.ensureDeferred
async def test_a_bot_outlives_a_log_that_cannot_be_read_for_a_while(
    front: RealFront, both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.token_of("alice")
    token = front.token_of("bot", "alice")
    read = front.log.read
    refused: list[Newest] = []

    async def slow(question: Any) -> Any:
        if isinstance(question, Newest) and len(refused) < 3:
            refused.append(question)
            raise TooSlow(TooSlow.sentence)
        return await read(question)

    monkeypatch.setattr(front.log, "read", slow)

    def steps(bot: Any) -> Any:
        posts = bot.posts()
        post: Post = yield lambda: following(posts)
        return post.text

    done = both.run(front.url, token, steps)
    while not front.is_heard("bot"):
        await front.a_moment()
    front.say("alice", "hello")
    assert await done == "hello"
    assert len(refused) == 3


@pytest_twisted.ensureDeferred
async def test_a_token_that_is_not_good_ends_a_bot(front: RealFront, both: Both) -> None:
    """It is not tried again and again; and one that is ended while it runs ends the bot."""

    def saying(bot: Any) -> Any:
        yield lambda: bot.post("hello")

    def hearing(bot: Any) -> Any:
        # On its first connection: a bot that has said something leaves one, and that could be ended.
        reactor.callFromThread(front.end_once_heard, "bot")
        yield lambda: following(bot.posts())

    with pytest.raises(LoggedOut, match="no longer good"):
        await both.run(front.url, "AAAA", saying)
    with pytest.raises(LoggedOut, match="was ended"):
        await both.run(front.url, front.token_of("bot"), hearing)


@pytest_twisted.ensureDeferred
async def test_a_loop_that_is_left_and_one_that_begins(front: RealFront, both: Both, tmp_path: Path) -> None:
    """What the first was given comes again; and that one is over, since both would handle the next."""
    front.token_of("alice")
    token = front.token_of("bot", "alice")

    def steps(bot: Any) -> Any:
        first = bot.posts()
        one = yield lambda: following(first)
        bot.answer(one, "never said", "bot")
        second = bot.posts()
        again = yield lambda: following(second)
        try:
            yield lambda: following(first)
        except BotError as why:
            return one, again, str(why)

    done = both.run(front.url, token, steps, state=tmp_path / "state")
    while not front.is_heard("bot"):
        await front.a_moment()
    seq = front.say("alice", "hello")
    one, again, why = await done
    assert one == again
    assert "one at a time" in why
    assert all(entry.text != "never said" for entry in front.log.entries)
    kept = StateFile(tmp_path / "state").open().cursor
    assert kept is not None
    assert kept.seq < seq


@pytest_twisted.ensureDeferred
async def test_a_bot_is_told_that_what_it_heard_elsewhere_is_purged_in_a_topic(
    front: RealFront, both: Both, tmp_path: Path
) -> None:
    """Among its entries; who reads posts alone is given the next post."""
    front.token_of("alice")
    token = front.token_of("bot", "alice")

    def steps(bot: Any) -> Any:
        posts = bot.posts()
        one = yield lambda: following(posts)
        entries = bot.entries()
        again = yield lambda: following(entries)
        purge = yield lambda: following(entries)
        posts = bot.posts()
        return one == again, purge.kind, purge.room, (yield lambda: following(posts)).text

    done = both.run(front.url, token, steps, state=tmp_path / "state")
    while not front.is_heard("bot"):
        await front.a_moment()
    front.say("alice", "spam in #tea")
    front.commit(Draft("purge", CLUSTER, "#tea", "", front.entropy(16), 0, More(to="alice")))
    front.say("alice", "hello")
    assert await done == (True, "purge", "#tea", "hello")


@pytest_twisted.ensureDeferred
async def test_a_state_is_of_one_bot(front: RealFront, both: Both, tmp_path: Path) -> None:
    def steps(bot: Any) -> Any:
        yield lambda: bot.post("hello")

    state = tmp_path / "state"
    await both.run(front.url, front.token_of("bot"), steps, state=state)
    with pytest.raises(BotError, match="of the user bot"):
        await both.run(front.url, front.token_of("other"), steps, state=state)
    assert StateFile(state).open().user == "bot"


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_kept_is_not_said(front: RealFront, both: Both, tmp_path: Path) -> None:
    """Else a bot that is started again would not know it, and say it twice."""
    token, state = front.token_of("bot"), tmp_path / "state"

    def steps(bot: Any) -> Any:
        (tmp_path / ".state.new").mkdir()
        try:
            yield lambda: bot.post("never said")
        except NotKept:
            (tmp_path / ".state.new").rmdir()
            return (yield lambda: bot.post("said"))

    await both.run(front.url, token, steps, state=state)
    assert [entry.text for entry in front.log.entries if entry.kind == "post"] == ["said"]


# ---- the examples of the documents ----

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_no_example_reads_the_clusters_token() -> None:
    """Where that stands in the environment, a bot would show it to whatever URL it is given."""
    examples = [path.read_text() for path in EXAMPLES.glob("*.py")]
    assert sum("BOT_TOKEN" in text for text in examples) == 2
    assert not any("CHATNET_TOKEN" in text for text in examples)


class Program:
    """An example, as a process."""

    def __init__(self, directory: Path, token: str, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, EXAMPLES / name, *arguments],
            cwd=directory,
            env=os.environ | {"BOT_TOKEN": token},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def output(self) -> Deferred[str]:
        """Return what it says until it ends."""
        return deferToThread(lambda: self.process.communicate()[0])

    def line(self) -> Deferred[str]:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return deferToThread(self.process.stdout.readline)


@pytest_twisted.ensureDeferred
async def test_the_deploy_notifier_says_each_deployment_once(front: RealFront, tmp_path: Path) -> None:
    token = front.token_of("ops", "#ops")
    for version in ("1842", "1842", "1843"):
        program = Program(tmp_path, token, "deploy_notifier.py", front.url, "#ops", "web", version)
        assert "Said in #ops" in await program.output()
        assert program.process.returncode == 0
    posts = [entry for entry in front.log.entries if entry.kind == "post"]
    assert [(one.room, one.text) for one in posts] == [
        ("#ops", "deployed web 1842"),
        ("#ops", "deployed web 1843"),
    ]


@pytest_twisted.ensureDeferred
async def test_the_echo_bot_echoes_once(front: RealFront, tmp_path: Path) -> None:
    """Started again, it goes on; it answers no program, and nobody elsewhere."""
    token, _ = front.token_of("echo"), front.token_of("alice", "#echo", "#tea")
    for text in ("one", "two"):
        program = Program(tmp_path, token, "echo_bot.py", front.url, "#echo")
        try:
            assert await program.line() == "Echoing #echo.\n"
            if text == "two":
                front.commit(Draft("post", "alice", "#tea", "not here", b"%016d" % 1))
            echoed = ensureDeferred(front.until(lambda one: one.user == "echo" and one.kind == "post"))
            while not (tmp_path / "echo_bot.state").exists() or not front.is_heard("echo"):
                await front.a_moment()
            front.commit(Draft("post", "alice", "#echo", text, text.encode().zfill(16)))
            assert (await echoed).text == f"alice said: {text}"
        finally:
            program.process.kill()
            await program.output()
    posts = [one.text for one in front.log.entries if one.kind == "post" and one.user == "echo"]
    assert posts == ["alice said: one", "alice said: two"]


# ---- killed ----


ZYGOTE = """
import asyncio, os, signal, sys
from chatnet.bot import Bot, sync

face, url, token, state = sys.argv[1:]

def count(left):
    def note(frame, event, argument):
        nonlocal left
        left -= "chatnet" in frame.f_code.co_filename
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    return note

def echo():
    with sync.Bot(url, token, state=state) as bot:
        for post in bot.posts():
            bot.answer(post, f"echo {post.seq}", "bot")

async def echo_async():
    async with Bot(url, token, state=state) as bot:
        async for post in bot.posts():
            bot.answer(post, f"echo {post.seq}", "bot")

for line in sys.stdin:
    child = os.fork()
    if not child:
        if int(line):
            import threading
            sys.setprofile(count(int(line)))
        echo() if face == "sync" else asyncio.run(echo_async())
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


class Zygote:
    """Starts bots, each of which kills itself after so many calls of functions of the library."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def start(self, calls: int) -> int:
        """Start one that has so many calls to live; 0: as many as it likes. Return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        return int(self._line())

    def gone(self) -> Deferred[str]:
        """Return a Deferred that fires when it is dead."""
        return deferToThread(self._line)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest_twisted.ensureDeferred
async def test_a_bot_that_is_killed_misses_nothing_and_repeats_nothing(
    front: RealFront, tmp_path: Path, face: str
) -> None:
    """SIGKILL at 30 random points, one process after the other on one state, while others talk on."""
    chance = random.Random(face)
    front.token_of("alice")
    token, state = front.token_of("bot", "alice"), tmp_path / "state"
    zygote = Zygote(face, front.url, token, str(state))
    try:
        begin = zygote.start(0)
        while not state.exists():
            await front.a_moment()
        os.kill(begin, 9)
        await zygote.gone()
        talking = True

        def talk(entries: Any) -> None:
            """Say something whenever the bot has said something, so that there is always something to do."""
            if talking and any(entry.user == "bot" for entry in entries):
                reactor.callLater(0, front.say, "alice", "more")

        front.log.window.watch(talk)
        for _ in range(30):
            front.say("alice", "once more")
            front.say("alice", "and more")
            zygote.start(chance.randint(1, 1_200))
            await zygote.gone()
        talking = False
        last = front.say("alice", "the last one")
        done = ensureDeferred(front.until(lambda entry: entry.text == f"echo {last}"))
        end = zygote.start(0)
        await done
        os.kill(end, 9)
        await zygote.gone()
    finally:
        zygote.stop()
    posts = [entry for entry in front.log.entries if entry.kind == "post"]
    heard = [f"echo {entry.seq}" for entry in posts if entry.user == "alice"]
    assert [entry.text for entry in posts if entry.user == "bot"] == heard
    assert len(heard) > 60
    assert threading.active_count() < 50
