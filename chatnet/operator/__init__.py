"""The operator's commands.

options     the commands, and the options of each
primary_link  finds the primary, and proves the token
status      what the cluster is doing, as a table or as JSON
watch       the same table again each second, through takeovers
stop        stops the whole cluster
orders      roles, bans and what takes words back, in the cluster's own name
users       lists the users, page by page
level       shows what all processes understand, and raises the log to it
drain       empties a host, and waits until nothing is left there
stepdown    has the primary hand over to a replica
migrate     copies an embedded store into PostgreSQL
log         prints entries · export  all that is kept of a user · source  the store that a command reads
erased      prints the list of what was taken back, and has it taken back again
check       checks whether a log is whole · derived  what follows from its entries · progress  how far it is
"""
