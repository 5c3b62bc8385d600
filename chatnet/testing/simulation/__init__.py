"""A whole cluster inside one deterministic process: the real services, in virtual time, from one seed.

simulation  one run: its time, its events, its verdict
host        a machine: its clock, disk, ports and processes
process     a process: its life, its signals, its world
reactor     Twisted's interfaces for one process
transports  Twisted's own TCP transports on simulated sockets
sockets     a kernel's TCP sockets
network     links, their delays and cuts; the streams that cross them
threads     pools whose results arrive later
spawned     a child process as its parent sees it
disk        small files, and databases that a loss of power takes back to what was synced
vfs         SQLite's way to the disk
files       a process's view of the disk
terminal    the person at a client
clocks      a host's clocks
hostile     a client that does all the harm it can
squatter    a stranger that has the masters' port when a primary dies
programs    the programs there are, by name
trace       the story of a run
probes      what is looked at inside the real code
successions likewise, when masters succeed each other
guard       nobody touches the real world
toys        small programs for tests of protocols
"""

from chatnet.testing.simulation.host import Host
from chatnet.testing.simulation.process import SimProcess, Status
from chatnet.testing.simulation.simulation import NotInTime, Simulation

__all__ = ["Host", "NotInTime", "SimProcess", "Simulation", "Status"]
