"""Starts real processes and watches them: for tests, for long runs, for the demo. Not installed.

processes     real twistd processes: a cluster, and a client at its terminal
status        a cluster's status, asked without starting a program
talkers       a process of recorded users · conversation  that process, as a test starts and controls it
chaos         kills and stops processes while users talk, and judges the result
demo          two users chat for thirty seconds while processes are killed; then the verdict
beside        honest users during an attack, and whether they notice it
vitals        what processes use, how long they wait for a processor, what they log
stalls        when the machine itself stood still, as watchers on each processor see it
impact        what users felt of a fault
postgres      a PostgreSQL server of the tests' own
patroni       two real PostgreSQL nodes that fail over, and the death of their leader
machines      hosts as network namespaces, and a network between them that can be cut
tap           what anybody in between can read
hosts         a whole cluster on such hosts, around one PostgreSQL
sockets       TCP connections of processes, as the kernel lists them
irc_clients/  real IRC clients on a cluster whose processes are killed
command_times  who commanded when, by the masters' logs and by the lease
"""
