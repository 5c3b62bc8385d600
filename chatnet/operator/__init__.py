"""The operator's commands.

primary_link  find the primary, and prove the token
status      what the cluster is doing, as a table or as JSON
watch       that table again each second, through takeovers
stop        stop the whole cluster
level       what all processes understand, and raising the log to it
drain       empty a host, and wait until nothing is left there
stepdown    have the primary hand over to a replica
migrate     copy an embedded store into PostgreSQL
log         print entries · source  the store that a command reads
check       is a log whole · derived  what follows from its entries · progress  how far one is
"""
