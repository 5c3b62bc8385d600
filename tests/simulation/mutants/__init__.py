"""Realistic bugs, each planted into the real code in memory: the simulator must find every one of them.

planting   how a bug is planted, and removed again
log        what is committed, acknowledged and read
delivery   from the log to the readers
accounts   sessions that end, and codes
aging      what is taken back for its age
behind     a worker that cannot follow the log, hunted where the machine of some is cut off
rooms      private rooms, conversations, blocks, and taking back
clients    what a client sends again, and how far it has read
toys       the same, in a client that speaks in lines
irc        of lines, of what is heard and read back, and of who is sent to a front
web        of sockets and requests, and of a client that speaks as browsers do
cluster    which processes are taken for dead, and which are counted
masters    who commands, and what a new primary knows, keeps and kills
hostile    what hostile clients can make wait
handshakes how much is done at once for strangers who begin to speak TLS
relays     for what a client takes the process it dials, and what a proof proves
strangers  what a stranger on the port of a primary is obeyed and believed in
database   a store that many hosts share, hunted on many machines
marks      how far users have read
restored   a log that was put back: caught by test_sim_restored
levels     programs of several levels: caught where there are some, by test_sim_levels
hunt       how many seeds it takes to catch a bug, and which check catches it
"""

from simulation.mutants import (
    accounts,
    aging,
    behind,
    clients,
    cluster,
    database,
    delivery,
    handshakes,
    hostile,
    irc,
    log,
    marks,
    masters,
    relays,
    rooms,
    strangers,
    toys,
    web,
)
from simulation.mutants.planting import Mutant

MUTANTS: tuple[Mutant, ...] = (
    log.acknowledge_before_commit,
    log.forget_the_key_check,
    log.a_key_twice_in_one_batch,
    log.no_fsync,
    log.stale_epoch_obeyed,
    log.a_full_disk_refuses,
    log.a_lost_primary_refuses,
    log.time_goes_back,
    log.resume_by_todays_memberships,
    log.nobody_asks_who_is_in_a_topic,
    log.a_new_secret_ends_nobody,
    *accounts.MUTANTS,
    delivery.resume_from_cursor_plus_one,
    delivery.texts_are_not_folded_as_commands_are,
    delivery.what_is_said_in_a_topic_goes_where_its_text_does,
    delivery.the_door_asks_before_the_key,
    delivery.mentions_from_before_the_name_was_registered,
    delivery.fetch_before_follow,
    delivery.double_delivery_at_the_handover,
    delivery.drop_on_lag,
    delivery.lost_wakeup_of_the_follower,
    delivery.never_live_under_load,
    delivery.unbounded_queue_for_a_slow_reader,
    delivery.window_off_by_one,
    delivery.ping_up_to_the_head,
    delivery.leaving_is_not_followed,
    clients.resend_after_new_drafts,
    clients.unanswered_is_forgotten,
    clients.cursor_by_acknowledgement,
    cluster.a_watcher_that_slept_judges,
    cluster.adopted_workers_are_not_counted,
    masters.a_replica_commands_without_the_lease,
    masters.the_epoch_is_not_raised,
    masters.replicas_are_told_once,
    masters.the_dead_stay_in_the_registry,
    masters.a_winner_believes_what_it_was_told,
    masters.adopted_workers_are_not_watched,
    masters.workers_do_not_come_back,
    masters.lost_replicas_are_not_replaced,
    masters.a_winner_wants_no_replica,
    masters.fencing_without_looking,
    masters.a_lost_link_is_taken_for_death,
    masters.the_lease_goes_before_the_store_is_closed,
    masters.handing_over_in_the_middle_of_a_batch,
    masters.the_store_is_closed_under_a_batch,
    *aging.MUTANTS,
    *behind.MUTANTS,
    *rooms.MUTANTS,
    *hostile.MUTANTS,
    *handshakes.MUTANTS,
    *strangers.MUTANTS,
    *toys.MUTANTS,
    *web.MUTANTS,
    *irc.MUTANTS,
    *relays.MUTANTS,
    *marks.MUTANTS,
    *database.MUTANTS,
)
