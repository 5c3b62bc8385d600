"""The figures in the README, and how to measure them again. ``python -m benchmarks`` prints the table.

table           rows, and how they are printed
processes       what a bench starts, and ends
wire            AMP boxes as raw bytes, so that the load costs little
cluster         a cluster of real processes, and users logged in at its workers
browsers        requests and WebSocket frames as raw bytes, for the same reason
crowd           the receiving side: counts what 500 followers receive, and posts

fanout          rows: deliveries per second at depth 1, 5 and 20; time to acknowledgement and delivery
posts           row: acknowledged durable posts per second, and raw sqlite3 for comparison
sessions        rows: memory of an idle session, without TLS and with it
encrypted       rows: deliveries per second with TLS and without it; handshakes per second
sockets         rows: deliveries per second by WebSocket, beside AMP, `ws`, Socket.IO; an idle socket's memory
irc             rows: deliveries per second by IRC, beside AMP, InspIRCd, ngIRCd; of any server, as a program
irc_logins      rows: logins per second by IRC, with passwords not seen before, and seen before
irc_names       row: NAMES of 5,000
irc_idle        rows: memory of an idle connection of IRC, in plain and by TLS
irc_behind      rows: how long a device takes that is 10,000 posts behind
irc_kills       rows: how long 500 connections of IRC wait when the primary is killed, and when a worker is
irc_talkers     the users for these rows, a process
irc_comeback    rows: how long until 3,000 connections have caught up whose front was killed
comeback        rows: how long until 5,000 sockets are back after their worker's death
tabs            the browsers' side of that: many sockets, which come again as the page does
page            rows: the page in a browser: its start, frames while one scrolls and writes
newest          row: reading the newest 20 of a small and of a large log
unread          row: counting what is unread in 200 rooms of a small and of a large log
append          row: the store's commit at batches of 1, 20 and 200
postgres        row: the same in PostgreSQL, and raw psycopg for comparison

machines        a cluster on PostgreSQL: rates, times, many posts; a table of its own
costs           its rows about processor time: of a commit, and of each worker that follows
follow          the followers for these rows, a process
hosts           how long users wait when whole hosts die; a table of its own

failover        how long users wait when processes die; a table of its own, and a picture
plot            that picture, as SVG

chatnet_feed    a cluster, as a contender in the fan-out
irc_feed        a server that speaks IRC, as a contender
irc_clients     many clients of IRC in one process
irc_daemons     the servers of IRC that are measured: chatnet's front, and those beside it
inspircd        the IRC daemon that is one
ngircd          the other one
rivals          `ws` and Socket.IO in Node, as contenders; npm/ has their programs
bare            a fan-out by ``transport.write``, as a contender; also the server's program
"""
