"""The simulator can fail: planted bugs are caught. ``make mutants`` hunts all of them."""

from __future__ import annotations

import pytest
from simulation.mutants import MUTANTS, clients, database, delivery, hostile, log, masters
from simulation.mutants.hunt import hunt, scale_of
from simulation.mutants.planting import Mutant, Put, bug, name, planted

SEEDS = 25
"""Within so many seeds those are caught that a few seeds are enough for."""
SOON_CAUGHT = (
    log.acknowledge_before_commit,
    log.forget_the_key_check,
    delivery.resume_from_cursor_plus_one,
    delivery.fetch_before_follow,
    delivery.double_delivery_at_the_handover,
    delivery.leaving_is_not_followed,
    clients.resend_after_new_drafts,
    hostile.drafts_wait_without_bound,
    hostile.input_waits_without_bound,
    masters.a_replica_commands_without_the_lease,
    masters.replicas_are_told_once,
    masters.workers_do_not_come_back,
    masters.the_lease_goes_before_the_store_is_closed,
)


@pytest.mark.parametrize("mutant", SOON_CAUGHT, ids=name)
def test_a_planted_bug_is_caught(mutant: Mutant) -> None:
    """A promise is broken that the same seed keeps without it."""
    assert hunt(mutant, seeds=SEEDS).seed is not None


def test_a_bug_is_hunted_where_it_can_be_found() -> None:
    """One of a store that hosts share, among such hosts."""
    assert {scale_of(mutant).store for mutant in database.MUTANTS} == {"postgresql"}
    assert scale_of(log.no_fsync).store == "sqlite"


def test_every_mutant_says_what_it_breaks() -> None:
    """By a name of its own, and a sentence."""
    assert len({name(mutant) for mutant in MUTANTS}) == len(MUTANTS)
    assert all(bug(mutant).endswith(".") for mutant in MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=name)
def test_a_bug_is_there_while_it_is_planted(mutant: Mutant) -> None:
    """And only then: afterwards the code is as it was."""
    places: list[tuple[object, str]] = []

    def noting(put: Put) -> None:
        def put_and_note(owner: object, attribute: str, value: object) -> object:
            places.append((owner, attribute))
            return put(owner, attribute, value)

        mutant(put_and_note)

    def code() -> list[object]:
        return [vars(owner)[attribute] for owner, attribute in places]

    with planted(noting):
        sick = code()
    assert all(one is not other for one, other in zip(sick, code(), strict=True))
