"""Who may come in, between real processes: codes, other devices, a reset."""

from __future__ import annotations

import re

from rigs.processes import Cluster, Terminal


def told(cluster: Cluster, *words: str) -> str:
    """Return what a command of the operator's prints."""
    status, output = cluster.run("chatnet", *words, "--master", cluster.address, "--data", str(cluster.data))
    assert status == 0, output
    return output


def code_in(text: str) -> str:
    """Return the code that is shown in a text."""
    [code] = set(re.findall(r"\b(?:[0-9A-Z]{4}-){2}[0-9A-Z]{4}\b", text))
    return code


def kept_out(cluster: Cluster, name: str, *options: str) -> str:
    """Return why somebody cannot log in."""
    status, rest = Terminal(cluster, name, *options).end()
    assert status == 1
    return rest[-1]


def test_strangers_stay_out_and_a_lost_secret_is_replaced(cluster: Cluster) -> None:
    """A code lets one in, who lets in another device, shuts it out, is reset, and is who they were."""
    told(cluster, "signup", "code")
    assert "A new name needs a code here" in kept_out(cluster, "bob")
    code = code_in(told(cluster, "invite", "--uses", "1", "--days", "1"))
    bob = cluster.terminal("bob", "--code", code)
    assert "This code is not good here" in kept_out(cluster, "carol", "--code", code)

    bob.type("PAIR")
    pair = code_in(bob.lines.find("The code for another device of yours.*"))
    elsewhere = cluster.environ
    cluster.environ = {**elsewhere, "XDG_CONFIG_HOME": str(cluster.root / "elsewhere")}
    phone = Terminal(cluster, "bob", "--with-code", "--device", "phone")
    phone.type(pair)
    phone.expect("Logged in as bob.")
    bob.type("SESSIONS")
    shown = bob.lines.find(r"\t\d+: phone, since .*")
    bob.type(f"REVOKE {shown.split(':')[0].strip()}")
    phone.lines.find("This session of bob was ended, on another device or by who runs this server.*")
    assert "this is not its secret" in kept_out(cluster, "bob")
    cluster.environ = elsewhere

    code = code_in(told(cluster, "user", "reset", "bob"))
    bob.lines.find("This session of bob was ended, on another device or by who runs this server.*")
    assert "this is not its secret" in kept_out(cluster, "bob")
    again = cluster.terminal("bob", "--code", code)
    again.type("SAY bob here I am")
    again.type("HISTORY bob")
    again.lines.find(r"\d+ bob: here I am")
    told(cluster, "user", "disable", "bob")
    again.lines.find(r"The account of bob is disabled: ask who runs this server\.")
    told(cluster, "user", "enable", "bob")
    cluster.terminal("bob")
    status, output = cluster.run("chatnet", "check", str(cluster.data))
    assert (status, "are whole" in output) == (0, True)
