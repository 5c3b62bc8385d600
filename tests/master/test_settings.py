"""What a master's options mean for its workers and its users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.python.usage import UsageError

from chatnet.master.settings import Settings
from chatnet.master.tap import Options

HERE = Path("/here")


def settings(*arguments: str) -> Settings:
    options = Options()
    options.parseOptions(arguments)
    return Settings.of(options, {})


def test_the_defaults_are_those_of_the_manual() -> None:
    """Three workers, port 64480 everywhere, the token in the data directory, 20 posts a second."""
    chosen = settings()
    assert (chosen.data, chosen.token_file) == (Path("chatnet-data"), Path("chatnet-data/cluster.token"))
    assert (str(chosen.listen), chosen.workers, chosen.post_rate) == ("0.0.0.0:64480", 3, 20)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--listen", "nowhere"],
        ["--listen", "host:99999"],
        ["--workers", "-1"],
        ["--workers", "many"],
        ["--ports", "9-8"],
        ["--post-rate", "1.5"],
        ["--advertise", "host:1"],
        ["--no-such-option"],
        ["surplus"],
    ],
)
def test_wrong_options_are_refused(wrong: list[str]) -> None:
    """They are refused before anything is started."""
    with pytest.raises(UsageError):
        settings(*wrong)


def test_every_option_is_explained() -> None:
    """--help has a sentence for each option."""
    parameters: Any = Options.optParameters
    assert all(len(explanation) > 10 for _, _, _, explanation, *_ in parameters)


def test_a_worker_is_told_all_it_needs_and_no_secret() -> None:
    """It reaches the master by loopback, listens on the master's host, and reads the token from its file."""
    command = settings("--data", "d", "--post-rate", "0").worker_command("/bin/python", 7, 42)
    assert command[:3] == ["/bin/python", "-c", "from twisted.scripts.twistd import run; run()"]
    assert " ".join(command[3:]) == (
        "-n --pidfile= chat-worker --spawned 42 --master 127.0.0.1:7 --listen 0.0.0.0:0 "
        "--data d --token-file d/cluster.token --post-rate 0 --new-names 30 --web localhost:8080 "
        "--irc localhost:6667 --irc-register sasl --irc-fronts 2"
    )


def test_a_replica_is_told_all_that_the_primary_was() -> None:
    """Its parent, the port that is really used, and the counts; so it keeps as many when it becomes
    primary."""
    command = settings("--data", "d", "--workers", "5").replica_command("/bin/python", 7, 42)
    assert " ".join(command[3:]) == (
        "-n --pidfile= chat-master --spawned 42 --listen 0.0.0.0:7 --workers 5 --replicas 2 "
        "--data d --token-file d/cluster.token --post-rate 20 --new-names 30 --web localhost:8080 "
        "--irc localhost:6667 --irc-register sasl --irc-fronts 2"
    )


def test_a_front_is_told_what_matters_there() -> None:
    """It listens for IRC alone, and keeps nothing."""
    irc = ("--irc", "0.0.0.0:6667,[::1]:6697", "--irc-name", "irc.example", "--irc-fronts", "5")
    chosen = settings(*irc, "--irc-register", "no", "--ports", "70-79", "--data", "d", "--insecure")
    assert " ".join(chosen.front_command("/bin/python", 7, 42)[3:]) == (
        "-n --pidfile= chat-front --spawned 42 --master 127.0.0.1:7 --data d --token-file d/cluster.token "
        "--post-rate 20 --new-names 30 --insecure --irc 0.0.0.0:6667,[::1]:6697 --irc-name irc.example "
        "--irc-register no"
    )


def test_a_worker_is_told_of_firewalls() -> None:
    """Its ports, the host to advertise, and where the page is, are passed on."""
    web = ("--web", "[::]:80", "--public-url", "https://chat.example", "--trusted-proxies", "::1,10.0.0.0/8")
    command = settings(
        *web, "--ports", "70-79", "--advertise", "chat.example", "--listen", "[::]:1"
    ).worker_command("p", 1, 42)
    assert " ".join(command[command.index("--ports") :]) == (
        "--ports 70-79 --web [::]:80 --public-url https://chat.example --trusted-proxies ::1/128,10.0.0.0/8 "
        "--irc localhost:6667 --irc-register sasl --irc-fronts 2 --advertise chat.example"
    )
    assert command[command.index("--master") + 1] == "[::1]:1"


@pytest.mark.parametrize(
    ("listen", "python", "chat"),
    [
        ("0.0.0.0:64480", "/here/.venv/bin/python", ".venv/bin/twistd -n chat-client NAME"),
        ("127.0.0.1:64480", "/usr/bin/python", "twistd -n chat-client NAME"),
        ("0.0.0.0:7", "/usr/bin/python", "twistd -n chat-client --master 127.0.0.1:7 NAME"),
        ("10.0.0.1:64480", "/usr/bin/python", "twistd -n chat-client --master 10.0.0.1:64480 NAME"),
    ],
)
def test_the_invitation_can_be_typed_as_it_is(listen: str, python: str, chat: str) -> None:
    """It names the twistd of this tree, if it is in it, and the master's address, if it is not the usual
    one."""
    chosen = settings("--listen", listen, "--workers", "1", "--irc", "none")
    line = chosen.invitation(python, HERE, chosen.listen.port)
    assert line == f"chatnet is up: 1 worker, data in chatnet-data. Chat with: {chat}"


def test_the_invitation_names_all_ways() -> None:
    """The page, if it is there; IRC, if fronts are kept."""
    chat = "hat with: twistd -n chat-client NAME"
    for irc, page, said in (
        ((), "http://h", f"Open http://h in a browser, connect an IRC client to localhost:6667, or c{chat}"),
        ((), "", f"Connect an IRC client to localhost:6667, or c{chat}"),
        (("--irc-fronts", "0"), "http://h", f"Open http://h in a browser, or c{chat}"),
        (("--irc", "none"), "", f"C{chat}"),
    ):
        assert settings(*irc).invitation("/usr/bin/python", HERE, 64480, page).endswith(f"-data. {said}")


def test_a_master_listens_where_clients_look_for_it() -> None:
    """Without --listen it is the port that CHATNET_MASTER or default_master_address names."""
    options = Options()
    options.parseOptions([])
    chosen = Settings.of(options, {}, usual_port=7000)
    assert str(chosen.listen) == "0.0.0.0:7000"
    assert "--master" not in chosen.invitation("/usr/bin/python3", HERE, 7000)
    assert "--master" in chosen.invitation("/usr/bin/python3", HERE, 7001)
