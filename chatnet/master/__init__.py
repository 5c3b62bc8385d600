"""The master: places clients on workers, starts and watches workers, serves the log.

tap             the options of twistd chat-master
settings        what was chosen, and what follows from it                                    pure
service         the process: takes the lease, or stands by for it
replica         standing by: follows the primary, and goes for the lease when that is gone
replica_states  what a replica is about, and what leads from one to the next                 pure
standby         the process behind a replica, and what it is told
wiring          puts a primary together
store           what a master asks of where log and lease are
embedded_store  in its data directory · shared_store  in a database with others
primary         what runs while the lease is held: status, stop, step down and drain, side by side
clock           whether the log's time is ahead of it                                        pure
epoch           that of a primary, and what is true of a peer's word that it is over
cluster         the workers, as the primary commands them
port            a master's port and all connections there; a replica's sends on to the primary
journal         what happens, as the operator is told
remote_hosts    the workers of other hosts, kept by workers there
host_plan       how many of them there are, and what is to be done about it                  pure
commands        what workers and replicas are told to do, each with the epoch
replicas        the replicas, as the primary keeps them
population      of workers, or replicas, on the primary's own host: how many are wanted, who is here
lost_processes  processes of this host that are not our children, and have lost their link
levels          the log's level: who is too old to be linked, and when it rises
registry        the workers that are registered, and what they report                        pure
rebalancer      has sessions move to other workers
balance         which workers have too many sessions                                         pure
placement       which worker a client is sent to, and under which address                    pure
signposts       tells each worker where else its clients can go
conversations   what strangers, workers, replicas and operators may say to the primary
log_server      the log, served to a worker: appends, reads, and pushes of what was committed
"""
