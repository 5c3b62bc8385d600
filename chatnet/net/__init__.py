"""Connections: everything between a transport and the commands that are sent over it.

link        one connection that speaks AMP · locator  the commands it understands, in one role
outbox      what to send in this turn of the reactor, in one system call
intake      boxes that arrived and are not handled yet · visitors  limits for strangers and users at a port
line_limit  at most a number of log lines of one kind in a minute, for lines that others can cause
timer       calls a function again and again, at an interval
pulse       pings, and which links fell silent
dial        opens connections; nothing else does · listen  opens ports; nothing else does
one_answer  one request of HTTP, and its answer: for ports where browsers only lose their way
request_target  what such a request asks for: a path, or a whole URL
short_visit  connections on which a stranger asks one thing, and is answered
shared_port  a port that the processes of a cluster share, and who may join it
first_byte  which protocol a connection speaks · tls  what ports present, and whom a dialling end trusts
pair        a certificate and its key · certificates  an operator's certificate, from two files
security    what a process presents at its ports, and where it accepts connections without TLS
approach    links from the cluster's processes and operators to a master: proven; by TLS unless on loopback
gate        how a link between processes begins: the proof, and who obeys whom after it
"""
