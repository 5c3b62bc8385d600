"""Checks whether the promises of section 3 of the design were kept, from what users recorded and the final
log. Pure.

Each promise is a function from the :class:`Evidence` to sentences that say how it was broken.
"""

from __future__ import annotations

from chatnet.testing import checker_accounts, checker_guests, checker_lines, checker_log, checker_rooms
from chatnet.testing.evidence import Evidence

PROMISES = (
    checker_log.durable,
    checker_log.exactly_once,
    checker_log.one_order,
    checker_log.no_gaps,
    checker_log.bounded_memory,
    checker_log.no_split_brain,
    checker_rooms.confidential,
    checker_rooms.taken_back,
    checker_rooms.posts_are_kept_for_their_time,
    checker_accounts.nobody_logs_in_again,
    checker_accounts.new_secrets_end_others,
    checker_accounts.ended_sessions_do_nothing,
    checker_accounts.who_is_shut_out_does_nothing,
    checker_accounts.codes_are_used_as_often_as_they_say,
    checker_guests.guests_come_and_go,
    checker_guests.what_waits_for_a_guest_reaches_nobody_else,
    checker_log.no_mark_falls,
    checker_lines.each_line_is_answered_once,
    checker_lines.each_line_is_heard_once,
    checker_lines.who_is_somebody_else_misses_nothing,
    checker_lines.answers_are_behind_what_they_follow,
    checker_lines.histories_have_no_gap,
    checker_lines.who_types_is_told_to_members,
)


def check(evidence: Evidence) -> list[str]:
    """Return how the promises were broken; nothing if they were kept."""
    return [f"{promise.__name__}: {how}" for promise in PROMISES for how in promise(evidence)]
