"""The store: where the log (see :mod:`chatnet.log`) and the lease are kept.

window      the newest entries in memory, shared by all readers of a process
taken_back  what was taken back lately, for answers that were under way then
blanking    what is asked about texts that are taken back together, in SQL of both stores
erased      what was taken back, and how that is done again where a log was put back, in the same SQL
reader      the one state machine that takes a reader from catching up to live
verifying   whether the log still has what was read at a cursor
appender    natural batching: while one batch is being committed, the next gathers
refusals    which refusals are kept, and how
facts       the facts that decide about drafts, in SQL that both kinds of stores understand
follows     what follows from an entry in the tables, in the same SQL
marks       which marks of a user are removed, since there are too many, in the same SQL
questions   questions to a log, in a form that all stores answer in the same way
pages       the size of entries and drafts on the wire, and pages cut to fit it
remote      the log over AMP: how workers use the primary's
absence     how long a store cannot be used, told as events
lease       the right to command, on one host: a flock on the data directory
sqlite/     the log in SQLite, opened by the primary alone
postgres/   the log in a database that all processes share, and the lease in it
"""
