"""Connections: what is between a transport and the commands that are said over it.

link        one connection that speaks AMP · locator  what is understood on it, in one role
outbox      what is to be sent in this turn of the reactor, in one system call
intake      what came and is not obeyed yet · visitors  strangers and users at a port, bounded
line_limit  lines of the log that others can cause: so many of a kind in a minute
timer       what is done again and again, in intervals
pulse       signs of life, and who gives none
dial        opens connections, and nobody else does · listen  opens ports, likewise
first_byte  what is spoken on a connection · tls  what ports present, and whom who dials trusts
pair        a certificate and its key · certificates  an operator's, from two files
security    what a process presents at its ports, and where it speaks plain
approach    how the cluster's processes and operators get to a master: by TLS unless on loopback, and proven
gate        how a link between processes begins: the proof, and who obeys whom from then on
"""
