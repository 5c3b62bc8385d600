"""The simulator can fail: it catches planted bugs. ``make mutants`` hunts all of them."""

from __future__ import annotations

import pytest
from simulation.mutants import (
    MUTANTS,
    accounts,
    aging,
    behind,
    clients,
    database,
    delivery,
    handshakes,
    hostile,
    irc,
    log,
    marks,
    masters,
    rooms,
)
from simulation.mutants.hunt import hunt, scale_of
from simulation.mutants.planting import Mutant, Put, bug, name, planted

SEEDS = 25
"""Within how many seeds the bugs below are caught; others need more."""
SOON_CAUGHT: dict[Mutant, int] = {
    accounts.who_is_shut_out_posts_through_a_worker_that_is_behind: 10,
    accounts.a_code_is_used_twice: 1,
    accounts.the_door_is_open_whatever_the_policy: 0,
    accounts.who_is_disabled_goes_on_hearing: 8,
    aging.what_is_too_old_stays: 1,
    behind.a_window_that_is_behind_is_given: 2,
    log.acknowledge_before_commit: 0,
    log.forget_the_key_check: 2,
    delivery.resume_from_cursor_plus_one: 0,
    delivery.fetch_before_follow: 0,
    delivery.double_delivery_at_the_handover: 0,
    delivery.leaving_is_not_followed: 7,
    rooms.who_is_removed_still_hears: 1,
    rooms.what_was_taken_back_keeps_its_text: 3,
    clients.resend_after_new_drafts: 0,
    irc.a_line_gets_another_key_when_sent_again: 1,
    irc.a_pong_before_the_commit: 1,
    irc.a_page_begins_one_behind_its_bound: 1,
    irc.whoever_has_the_nick_by_then_is_meant: 5,
    hostile.drafts_wait_without_bound: 2,
    hostile.input_waits_without_bound: 1,
    handshakes.a_handshake_counts_as_silence: 0,
    masters.a_replica_commands_without_the_lease: 0,
    marks.a_mark_falls: 8,
    masters.replicas_are_told_once: 5,
    masters.workers_do_not_come_back: 1,
    masters.the_lease_goes_before_the_store_is_closed: 0,
}
"""Each with the seed to begin with: the first that caught it when this was written."""


@pytest.mark.parametrize(("mutant", "first"), SOON_CAUGHT.items(), ids=[name(one) for one in SOON_CAUGHT])
def test_a_planted_bug_is_caught(mutant: Mutant, first: int) -> None:
    """With the bug a seed breaks a promise that it keeps without it."""
    assert hunt(mutant, first, SEEDS).seed is not None


def test_a_bug_is_hunted_where_it_can_be_found() -> None:
    """A bug of a store that hosts share is hunted among hosts that share one."""
    assert {scale_of(mutant).store for mutant in database.MUTANTS} == {"postgresql"}
    assert scale_of(log.no_fsync).store == "sqlite"


def test_every_mutant_says_what_it_breaks() -> None:
    """Each has a name of its own, and a sentence."""
    assert len({name(mutant) for mutant in MUTANTS}) == len(MUTANTS)
    assert all(bug(mutant).endswith(".") for mutant in MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=name)
def test_a_bug_is_there_while_it_is_planted(mutant: Mutant) -> None:
    """Afterwards the code is as before."""
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
