"""People talk through a real cluster, as the contract of the plain terminal promises."""

from __future__ import annotations

from rigs.processes import Cluster


def test_the_contract_of_the_terminal(cluster: Cluster) -> None:
    """Each typed line gets exactly the promised line."""
    alice = cluster.terminal("alice")
    bob = cluster.terminal("bob")
    alice.type("JOIN bob")
    alice.expect("Joined bob.")
    alice.type("join BOB", "JOIN alice", "JOIN noname", "LEAVE noname", "JOIN #Python", "LIST", "LIST b")
    alice.expect(
        "You have already joined bob.",
        "That is your own room.",
        "No such room: noname.",
        "You have not joined noname.",
    )
    alice.expect("Joined #python.")
    alice.expect(
        "All rooms:", "\t#python", "\talice", "\tbob", "Rooms you have joined:", "\t#python", "\tbob"
    )
    alice.expect("All rooms:", "\tbob", "Rooms you have joined:", "\tbob")
    bob.type("CHAT", "good morning", "tea? #Tea", "/quit", "JOIN #tea")
    bob.expect("Joined #tea.")
    alice.type("CHAT")
    alice.expect("bob: good morning", "bob: tea? #Tea")
    bob.type("CHAT")
    bob.expect("bob: good morning", "bob: tea? #Tea")
    bob.type("@alice come over")
    alice.expect("bob: @alice come over")
    alice.type("on my way, #tea")
    bob.expect("alice: on my way, #tea")
    alice.type("/quit", "LEAVE bob", "LEAVE bob", "CHAT")
    alice.expect("Left bob.", "You have not joined bob.")
    alice.expect("bob: @alice come over", "alice: on my way, #tea")
    assert alice.end() == (0, [])
    assert bob.end() == (0, [])


def test_people_talk_alone(cluster: Cluster) -> None:
    """In a conversation, and in a private room, of which nobody else learns; and they take back what they
    said, which is then gone for all of them."""
    alice, bob, carol = (cluster.terminal(name) for name in ("alice", "bob", "carol"))
    talks = "Your conversations, the newest first:"
    for user in (bob, carol):
        user.type("JOIN alice", "CHAT", "/rooms")  # the answer says that the chat has begun
        user.expect("Joined alice.", "Rooms you have joined:", "\talice", talks)
    alice.type(
        "CREATE &Ops", "DESCRIBE &ops what breaks", "SAY &ops first", "INVITE &ops bob", "TELL bob psst"
    )
    alice.expect("Created &ops. INVITE &ops NAME lets somebody join it.", "Described &ops.")
    alice.expect("Invited bob to &ops.")
    bob.expect("alice invites you to &ops: /join &ops.", "[@alice] alice: psst")
    carol.type("/join &ops", "/history &ops", "/members &ops", "/redact 1")
    carol.expect(*["No such room: &ops."] * 3)
    carol.expect("No post 1 was seen here: /history ROOM shows posts with their numbers.")
    bob.type("/join &OPS", "/say &ops hunter2", "/rooms", "/members &ops", "/history &ops")
    bob.expect("Joined &ops.", "Rooms you have joined:", "\t&ops", "\talice", talks, "\t@alice")
    bob.expect("Members of &ops (what breaks):", "\talice (owner)", "\tbob")
    number, said = bob.lines.next().split(" ", 1)
    assert said == "[&ops] bob: hunter2"
    bob.type(f"/redact {number}", "/history &ops", "/chat @alice", "never mind", "/say bob done")
    bob.expect(f"Took post {number} back.", f"{number} [&ops] bob: (taken back)")
    bob.expect("What you type is posted in @alice now.")
    alice.type("REMOVE &ops bob no more", "SAY alice the end")
    alice.expect("Removed bob from &ops.")
    bob.expect("alice removed you from &ops: no more.", "alice: the end")
    carol.expect("alice: the end")
    alice.type("CHAT")
    alice.expect("[&ops] alice: first", "[@bob] alice: psst", "[&ops] bob: (taken back)")
    alice.expect("[@bob] bob: never mind", "alice: the end")


def test_people_talk_in_a_topic(cluster: Cluster) -> None:
    """Its members alone hear what is said there; whoever has not joined cannot speak, and is told so again at
    the end."""
    alice, bob, carol = (cluster.terminal(name) for name in ("alice", "bob", "carol"))
    alice.type("JOIN #tea", "CHAT #tea")
    alice.expect("Joined #tea.")
    bob.type("JOIN #Tea", "JOIN alice", "CHAT")
    bob.expect("Joined #tea.", "Joined alice.")
    carol.type("JOIN alice", "SAY #tea hello?", "CHAT")
    carol.expect("Joined alice.", "You have not joined #tea.")
    alice.type("who has sugar? see #help", "/chat", "at home")
    alice.expect("What you type is posted in your own room now.")
    bob.expect("[#tea] alice: who has sugar? see #help", "alice: at home")
    carol.expect("alice: at home")
    bob.type("/say #TEA I have")
    alice.expect("[#tea] bob: I have")
    carol.type("/join #tea", "/say #tea now I hear you")
    carol.expect("Joined #tea.")
    for hearer in (alice, bob):
        hearer.expect("[#tea] carol: now I hear you")
    assert [talker.end() for talker in (alice, bob)] == 2 * [(0, [])]
    assert carol.end() == (1, ["1 line was not posted: what was shown then says why."])


def test_a_name_belongs_to_who_took_it(cluster: Cluster) -> None:
    """A client that is started again is the same user; one on another machine is told that the name is
    taken."""
    assert cluster.terminal("alice").end() == (0, [])
    assert cluster.terminal("alice").end() == (0, [])
    elsewhere = cluster.root / "elsewhere"
    elsewhere.mkdir()
    status, output = cluster.run(
        "twistd", "-n", "chat-client", "--master", cluster.address, "alice",
        environ={"XDG_CONFIG_HOME": str(elsewhere)},
    )  # fmt: skip
    assert status == 1
    assert output.startswith("The name alice is taken")
    assert output.count("\n") == 1


def test_end_of_input_leaves_once_all_is_acknowledged(cluster: Cluster) -> None:
    """A script can pipe posts in, and all of them arrive, in order."""
    alice = cluster.terminal("alice")
    alice.type("CHAT", *(f"line {number}" for number in range(60)))
    assert alice.end() == (0, [])
    again = cluster.terminal("alice")
    again.type("CHAT")
    again.expect(*(f"alice: line {number}" for number in range(40, 60)))


def test_bad_lines_get_a_sentence_and_lose_nothing(cluster: Cluster) -> None:
    """Whatever is typed gets one clear line, and the next command works."""
    alice = cluster.terminal("alice")
    alice.type("FROBNICATE", "JOIN", "JOIN a b", "JOIN ###", "", "LIST")
    sentences = [alice.lines.next() for _ in range(4)]
    assert "FROBNICATE" in sentences[0]
    assert all(sentence.endswith(".") for sentence in sentences)
    alice.expect("All rooms:", "\talice", "Rooms you have joined:")
    alice.type("CHAT", "x" * 2001, "after")
    assert "2,000" in alice.lines.next()
    assert alice.process.stdin is not None
    alice.process.stdin.write(b"\xff\xfe broken\n")
    alice.process.stdin.flush()
    assert "UTF-8" in alice.lines.next()
    alice.type("the end", "/quit", "CHAT")
    alice.expect("alice: after", "alice: the end")


def test_a_password_opens_the_name_on_another_device(cluster: Cluster) -> None:
    """PASSWORD sets one; with it a device that has no secret can log in."""
    alice = cluster.terminal("alice")
    alice.type("PASSWORD correct horse battery")
    alice.lines.find(r".*[Pp]assword.*")
    elsewhere = cluster.root / "elsewhere"
    elsewhere.mkdir()
    assert alice.end()[0] == 0
    assert cluster.terminal("alice").end() == (0, [])


def test_nobody_found_is_said_after_ten_seconds(cluster: Cluster) -> None:
    """If the first connection finds no master, one sentence says so, and the exit status is 1."""
    cluster.kill_everything()
    status, output = cluster.run("twistd", "-n", "chat-client", "--master", cluster.address, "alice")
    assert status == 1
    assert cluster.address in output
    assert output.count("\n") == 1
