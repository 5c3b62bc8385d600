"""Users over IRC: who is here, who is away, who somebody is; of other processes: test_irc_presence.py."""

from __future__ import annotations

import pytest
from irc_front.stage import SERVER, IrcLine, IrcStage
from irc_front.test_irc_rooms import does, moderated, together
from worker.conftest import Worker

from chatnet.entries import Draft, More
from chatnet.kinds import CLUSTER
from chatnet.worker.fronts.irc import people
from chatnet.worker.fronts.irc.moderation import BANS


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def absent(stage: IrcStage, name: str) -> None:
    """Let somebody be registered who is not here."""
    does(stage, "register", name, name, "argon2id")


def there(stage: IrcStage, name: str) -> None:
    """Let somebody be a member of &ops who is not here."""
    absent(stage, name)
    does(stage, "invite", "alice", "&ops", to=name)
    does(stage, "join", name, "&ops")


# ---- WHO ----


def test_who_of_a_channel(stage: IrcStage) -> None:
    """That channel in each line; H is here, G is away or not here, @ moderates; the host is no address."""
    alice, _ = moderated(stage)
    does(stage, "invite", "alice", "&ops", to="bob")
    absent(stage, "zoe")
    does(stage, "invite", "alice", "&ops", to="zoe")
    does(stage, "join", "zoe", "&ops")
    alice.take()
    assert alice.shown("WHO &ops") == [
        f"352 alice &ops alice user {SERVER} alice H@ 0 alice",
        f"352 alice &ops bob user {SERVER} bob H 0 bob",
        f"352 alice &ops zoe user {SERVER} zoe G 0 zoe",
        "315 alice &ops End of WHO.",
    ]


def test_who_of_a_mask(stage: IrcStage) -> None:
    """Each user once, with * for the channel; what nobody matches has an end alone; ``+i`` hides from masks,
    unless a channel is shared."""
    alice, bob = together(stage, "alice", "bob")
    carol = stage.user("carol")
    carol.ask("MODE carol +i")

    def names(mask: str) -> list[str]:
        return [one.params[5] for one in alice.ask(f"WHO {mask}") if one.command == "352"]

    assert names("*") == names("0") == names(":") == names("") == ["alice", "bob"]
    assert names("b?b") == ["bob"]
    assert names("bob") == ["bob"]
    assert names("carol") == ["carol"]
    carol.ask("JOIN #tea")
    assert names("*") == ["alice", "bob", "carol"]
    assert {one.params[1] for one in alice.ask("WHO *")[:-1]} == {"*"}
    assert alice.shown("WHO nobody_here") == ["315 alice nobody_here End of WHO."]
    assert alice.shown("WHO #nothing") == ["315 alice #nothing End of WHO."]
    for mask in ("*", "alice", "#@alice"):
        for options in ("o", "o%na", "ox"):
            assert alice.shown(f"WHO {mask} {options}") == [f"315 alice {mask} End of WHO."]
        assert len(alice.shown(f"WHO {mask} x")) > 1
    assert alice.shown("WHO &ops") == ["315 alice &ops End of WHO."]
    assert bob.is_open


def test_whox(stage: IrcStage) -> None:
    """The fields in their fixed order, whatever the request's; the token comes back."""
    [alice] = together(stage, "alice")
    alice.ask("MODE alice +B")
    assert alice.shown("WHO #tea %ranfhuctdisol,42")[0] == (
        f"354 alice 42 #tea alice 255.255.255.255 user {SERVER} alice H@B 0 0 alice n/a alice"
    )
    assert alice.shown("WHO alice %na")[0] == "354 alice alice alice"


def test_a_long_answer_is_written_as_it_is_read(stage: IrcStage) -> None:
    lines = [stage.user(f"user{number}") for number in range(250)]
    heard = lines[0].ask("WHO *", "PING x")
    stage.worker.pass_time(1)
    heard += lines[0].take()
    assert len([one for one in heard if one.command == "352"]) == 250
    assert heard[-1].command == "PONG"


# ---- WHOIS, WHOWAS, USERHOST, ISON ----


def test_whois(stage: IrcStage) -> None:
    """311, the channels that both are in, 312, 301 if away, 330, 335 for bots, 317 if here, 318 last."""
    alice, bob = together(stage, "alice", "bob")
    bob.ask("AWAY :at lunch", "MODE bob +B", "SETNAME :Bob B.", "JOIN #cake")
    heard = alice.shown("WHOIS Bob")
    assert heard[:5] == [
        "311 alice bob bob user * Bob B.",
        "319 alice bob #tea",
        f"312 alice bob {SERVER} chatnet",
        "301 alice bob at lunch",
        "330 alice bob bob is logged in as",
    ]
    assert heard[5:7][0].startswith("335 alice bob ")
    assert heard[6].startswith("317 alice bob ")
    assert heard[-1] == "318 alice Bob End of WHOIS."
    assert alice.shown("WHOIS irc.example bob")[0].startswith("311 alice bob ")
    assert "#@alice" in alice.shown("WHOIS alice")[1]


def test_all_that_a_bot_sends_has_the_tag_bot(stage: IrcStage) -> None:
    """bot-mode: what a user sends who is marked as a bot has the tag ``bot``, without a value, for those with
    ``message-tags``: posts, long ones, joins, topics; and no longer once that mode ends."""
    bot, plain = stage.user("teabot", "echo-message", "message-tags"), stage.user("bob", "server-time")
    wide, tagged = stage.everything("alice"), stage.user("carol", "message-tags")
    for line in (plain, wide, tagged):
        line.ask("JOIN #tea")
    does(stage, "role", CLUSTER, "#tea", "moderator", to="teabot")
    for line in (plain, wide, tagged):
        line.take()
    wide.ask("PRIVMSG #tea :nobody here is one")
    assert all("bot" not in one.tags for one in wide.take())
    bot.ask("MODE teabot +B")
    heard = bot.ask("JOIN #tea", "PRIVMSG #tea :x", "NOTICE #tea :y", "TOPIC #tea :z", "PRIVMSG alice :w")
    assert {one.tags.get("bot") for one in heard if one.nick == "teabot"} == {""}
    told = [one for one in wide.take() if one.nick == "teabot"]
    assert [one.command for one in told] == ["JOIN", "PRIVMSG", "NOTICE", "TOPIC", "PRIVMSG"]
    assert {one.tags.get("bot") for one in told} == {""}
    does(stage, "post", "teabot", "#tea", f"{'x ' * 400}\nlong")
    split = [one for one in tagged.take() if one.text.startswith("x x")]
    assert [one.tags.get("bot") for one in split] == [""] * len(split) != [""]
    begin, *_ = (one for one in wide.take() if one.nick == "teabot")
    assert (begin.command, begin.tags["bot"]) == ("BATCH", "")
    assert all("bot" not in one.tags for one in plain.take())
    bot.ask("MODE teabot -B", "PRIVMSG #tea :x")
    assert "bot" not in wide.take()[-1].tags
    bot.ask("MODE teabot +B")
    bot.cut()
    does(stage, "post", "teabot", "#tea", "x")
    assert "bot" not in wide.take()[-1].tags


def test_whois_says_who_is_there_by_tls(stage: IrcStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """modern.ircdocs.horse: 671 tells that the user's connection is secure. Of several connections of a user
    each has to be."""
    alice, bob = stage.user("alice"), stage.user("bob")
    second = stage.user("bob")
    by_tls = {id(bob.server.transport)}
    monkeypatch.setattr(people, "is_encrypted", lambda transport: id(transport) in by_tls)
    assert [one for one in alice.ask("WHOIS bob") if one.command == "671"] == []
    second.cut()
    [secure] = [one for one in alice.ask("WHOIS bob") if one.command == "671"]
    assert secure.shown == "671 alice bob is connected over TLS"
    assert [one for one in alice.ask("WHOIS alice") if one.command == "671"] == []


def test_whois_of_who_is_not_here_and_of_nobody(stage: IrcStage) -> None:
    alice = stage.user("alice")
    absent(stage, "zoe")
    assert [one.command for one in alice.ask("WHOIS zoe")] == ["311", "312", "301", "318"]
    assert [one.command for one in alice.ask("WHOIS nobody_here")] == ["401", "318"]
    assert [one.command for one in alice.ask("WHOIS #x")] == ["401", "318"]
    assert [one.command for one in alice.ask("WHOIS")] == ["431"]
    assert [one.command for one in alice.ask("WHOWAS bob")] == ["406", "369"]
    assert [one.command for one in alice.ask("WHOWAS")] == ["431"]


def test_userhost_and_ison(stage: IrcStage) -> None:
    """One answer each; of at most five, and of those who are here."""
    alice, bob = stage.user("alice"), stage.user("bob")
    bob.ask("AWAY :x")
    absent(stage, "zoe")
    assert alice.shown("USERHOST alice Bob zoe") == ["302 alice alice=+alice@user bob=-bob@user"]
    assert alice.shown("ISON :Bob zoe alice") == ["303 alice bob alice"]
    assert alice.shown("ISON zoe") == ["303 alice "]
    assert [one.command for one in alice.ask("ISON", "USERHOST")] == ["461", "461"]


# ---- AWAY ----


def test_away(stage: IrcStage) -> None:
    """306 and 305 to oneself and nothing else; others who share a channel are told once, if they asked; who
    writes to somebody away is told so, and it is delivered all the same."""
    bob = stage.user("bob")
    alice = stage.user("alice", "away-notify")
    deaf = stage.user("carol")
    for line in (bob, alice, deaf):
        line.ask("JOIN #tea", "JOIN #cake")
    for line in (bob, alice, deaf):
        line.take()
    assert bob.shown("AWAY :at lunch") == ["306 bob You are marked as being away."]
    assert [(one.source, one.shown) for one in alice.take()] == [("bob!bob@user", "AWAY at lunch")]
    assert deaf.heard == []
    bob.ask("AWAY :at lunch")
    assert alice.heard == []
    assert alice.shown("PRIVMSG bob :psst") == ["301 alice bob at lunch"]
    assert alice.shown("NOTICE bob :psst") == []
    assert len(bob.take()) == 2
    assert bob.shown("AWAY :") == ["305 bob You are no longer marked as being away."]
    assert alice.shown("PRIVMSG bob :psst") == ["AWAY"]
    assert alice.shown("PRIVMSG bob :psst") == []


@pytest.mark.parametrize("said", [" ", "\x02", "\x0304 \x0f", "\t"])
def test_who_is_away_without_a_word_that_can_be_seen(stage: IrcStage, said: str) -> None:
    """AWAY with anything at all is being away; a client that strips blanks would take no words for being
    back."""
    alice, bob = stage.user("alice", "away-notify", "draft/pre-away"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    assert bob.shown(f"AWAY :{said}") == ["306 bob You are marked as being away."]
    assert [one.shown for one in alice.take()] == ["AWAY away"]
    assert bob.shown("AWAY") == ["305 bob You are no longer marked as being away."]
    early = stage.line()
    early.say("CAP REQ :sasl draft/pre-away", f"AWAY :{said}")
    assert early.take()[-1].command == "306"


def test_who_joins_and_is_away_is_told_to_be(stage: IrcStage) -> None:
    alice, bob = stage.user("alice", "away-notify"), stage.user("bob")
    alice.ask("JOIN #tea")
    bob.ask("AWAY :x", "JOIN #tea")
    assert [one.shown for one in alice.take()] == ["JOIN #tea", "AWAY x"]


def test_the_absence_of_who_is_gone_is_forgotten(stage: IrcStage) -> None:
    bob = stage.user("bob")
    bob.ask("AWAY :x")
    bob.cut()
    bob = stage.user("bob")
    assert stage.user("alice").shown("PRIVMSG bob :psst") == []


# ---- MONITOR ----


def test_monitor(stage: IrcStage) -> None:
    """``+`` answers at once who is here and who is not; then each coming and going is told, once a user."""
    alice = stage.user("alice")
    stage.user("bob")
    assert alice.shown("MONITOR + Bob,zoe,a!b@c,*") == ["730 alice bob!bob@user", "731 alice zoe"]
    zoe = stage.user("zoe")
    second = stage.user("zoe")
    assert [one.shown for one in alice.take()] == ["730 alice zoe!zoe@user"]
    zoe.cut()
    assert alice.heard == []
    second.cut()
    assert [one.shown for one in alice.take()] == ["731 alice zoe"]
    assert alice.shown("MONITOR L") == ["732 alice bob,zoe", "733 alice End of MONITOR's list."]
    assert alice.shown("MONITOR S") == ["730 alice bob!bob@user", "731 alice zoe"]
    assert alice.shown("MONITOR - ZOE") == []
    assert alice.shown("MONITOR C") == []
    assert alice.shown("MONITOR L") == ["733 alice End of MONITOR's list."]
    assert [one.command for one in alice.ask("MONITOR", "MONITOR +", "MONITOR X")] == ["461"] * 3


def test_who_did_not_read_is_told_who_came_and_went(stage: IrcStage) -> None:
    """As it is by then: nothing waits for it meanwhile, and no list is wrong for good."""
    alice, carol = together(stage, "alice", "carol")
    dan = stage.user("dan")
    alice.ask("MONITOR + bob,carol,dan")
    alice.wire.client_transport.reading = False
    carol.say(*(f"PRIVMSG #tea :{number} {'x' * 400}" for number in range(300)))
    assert alice.server.full
    stage.user("bob").cut()
    stage.user("bob")
    dan.cut()
    stage.worker.pass_time(1)
    alice.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    told = [one.shown for one in alice.take() if one.command in ("730", "731")]
    assert told == ["730 alice bob!bob@user,carol!carol@user", "731 alice dan"]
    alice.server.pauseProducing()
    alice.server.resumeProducing()
    assert alice.take() == []


def test_the_list_of_monitor_has_an_end(stage: IrcStage) -> None:
    """734 names what did not fit; what is watched is given up with the connection."""
    alice = stage.user("alice")
    for first in range(0, 100, 20):
        alice.ask("MONITOR + " + ",".join(f"u{first + at}" for at in range(20)))
    heard = alice.shown("MONITOR + x,y")
    assert heard[-1] == "734 alice 100 x,y Your list of MONITOR is full."
    alice.cut()
    assert not stage.irc.presence._watched


@pytest.mark.parametrize("server", [SERVER, "irc." + "x" * 59])
def test_no_list_is_cut(server: str) -> None:
    """Whatever the names are, and that of the server: what does not fit into a line is in the next one. ISON
    has one line, of whole names."""
    stage = IrcStage(Worker(), name=server)
    names = [f"{'n' * 29}{number:03}" for number in range(15)]
    me = stage.user("m" * 32)
    for number in range(12):
        does(stage, "join", "m" * 32, f"#{'t' * 40}{number}")
    there = [stage.user(name) for name in names]
    me.take()

    def words(line: str, command: str, between: str = ",", at: int = -1) -> list[str]:
        heard = [one for one in me.ask(line) if one.command == command]
        return [word for one in heard for word in one.params[at].split(between)]

    asked = "MONITOR + " + ",".join(names)
    assert [one.partition("!")[0] for one in words(asked, "730")] == names
    assert words("MONITOR L", "732") == names
    for first in range(0, 85, 5):
        me.ask("MONITOR + " + ",".join(f"a{number}" for number in range(first, first + 5)))
    stage.worker.pass_time(60)
    others = [f"{'o' * 29}{number:03}" for number in range(14)]
    me.take()
    assert words(f"MONITOR + {names[0]},{','.join(others)}", "734", at=2) == others
    assert len(words(f"WHOIS {'m' * 32}", "319", " ")) == 13
    for line in there:
        line.cut()
    assert words("MONITOR S", "731")[:15] == names
    shown = [stage.user(name) for name in names] and words(f"ISON {' '.join(names)}", "303", " ")
    assert shown == names[: len(shown)]
    assert len(shown) >= 11


def test_more_is_told_of_who_is_watched(stage: IrcStage) -> None:
    """AWAY and SETNAME, to who asked for that, and once even if a channel is shared."""
    alice = stage.user("alice", "extended-monitor", "away-notify", "setname")
    plain = stage.user("carol", "away-notify")
    bob = stage.user("bob")
    for line in (alice, plain):
        line.ask("MONITOR + bob")
    bob.ask("AWAY :x", "SETNAME :Bob")
    assert [one.shown for one in alice.take()] == ["AWAY x", "SETNAME Bob"]
    assert plain.heard == []
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    bob.ask("AWAY")
    assert [one.shown for one in alice.take()] == ["AWAY"]


# ---- oneself ----


def test_a_real_name(stage: IrcStage) -> None:
    """Told to oneself and to those in common channels who asked for that; not longer than it may be."""
    alice, bob = together(stage, "alice", "bob", caps=("setname", "standard-replies"))
    assert alice.shown("SETNAME :Alice A.") == ["SETNAME Alice A."]
    assert [one.shown for one in bob.take()] == ["SETNAME Alice A."]
    assert bob.shown("WHO alice")[0].endswith(" 0 Alice A.")
    assert alice.shown(f"SETNAME :{'x' * 101}")[0].startswith("FAIL SETNAME INVALID_REALNAME ")


def test_own_modes(stage: IrcStage) -> None:
    alice = stage.user("alice")
    assert alice.shown("MODE alice") == ["221 alice +"]
    assert alice.shown("MODE Alice +iB") == ["MODE alice +Bi"]
    assert alice.shown("MODE alice +B") == []
    assert alice.shown("MODE alice") == ["221 alice +Bi"]
    assert alice.shown("MODE alice -i+x") == ["501 alice There is no such mode of users.", "MODE alice -i"]
    stage.user("bob")
    absent(stage, "carol")
    heard = alice.ask("MODE bob", "MODE carol +i", "MODE nobody_here", "MODE no.name +i")
    assert [one.command for one in heard] == ["502", "502", "401", "401"]


def test_of_a_mode_that_is_changed_often_the_last_change_counts(stage: IrcStage) -> None:
    """What is echoed is what has changed; of modes that there are not, it is said once, however many."""
    alice = stage.user("alice")
    assert alice.shown("MODE alice +B-B+B") == ["MODE alice +B"]
    assert alice.shown("MODE alice +B-B+B", "MODE alice -i+i-i") == []
    assert alice.shown("MODE alice -B+iB-B") == ["MODE alice +i-B"]
    assert alice.shown("MODE alice") == ["221 alice +i"]
    assert [one.command for one in alice.ask(f"MODE alice {'x' * 400}")] == ["501"]


def test_a_nick_is_the_name_of_the_account(stage: IrcStage) -> None:
    """Its capitals are one's own choice."""
    alice = stage.user("alice")
    assert [one.shown[:22] for one in alice.ask("NICK other", "NICK ALICE", "NICK")] == [
        "433 alice other You ar",
        "NICK ALICE",
        "431 ALICE No nickname ",
    ]


# ---- the server ----


def test_what_the_server_says_of_itself(stage: IrcStage) -> None:
    """Each ends as IRC has it, and HELP on nothing known is 524."""
    alice = stage.user("alice")
    stage.line()
    ends = {"MOTD": "422", "LUSERS": "266", "VERSION": "005", "INFO": "374", "HELP": "706", "LINKS": "365"}
    for line, end in ends.items():
        assert alice.ask(line)[-1].command == end, line
    assert "253" in [one.command for one in alice.ask("LUSERS")]
    stage.user("bob").cut()
    assert alice.ask("LUSERS")[-1].params[1:3] == ["1", "2"]
    assert alice.ask("TIME")[0].shown == f"391 alice {SERVER} 1970-01-01T00:00:00.000Z"
    assert [one.command for one in alice.ask("HELP PRIVMSG")][0::2] == ["704", "706"]
    assert [one.command for one in alice.ask("HELP nonsense")] == ["524"]


# ---- LIST ----


def listed(line: IrcLine, asked: str) -> list[str]:
    heard = line.ask(f"LIST {asked}")
    assert (heard[0].command, heard[-1].command) == ("321", "323")
    return [" ".join(one.params[1:]) for one in heard[1:-1]]


def test_list(stage: IrcStage) -> None:
    """Topics with how many are in them and what they are about; by masks and by numbers. Rooms of users are
    listed only if they are asked for, and private ones only to who is in them."""
    alice, bob = together(stage, "alice", "bob")
    alice.ask("JOIN #cake", "TOPIC #tea :hot", "JOIN #@bob")
    does(stage, "create", "alice", "&ops", "all")
    alice.take(), bob.take()
    assert listed(bob, "") == ["#cake 1 ", "#tea 2 hot"]
    assert listed(alice, "") == ["&ops 1 ", "#cake 1 ", "#tea 2 hot"]
    assert listed(bob, "#t*") == ["#tea 2 hot"]
    assert listed(bob, "#TEA") == ["#tea 2 hot"]
    assert listed(bob, "!#t*") == ["#cake 1 "]
    assert listed(bob, ">1") == ["#tea 2 hot"]
    assert listed(bob, "<2") == ["#cake 1 "]
    assert listed(bob, "#nothing*") == []
    assert listed(bob, "#@b*") == ["#@bob 2 "]
    assert listed(bob, "#@*") == ["#@alice 1 ", "#@bob 2 "]


# ---- INVITE, KICK, MODE ----


def test_invite(stage: IrcStage) -> None:
    alice, bob = moderated(stage)
    carol = stage.user("carol")
    assert alice.shown("INVITE carol &ops") == ["341 alice carol &ops"]
    assert [one.shown for one in carol.take()] == ["INVITE carol &ops"]
    assert carol.shown("JOIN &ops")[0] == "JOIN &ops"
    alice.take()
    assert alice.shown("INVITE carol &ops") == ["443 alice carol &ops is in that channel already"]
    assert alice.shown("INVITE nobody_here &ops")[0].startswith("401 alice nobody_here ")
    assert alice.shown("INVITE bob &nothing")[0].startswith("403 alice &nothing ")
    assert alice.shown("INVITE bob #tea")[0].startswith("403 alice #tea ")
    bob.ask("JOIN #tea")
    for channel in ("#tea", "#@bob"):
        [no] = alice.ask(f"INVITE bob {channel}")
        assert (no.command, no.text.partition(":")[0]) == ("NOTICE", "INVITE")
        assert "That channel is open to all" in no.text
    stage.user("dan")
    assert bob.shown("INVITE dan &ops")[-1].startswith("482 bob &ops ")
    assert [one.command for one in alice.ask("INVITE", "INVITE bob")][-2:] == ["461", "461"]


def test_kick(stage: IrcStage) -> None:
    alice, bob = moderated(stage)
    stage.user("carol")
    assert bob.shown("KICK &ops alice :x") == ["482 bob &ops Only those who moderate there do that."]
    assert alice.shown("KICK &ops bob :too loud") == ["KICK &ops bob too loud"]
    assert [one.shown for one in bob.take()] == ["KICK &ops bob too loud"]
    assert alice.shown("KICK &ops carol") == ["441 alice carol &ops They are not in that channel."]
    assert alice.shown("KICK &ops nobody_here")[0].startswith("4")
    assert alice.shown("KICK &nothing bob")[0].startswith("403 alice &nothing ")
    assert alice.shown("KICK #nothing bob")[0].startswith("403 alice #nothing ")
    assert alice.shown("MODE #nothing +o bob")[0].startswith("403 alice #nothing ")
    carol = stage.user("carol")
    carol.ask("JOIN #tea")
    assert alice.shown("KICK #tea carol")[0].startswith("482 alice #tea ")


def roles(stage: IrcStage) -> list[tuple[str, str]]:
    """Return the roles that were given, and to whom."""
    return [(entry.to, entry.text) for entry in stage.worker.log.entries if entry.kind == "role"]


@pytest.mark.parametrize("room", ["#tea", "&ops"])
def test_an_operator_is_made_one_again(stage: IrcStage, room: str) -> None:
    """IRC: a mode that is set already is not set again, and nobody is told. An owner is shown as an operator
    is: so ``+o`` of one, or of oneself, changes nothing; nor does ``-o`` of who is none."""
    alice, bob = moderated(stage)
    for line in (alice, bob):
        line.ask(f"JOIN {room}")
    does(stage, "role", "alice" if room[0] == "&" else CLUSTER, room, "owner", to="bob")
    if room[0] == "#":
        does(stage, "role", CLUSTER, room, "owner", to="alice")
    carol = stage.user("carol")
    does(stage, "invite", "alice", "&ops", to="carol")
    carol.ask(f"JOIN {room}")
    bob.take(), alice.take()
    before = roles(stage)
    assert alice.shown(f"MODE {room} +o bob", f"MODE {room} +o alice", f"MODE {room} -o carol") == []
    assert (roles(stage), bob.take()) == (before, [])
    assert alice.shown(f"MODE {room} +o carol") == [f"MODE {room} +o carol"]
    assert alice.shown(f"MODE {room} +oo carol alice") == []
    carol.take()
    only = f"Only those who own {room} do that; of a topic, admins as well."
    assert carol.shown(f"MODE {room} +o bob") == [f"482 carol {room} {only}"]
    assert roles(stage) == [*before, ("carol", "moderator")]


def test_an_owner_takes_the_role_of_another(stage: IrcStage) -> None:
    """Owners are of one rank. The last one of a private room stays: nobody else could name another."""
    alice, bob = moderated(stage)
    does(stage, "role", "alice", "&ops", "owner", to="bob")
    alice.take(), bob.take()
    assert bob.shown("MODE &ops -o alice") == ["MODE &ops -o alice"]
    assert bob.shown("NAMES &ops")[0] == "353 bob = &ops alice @bob"
    assert [one.command for one in bob.ask("MODE &ops -o bob")] == ["NOTICE"]
    assert roles(stage)[-1] == ("alice", "none")


@pytest.mark.parametrize("change", ["+o", "-o"])
def test_operators_are_in_the_channel(stage: IrcStage, change: str) -> None:
    """modern.ircdocs.horse: 441 if they are not, 401 if there is nobody of that name; and who may not say who
    is one is told that."""
    alice, bob = moderated(stage)
    stage.user("carol")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    does(stage, "role", CLUSTER, "#tea", "owner", to="alice")
    alice.take(), bob.take()
    for room in ("#tea", "&ops"):
        assert alice.shown(f"MODE {room} {change} Carol") == [
            f"441 alice Carol {room} They are not in that channel."
        ]
        assert alice.shown(f"MODE {room} {change} nobody_here")[0].startswith("401 alice nobody_here ")
        assert [one.command for one in bob.ask(f"MODE {room} {change} carol")] == ["482"]


@pytest.mark.parametrize("room", ["#tea", "&ops"])
def test_who_is_not_there_leaves_by_no_ban(stage: IrcStage, room: str) -> None:
    """A PART is of who was in the channel: not of somebody who was removed or has left before they are
    banned, is banned a second time, or was never there. A mode that is set is not set again."""
    alice, bob = moderated(stage)
    for name in ("carol", "dan"):
        there(stage, name)
        if room == "#tea":
            does(stage, "join", name, room)
    if room == "#tea":
        does(stage, "role", CLUSTER, room, "owner", to="alice")
    for line in (alice, bob):
        line.ask(f"JOIN {room}")
    alice.ask(f"KICK {room} carol")
    does(stage, "leave", "dan", room)
    alice.take(), bob.take()
    assert alice.shown(f"MODE {room} +bb carol dan") == [
        f"MODE {room} +b carol!*@*",
        f"MODE {room} +b dan!*@*",
    ]
    assert bob.take() == []
    assert alice.shown(f"MODE {room} +b carol") == []
    alice.ask(f"MODE {room} -b carol")
    assert alice.shown(f"MODE {room} +b bob") == [f"MODE {room} +b bob!*@*", f"PART {room}"]
    assert alice.shown(f"MODE {room} +b bob", f"MODE {room} +b bob!*@*") == []
    assert [one.shown for one in bob.take()] == [f"KICK {room} bob banned"]


def test_whether_who_is_banned_was_there_is_asked_of_the_log(stage: IrcStage) -> None:
    """If the newest entries do not say it: who has joined long ago goes, and who never did does not; nor who
    has come again by the time of the answer."""
    alice, _ = moderated(stage)
    carol, dan = stage.user("carol"), stage.user("dan")
    does(stage, "role", CLUSTER, "#tea", "moderator", to="alice")
    for line in (alice, carol):
        line.ask("JOIN #tea")
    stage.worker.log.forget()
    alice.take()
    assert alice.shown("MODE #tea +b dan", "MODE #tea +b carol") == [
        *("MODE #tea +b dan!*@*", "MODE #tea +b carol!*@*", "PART #tea")
    ]
    does(stage, "unban", "alice", "#tea", to="carol")
    carol.ask("JOIN #tea"), dan.take(), alice.take()
    stage.worker.log.forget()
    stage.worker.log.reads_held = True
    for kind in ("ban", "unban", "join"):
        who, to = ("carol", "") if kind == "join" else ("alice", "carol")
        does(stage, kind, who, "#tea", to=to)
    stage.worker.log.let_go()
    stage.worker.settle()
    assert "PART" not in [one.command for one in alice.take()]


def test_a_ban_for_a_time_becomes_one_for_good(stage: IrcStage) -> None:
    """IRC's have no end."""
    alice, bob = moderated(stage)
    until = stage.worker.clock.seconds() + 60
    draft = Draft("ban", "alice", "&ops", "", b"u" * 16, 0, More(to="bob", until=int(until * 1000)))
    stage.worker.commit(draft)
    alice.take()
    assert alice.shown("MODE &ops +b bob", "MODE &ops +b bob") == ["MODE &ops +b bob!*@*"]
    bob.take()


@pytest.mark.parametrize("room", ["#tea", "&ops"])
def test_nothing_is_lifted_from_who_is_not_banned(stage: IrcStage, room: str) -> None:
    """As on other servers, where a mask that is not in the list is passed over. The log lifts bans and mutes
    by one entry, but a mute, which IRC does not show, is nothing that ``-b`` could mean; with a ban it ends.
    Who may not say it is told that, and a nick that is nobody's is 401."""
    alice, bob = moderated(stage)
    does(stage, "role", CLUSTER, "#tea", "owner", to="alice")
    there(stage, "carol")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take(), bob.take()
    assert [one.command for one in bob.ask(f"MODE {room} -b carol")] == ["482"]
    for order in ("unban", "mute"):
        does(stage, order, "alice", room, to="bob")
        alice.take(), bob.take()
        head = stage.worker.log.window.head
        for mask in ("bob", "bob!*@*", "carol!*@*", "alice"):
            assert alice.shown(f"@label=1 MODE {room} -b {mask}") == []
        assert stage.worker.log.window.head == head
    assert alice.shown(f"MODE {room} -b nobody_here!*@*")[0].startswith("401 alice nobody_here!*@* ")
    assert bob.shown(f"PRIVMSG {room} :x")[0].startswith("404 ")
    alice.ask(f"MODE {room} +b bob"), bob.take()
    assert alice.shown(f"MODE {room} -bb bob bob") == [f"MODE {room} -b bob!*@*"]
    standing = stage.worker.log.state.standing(room, "bob")
    assert (standing.banned, standing.muted) == (0, 0)


@pytest.mark.parametrize("mask", ["*!*@evil.host", "*!~*@*", "*!*@*", "b*"])
def test_a_ban_of_nobody_alone_is_refused(stage: IrcStage, mask: str) -> None:
    """696, as InspIRCd and Ergo have it for a parameter of a mode that is none: with the mask as given, and
    why. A mask that means one user is one of them."""
    alice, bob = moderated(stage)
    for sign in "+-":
        assert alice.shown(f"MODE &ops {sign}b {mask}") == [f"696 alice &ops b {mask} {BANS}"]
        assert [one.command for one in bob.ask(f"MODE &ops {sign}b {mask}")] == ["482"]
        assert [one.command for one in alice.ask(f"MODE &nothing {sign}b {mask}")] == ["403"]
    assert alice.shown("MODE &ops +b *!*bob@user")[0] == "MODE &ops +b bob!*@*"


@pytest.mark.parametrize("said", ["KICK {} {}", "MODE {} +o {}", "MODE {} +b {}", "MODE {} -b {}!*@*"])
def test_who_may_not_is_told_so_whoever_it_is_about(stage: IrcStage, said: str) -> None:
    """482 before 401, as everybody may know who is no operator; and in a private room that one is not in 403
    alone. The name is shown as it was given."""
    alice, bob = moderated(stage)
    does(stage, "role", CLUSTER, "#tea", "owner", to="alice")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    carol = stage.user("carol")
    alice.take()
    for nick in ("nobody_here", "no.name"):
        for room in ("#tea", "&ops"):
            given = said.format(room, nick)
            [no] = alice.ask(given)
            assert (no.command in ("401", "441"), no.params[1]) == (True, given.split(" ")[-1])
            assert [one.command for one in bob.ask(given)] == ["482"]
        assert [one.command for one in carol.ask(said.format("&ops", nick))] == ["403"]


def test_kick_of_several(stage: IrcStage) -> None:
    """TARGMAX says that it is for one: 407 says so too, and nobody is removed by half of a list."""
    alice, bob = moderated(stage)
    [no] = alice.ask("@label=1 KICK &ops bob,alice :x")
    assert no.shown == "407 alice bob,alice KICK is for one user, in one channel."
    assert alice.shown("KICK &ops bob, :x")[0].startswith("407 alice bob, ")
    assert alice.shown("KICK &ops,&more bob :x")[0].startswith("407 alice &ops,&more ")
    assert bob.take() == []
    assert alice.shown("NAMES &ops")[0] == "353 alice = &ops @alice bob"


def test_modes_of_channels(stage: IrcStage) -> None:
    """They follow from what a channel is; operators and bans are set by who moderates it."""
    alice, bob = moderated(stage)
    assert alice.shown("MODE &ops")[0] == "324 alice &ops +int"
    assert alice.shown("MODE #@alice")[0] == "324 alice #@alice +mnt"
    assert alice.shown("MODE &nothing")[0].startswith("403 ")
    assert alice.shown("MODE &ops +o bob") == ["MODE &ops +o bob"]
    assert [one.shown for one in bob.take()] == ["MODE &ops +o bob"]
    assert alice.shown("NAMES &ops")[0] == "353 alice = &ops @alice @bob"
    assert alice.shown("MODE &ops -o bob") == ["MODE &ops -o bob"]
    bob.take()
    assert bob.shown("MODE &ops +o bob")[0].startswith("482 bob &ops Only those who own &ops do that")
    assert alice.shown("MODE &ops +z") == ["472 alice z There is no such mode of channels."]
    assert [one.command for one in alice.ask("MODE &ops +o", "MODE &ops +i")] == ["461", "NOTICE"]
    assert alice.shown("MODE &ops +b bob!*@*") == ["MODE &ops +b bob!*@*", "PART &ops"]
    assert [one.shown for one in bob.take()] == ["KICK &ops bob banned"]
    assert alice.shown("MODE &ops -b bob!*@*") == ["MODE &ops -b bob!*@*"]


@pytest.mark.parametrize("modes", ["", ":", "+", "-+", ":+"])
def test_modes_are_asked_for_by_naming_none(stage: IrcStage, modes: str) -> None:
    """Also by a sign alone: every line is answered."""
    [alice] = together(stage, "alice")
    assert alice.shown(f"MODE #tea {modes}") == ["324 alice #tea +nt"]
    assert alice.shown(f"MODE alice {modes}") == ["221 alice +"]


@pytest.mark.parametrize("modes", ["", "+", "+n", "x", "b", "+b bob", "+o bob", "+v bob", "+bbbbb"])
def test_a_channel_that_there_is_not_has_no_modes(stage: IrcStage, modes: str) -> None:
    """modern.ircdocs.horse: 403, whatever is asked; and so of a private one that one is not in."""
    moderated(stage)
    carol = stage.user("carol")
    for channel in ("#nothing", "&ops", "&none", "#@nobody_here"):
        [no] = carol.shown(f"MODE {channel} {modes}")
        assert no == f"403 carol {channel} There is no such channel."


def test_a_mode_of_other_servers_is_for_nobody(stage: IrcStage) -> None:
    """Nor is whom it names made an operator by the next letter."""
    alice, bob = moderated(stage)
    there(stage, "carol")
    alice.take(), bob.take()
    assert alice.shown("MODE &ops +vo bob carol") == [
        "472 alice v There is no such mode of channels.",
        "MODE &ops +o carol",
    ]


def test_since_when_a_channel_is_there(stage: IrcStage) -> None:
    """modern.ircdocs.horse: 329 follows 324, with the Unix time when the channel was made. A topic is
    nobody's making: it counts from what was said there first, and before that has none."""
    stage.worker.pass_time(5)
    [alice] = together(stage, "alice")
    assert alice.shown("MODE #tea") == ["324 alice #tea +nt"]
    stage.worker.pass_time(5)
    alice.ask("PRIVMSG #tea :x")
    stage.worker.pass_time(5)
    does(stage, "create", "alice", "&ops", "all")
    alice.take()
    stage.worker.pass_time(5)
    alice.ask("PRIVMSG #tea :y", "PRIVMSG &ops :y")
    times = {entry.kind + entry.text: entry.time // 1000 for entry in stage.worker.log.entries}
    assert alice.shown("MODE #tea") == ["324 alice #tea +nt", f"329 alice #tea {times['postx']}"]
    assert alice.shown("MODE &ops") == ["324 alice &ops +int", f"329 alice &ops {times['createall']}"]
    registered = next(one.time // 1000 for one in stage.worker.log.entries if one.kind == "register")
    assert alice.shown("MODE #@alice")[1:] == [f"329 alice #@alice {registered}"]
    assert len({registered, times["postx"], times["createall"]}) == 3


@pytest.mark.parametrize("asked", ["b", "+b", "bb"])
def test_who_is_banned_from_a_channel(stage: IrcStage, asked: str) -> None:
    """modern.ircdocs.horse: MODE with b and no mask is answered by the list, 367 for each, and its end, 368:
    once. Whoever does not moderate the channel may not know, and gets an empty list."""
    alice, bob = moderated(stage)
    for name in ("carol", "dan"):
        there(stage, name)
    alice.take(), bob.take()
    end = "368 alice &ops End of the list of bans."
    assert alice.shown(f"MODE &ops {asked}") == [end]
    alice.ask("MODE &ops +bb carol dan")
    assert alice.shown(f"MODE &ops {asked}") == ["367 alice &ops carol!*@*", "367 alice &ops dan!*@*", end]
    alice.ask("MODE &ops -b carol")
    bob.take()
    assert alice.shown(f"MODE &ops {asked}") == ["367 alice &ops dan!*@*", end]
    assert bob.shown(f"MODE &ops {asked}") == [end.replace("alice", "bob")]
    assert alice.shown("MODE #@alice b") == ["368 alice #@alice End of the list of bans."]
    bob.ask("JOIN #@alice")
    assert bob.shown("MODE #@alice b") == ["368 bob #@alice End of the list of bans."]
    assert bob.shown("MODE &nothing b")[0].startswith("403 ")


@pytest.mark.parametrize("name", ["mod", "zoe"])
def test_a_moderator_who_did_not_read_is_told_of_bans(stage: IrcStage, name: str) -> None:
    """As one who reads, whatever they are called: a name may begin as the place where moderators hear."""
    alice, moderator, _ = together(stage, "alice", name, "bob")
    for one in ("alice", name):
        does(stage, "role", CLUSTER, "#tea", "moderator", to=one)
    moderator.take()
    moderator.wire.client_transport.reading = False
    alice.say(*(f"PRIVMSG #tea :{number} {'x' * 400}" for number in range(300)))
    assert moderator.server.full
    alice.say("MODE #tea +b bob")
    moderator.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    assert "MODE #tea +b bob!*@*" in [one.shown for one in moderator.take()]


def test_a_long_list_of_bans(stage: IrcStage) -> None:
    """It is read page by page, and has everybody once."""
    [alice] = together(stage, "alice")
    does(stage, "role", "chatnet", "#tea", "moderator", to="alice")
    names = [f"u{number:03}" for number in range(210)]
    for name in names:
        absent(stage, name)
        does(stage, "join", name, "#tea")
        does(stage, "ban", "alice", "#tea", to=name)
    alice.take()
    heard = alice.ask("MODE #tea b", "PING x")
    assert [one.params[2] for one in heard if one.command == "367"] == [f"{name}!*@*" for name in names]
    assert [one.command for one in heard[-2:]] == ["368", "PONG"]


def test_who_moderates_the_cluster_moderates_its_topics(stage: IrcStage) -> None:
    """And no private room. So does one of many whose name comes behind theirs."""
    worker = stage.worker
    alice, zoe = stage.user("alice"), stage.user("zoe")
    worker.commit(Draft("role", "chatnet", "", "moderator", b"k" * 16, 0, More(to="alice")))
    zoe.ask("JOIN #tea")
    for number in range(250):
        does(stage, "register", f"zo{number:03}", f"zo{number:03}", "argon2id")
        does(stage, "join", f"zo{number:03}", "#tea")
    zoe.take()
    does(stage, "register", "bob", "bob", "argon2id")
    does(stage, "join", "bob", "#tea")
    does(stage, "create", "zoe", "&ops", "all")
    for name in ("alice", "bob"):
        does(stage, "invite", "zoe", "&ops", to=name)
    does(stage, "join", "bob", "&ops")
    for name, room in (("alice", "#tea"), ("zoe", "&ops")):
        does(stage, "ban", name, room, to="bob")
    alice.ask("JOIN &ops")
    banned, end = "367 {} {} bob!*@*", "368 {} {} End of the list of bans."

    def bans(line: IrcLine, name: str, room: str, *said: str) -> bool:
        return line.shown(f"MODE {room} b") == [one.format(name, room) for one in said]

    zoe.take()
    assert bans(zoe, "zoe", "#tea", end)
    assert bans(alice, "alice", "#tea", banned, end)
    assert bans(alice, "alice", "&ops", end)
    assert bans(zoe, "zoe", "&ops", banned, end)
    worker.commit(Draft("role", "chatnet", "#tea", "moderator", b"l" * 16, 0, More(to="zoe")))
    zoe.take()
    assert bans(zoe, "zoe", "#tea", banned, end)
