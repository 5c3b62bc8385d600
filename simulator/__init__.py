"""A whole cluster inside one deterministic process: the real services, in virtual time, from one seed.

run         one seed: a cluster, its users, its faults; then peace, and the verdict
simulation  one run: its time, its events, its hosts, and its failures
trace       the story of a run
sizes       small pages, windows and buffers, so that short runs reach what only long ones would

What is simulated:
host        a machine: its clock, disk, ports and processes · clocks  a host's clocks
process     a process: its life, its signals, its world
reactor     Twisted's interfaces for one process
transports  Twisted's own TCP transports on simulated sockets · sockets  a kernel's TCP sockets
network     links, their delays and cuts; the streams that cross them
tls         a stand-in for OpenSSL's connections, under Twisted's own layer
threads     pools whose results arrive later
spawned     a child process as its parent sees it
disk        small files, and databases that a power failure sets back to what was synced
files       a process's view of the disk · vfs  SQLite's way to it
database    a process's connections to a PostgreSQL · database_server  that server
terminal    the person at a client
programs    the available programs, by name
toys        small programs for tests of protocols

Who lives there, and what goes wrong:
clusters    one machine with the embedded store, or many with a database
workload    what users do · people  who does it · users/  the protocols that they speak
nemesis     faults of every kind · outages  those of machines and databases
operators   who starts again what has ended · desk  the orders of one who insists
hostile     a client that does all the harm it can
relay       a hostile host between two others
squatter    a stranger that takes the masters' port when a primary dies

What is observed:
watch       what can be seen of a cluster from outside
probes      what is observed inside the real code · takeover_probe  the same, during takeovers
lease_probe  who holds the lease in a database, and who commands
guard       prevents any use of the real world
"""

from simulator.host import Host
from simulator.process import SimProcess, Status
from simulator.simulation import NotInTime, Simulation

__all__ = ["Host", "NotInTime", "SimProcess", "Simulation", "Status"]
