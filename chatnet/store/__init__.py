"""The store: where the log (see :mod:`chatnet.log`) and the lease are kept.

window      the newest entries in memory, shared by all readers of a process
reader      the one state machine by which a reader gets from catching up to live
verifying   is what a cursor was read at still in the log?
appender    natural batching: while one batch is being committed, the next gathers
refusals    which refusals are kept, and how
questions   what is asked of a log, in the form that all stores answer alike
pages       how much entries and drafts take on the wire, and pages cut to fit it
remote      the log over AMP, by which workers use the primary's
lease       the right to command, on one host: flock on the data directory
sqlite/     the log in SQLite, opened by the primary alone
postgres/   the log in a database that all processes share, and the lease in it
"""
