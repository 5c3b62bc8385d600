"""The log in SQLite, opened by the primary alone.

log         its threads, and waiting for what is transient
writer      its one writer
facts       what the rules ask of the tables, for that · binding  their templates, as statements
disk        why a disk takes no writes
marks       how far users have read, in a file of its own
reads       its reads · readers  the reading threads, and what happens when a read fails
blanking    overwrites what is taken back together
erased      the list of what was taken back beside it, and how a store that was put back follows it
schema      its tables
slack       what removed rows leave in free space of a file, and how it is written anew
opening     checks that it is the right log, and whole
file        its files, watched while it is open
moved       the mark of a data directory whose log was moved into a database, and what copies are left
"""
