"""The log in a database that many processes share, opened by every worker and master.

log         the log itself
database    what is asked of the database: the simulator has its own implementation
real        PostgreSQL's implementation · connection  how a connection is made, and what its errors mean
pool        asks in threads, on connections that it keeps, again until it is answered
follower    keeps the window in step with the log, and notices when the log was put back
lease       the right to command, in a row
blanking    overwrites what is taken back together
schema      its tables · reads  its reads
append      the functions that append: one calls all others
judging     those that judge drafts · writing  those that write entries, and what follows
binding     the rules' and stores' templates, in the terms of these functions
"""
