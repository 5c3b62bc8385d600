"""The token, and tickets."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet import auth
from chatnet.errors import BadTicket, CannotStart
from chatnet.world.real import RealFiles

TOKEN = auth.Token(b"t" * 32)


@given(st.text(max_size=10), st.text(max_size=32), st.integers(0, 2**62), st.integers(0, 2**62))
def test_a_ticket_proves_its_user(log: str, user: str, seq: int, day: int) -> None:
    """A ticket gives back what was signed, in the log for which it was signed."""
    assert TOKEN.check_ticket(log, TOKEN.ticket(log, user, seq, day)) == auth.Ticket(user, seq, day)


def test_tickets_that_do_not_age_are_what_tickets_always_were() -> None:
    """Workers of before read them, and theirs are read here; one that ages has a fourth element."""

    def said(ticket: bytes) -> object:
        return msgspec.msgpack.decode(ticket[32:])

    assert said(TOKEN.ticket("log", "alice", 7)) == ["log", "alice", 7]
    assert said(TOKEN.ticket("log", "alice", 7, 20_000)) == ["log", "alice", 7, 20_000]
    assert TOKEN.check_ticket("log", TOKEN.ticket("log", "alice", 7)).day == 0


@given(st.binary(max_size=120))
def test_forged_tickets_are_refused(ticket: bytes) -> None:
    """Only our own tickets pass, and no bytes raise another error."""
    with pytest.raises(BadTicket):
        TOKEN.check_ticket("log", ticket)


def test_tickets_of_another_log_or_token_and_changed_ones_are_refused() -> None:
    """A ticket is good in one log, under one token, and whole."""
    ticket = TOKEN.ticket("log", "alice", 7)
    for checker, log, shown in (
        (TOKEN, "other", ticket),
        (auth.Token(b"u" * 32), "log", ticket),
        (TOKEN, "log", ticket[:-1]),
        (TOKEN, "log", ticket[:-1] + b"\x08"),
    ):
        with pytest.raises(BadTicket):
            checker.check_ticket(log, shown)


def test_the_two_ends_proofs_differ() -> None:
    """A proof cannot be sent back as its own answer, nor serve another role, nonce or connection."""
    proofs = {
        TOKEN.proof("asks", "worker", b"a" * 32, b"b" * 32, b""),
        TOKEN.proof("answers", "worker", b"a" * 32, b"b" * 32, b""),
        TOKEN.proof("asks", "operator", b"a" * 32, b"b" * 32, b""),
        TOKEN.proof("asks", "worker", b"b" * 32, b"a" * 32, b""),
        TOKEN.proof("asks", "worker", b"a" * 32, b"b" * 32, b"127.0.0.1:1|127.0.0.1:2"),
    }
    assert len(proofs) == 5


def test_the_first_master_makes_the_token_and_all_others_read_it(tmp_path: Path) -> None:
    """The token is made once, readable by its owner only, and the same for everybody later."""
    path = tmp_path / "cluster.token"
    first = auth.make_token(RealFiles(), path, b"a" * 32)
    second = auth.make_token(RealFiles(), path, b"b" * 32)
    found = auth.find_token(RealFiles(), {}, None, tmp_path)
    proofs = {token.proof("asks", "worker", b"", b"", b"") for token in (first, second, found)}
    assert len(proofs) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_token_is_read_whatever_editor_wrote_it(tmp_path: Path) -> None:
    """A byte order mark is allowed; a file that is no text is no token, and a sentence says so."""
    path = tmp_path / "cluster.token"
    path.write_text("ab" * 32 + "\r\n", "utf-8-sig")
    found = auth.find_token(RealFiles(), {}, None, tmp_path)
    assert found.ticket("log", "alice", 1) == auth.Token(b"\xab" * 32).ticket("log", "alice", 1)
    path.write_text("ab" * 32, "utf-16")
    with pytest.raises(CannotStart, match="Not text in UTF-8"):
        auth.find_token(RealFiles(), {}, None, tmp_path)


def test_a_missing_or_torn_token_gets_a_sentence(tmp_path: Path) -> None:
    """Without a token a process says from where to copy it, and exits with status 1."""
    with pytest.raises(CannotStart, match=r"copy DATA/cluster\.token"):
        auth.find_token(RealFiles(), {}, None, tmp_path)
    (tmp_path / "cluster.token").write_text("nonsense")
    with pytest.raises(CannotStart, match="does not hold a cluster token"):
        auth.find_token(RealFiles(), {}, None, tmp_path)
    with pytest.raises(CannotStart, match="CHATNET_TOKEN does not hold"):
        auth.find_token(RealFiles(), {"CHATNET_TOKEN": "é"}, None, tmp_path)
    assert auth.find_token(RealFiles(), {"CHATNET_TOKEN": "ab" * 32}, None, tmp_path)
