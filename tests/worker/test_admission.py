"""What new names without a code are told where the policy lets none in: the log judges one of them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from worker.conftest import answered
from worker.test_devices import CODE, FAR, LAPTOP, OLD, begin, login, order

from chatnet.codes import code_text, kept
from chatnet.credentials import random_credential
from chatnet.entries import Draft, Entry, More
from chatnet.errors import CodeNeeded, NameKept, NameTaken, SignupClosed
from chatnet.log import Refused
from chatnet.reads import AccountOf
from chatnet.worker.admission import Admission

CLOSED, NEEDED = Refused.of(SignupClosed.of()), Refused.of(CodeNeeded.of())


def policy(text: str, room: str = "") -> list[Entry]:
    return [Entry(1, 0, "policy", "chatnet", room, text, b"k" * 16)]


def ask(admission: Admission, outcome: Any, meanwhile: list[Entry] | None = None) -> None:
    with admission.asking() as answer:
        if meanwhile:
            admission.apply(meanwhile)
        answer.is_(outcome)


@pytest.mark.parametrize("policy_of", ["code", "closed"])
def test_the_log_judges_one_name_where_none_comes_in(worker: Any, policy_of: str) -> None:
    """All others are told the same, and cost it nothing; also whether somebody has a code for that name."""
    order(worker, "policy", f"signup {policy_of}")
    order(worker, "code", code_text(kept(CODE), 1), to="dora")
    no = CodeNeeded if policy_of == "code" else SignupClosed
    asked: list[str] = []
    append = worker.log.append

    def count(drafts: Any) -> Any:
        asked.extend(draft.user for draft in drafts)
        return append(drafts)

    worker.log.append = count
    for name in ("alice", "bob", "dora", "alice"):
        with pytest.raises(no):
            login(worker.client(), LAPTOP, name=name)
    assert asked == ["alice"]
    assert login(worker.client(), LAPTOP, name="dora", code=CODE)
    order(worker, "policy", "signup open", number=99)
    assert login(worker.client(), LAPTOP, name="alice")


def test_a_name_that_is_kept_costs_what_a_wrong_password_costs(worker: Any) -> None:
    """Where anybody may register, who tries it again and again has the log judge each."""
    order(worker, "code", code_text(kept(CODE), 1), to="dora")
    found = begin(worker.client(), LAPTOP, name="dora")
    assert len(worker.threads.waiting) == 1
    worker.work()
    with pytest.raises(NameKept):
        answered(found)
    begin(worker.client(), LAPTOP, name="dora")
    assert not worker.threads.waiting  # it pauses first
    worker.clock.advance(1)
    assert len(worker.threads.waiting) == 1
    worker.work()


def test_whoever_has_another_code_pays_for_being_refused(worker: Any) -> None:
    """The policy says `closed`, and their code is for no name."""
    order(worker, "policy", "signup closed")
    order(worker, "code", code_text(kept(CODE), 1), until=FAR)
    found = begin(worker.client(), LAPTOP, code=CODE)
    assert len(worker.threads.waiting) == 1
    worker.work()
    with pytest.raises(SignupClosed):
        answered(found)


@pytest.mark.parametrize("policy_of", ["code", "closed"])
def test_what_was_learned_since_a_name_was_looked_up_does_not_hold_for_it(
    worker: Any, policy_of: str
) -> None:
    """An earlier attempt of its client may have registered it before the policy: then it is let in."""
    read, late = worker.log.read, Deferred[None]()

    async def slow(asked: Any) -> Any:
        found = await read(asked)
        if isinstance(asked, AccountOf) and asked.user == "alice" and not worker.log.entries:
            await late
        return found

    worker.log.read = slow
    found = begin(worker.client(), LAPTOP)
    worker.commit(Draft("register", "alice", "alice", random_credential(OLD), b"k" * 16))
    order(worker, "policy", f"signup {policy_of}")
    with pytest.raises((CodeNeeded, SignupClosed)):
        login(worker.client(), LAPTOP, name="bob")
    late.callback(None)
    worker.settle()
    assert answered(found)["name"] == "alice"


def test_what_was_learned_holds_until_the_next_policy() -> None:
    """Of the cluster, and about new names."""
    admission = Admission()
    assert admission.refusal is None
    ask(admission, CLOSED)
    assert admission.refusal is SignupClosed
    admission.apply([*policy("direct off"), *policy("signup open", "#tea")])
    admission.apply([Entry(1, 0, "post", "alice", "alice", "signup open", b"k" * 16, More())])
    assert admission.refusal is SignupClosed
    admission.apply(policy("signup code"))
    assert admission.refusal is None
    ask(admission, NEEDED)
    assert admission.refusal is CodeNeeded


def test_an_answer_from_before_a_new_policy_is_not_believed() -> None:
    """It may come after the policy: nobody would be let in until the next one."""
    admission = Admission()
    ask(admission, CLOSED, policy("signup open"))
    assert admission.refusal is None
    for outcome in (7, Refused.of(NameTaken.of(name="alice"))):
        ask(admission, outcome)
        assert admission.refusal is None


def test_one_that_comes_in_does_not_open_the_door_for_others() -> None:
    """Its draft may have been judged before the policy that the worker has followed."""
    admission = Admission()
    with admission.asking() as slow:
        ask(admission, CLOSED)
        slow.is_(7)
    assert admission.refusal is SignupClosed
