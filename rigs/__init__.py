"""What starts real processes and watches them: for tests, for the long runs, for the demo. Not installed.

processes     real twistd processes: a cluster, and a client at its terminal
talkers       a process of recorded users · conversation  that process, as a test starts it and hears from it
chaos         processes killed and stopped while users talk, and the verdict
demo          two users chat for thirty seconds while processes are killed, and the verdict
beside        honest users beside an attack, and whether they notice
vitals        what processes use, how long they wait for a processor, what they log
impact        what users felt of a fault
postgres      a PostgreSQL server of the tests' own
patroni       two real PostgreSQL nodes that fail over, and the end of their leader
machines      hosts as network namespaces, and a network between them that can be cut
tap           what anybody on the way between them can read
hosts         a whole cluster on such hosts, around one PostgreSQL
command_times  who commanded when, by the masters' logs and by the lease
"""
