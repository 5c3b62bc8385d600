"""The log in a database that many processes share, opened by every worker and master.

log         the log itself
database    what is asked of the database: the simulator has one of its own
real        the same in PostgreSQL · connection  how one is made, and what its errors mean
pool        asks in threads, on connections it keeps, and again until it answers
follower    keeps the window in step with it, and notices when it was put back
lease       the right to command, in a row
schema      its tables · append  the functions that write · reads  its reads
"""
