"""The log in SQLite, opened by the primary alone.

log         its threads, and waiting for what passes
writer      its one writer
reads       its reads · readers  who reads, and what becomes of reads that fail
schema      its tables
opening     is it the log that it should be, and whole?
file        its files, watched while it is open
moved       the mark of a data directory whose log went on in a database
"""
