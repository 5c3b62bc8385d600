"""Fakes that are first-class: shipped, typed and tested.

children    processes that are not, and the clock that starts them
loopback    two protocols connected in memory, their bytes really serialized
processes   real twistd processes: a cluster, and a client at its terminal
postgres    a PostgreSQL server of the tests' own
machines    hosts as network namespaces, and a network between them that can be cut
patroni     two real PostgreSQL nodes that fail over, and the end of their leader
hosts       a whole cluster on such hosts, around one PostgreSQL
commanding  who commanded when, by the masters' logs and by the lease
talkers     a process of recorded users, on the real reactor
rules       who hears what, said a second time, for the checker
conversation  that process, as a test starts it and hears from it
felt        what users felt of a fault
vitals      what processes use, how long they wait for a processor, what they log
beside      honest users beside an attack, and whether they notice
chaos       real processes killed and stopped while they talk, and the verdict
demo        two users chat for thirty seconds while processes are killed, and the verdict
simulation  a whole cluster in virtual time, from one seed
"""
