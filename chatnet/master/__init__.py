"""The master: sends clients to workers, starts and watches workers, serves the log.

tap             the options of twistd chat-master
settings        the chosen options, and what follows from them                               pure
service         the process: takes the lease, or stands by for it
replica         stands by: follows the primary, and tries to take the lease when it is gone
replica_states  the states of a replica, and the steps between them                          pure
standby         the process behind a replica, and what it is told
wiring          puts a primary together
store           what a master asks of the place of log and lease
embedded_store  log and lease in the data directory · shared_store  in a shared database
primary         what runs while the lease is held: status, stop, step down and drain, side by side
copies          which copies of the log are left, in which nothing is taken back
clock           whether the log's time is ahead of the clock                                 pure
epoch           the epoch of a primary, checked when a peer says that it is over
cluster         the workers, as the primary commands them
port            a master's port and all its connections; a replica's redirects to the primary
browsers        what browsers are told at that port                                          pure
pages           where the page is, for users and operators                                   pure
journal         events, as the operator is told about them
remote_hosts    the workers and fronts of other hosts, kept running by workers there
host_plan       how many of them another host has, and what to do about it                   pure
commands        the commands to workers and replicas, each with the epoch
replicas        the replicas, as the primary keeps them
own_host        the workers and the IRC fronts of the primary's own host
population      workers, or replicas, of the primary's own host: how many are wanted, who is here
lost_processes  processes of this host that are not our children, and have lost their link
levels          the log's level: who is too old for it, and when it rises
orders          roles, bans, mutes and policies in the cluster's own name
retention       takes back what is older than the policies let it be
eraser          overwrites what was taken back together, a little at a time
lost_guests     writes that guests are gone whose connection nobody has any more
presence        who is connected to which process; told to those that watch
imprints        which passwords were right at any process; told to IRC fronts
typists         who is typing at any process; told to IRC fronts
registry        the registered workers, and what they report                                 pure
rebalancer      moves sessions to other workers
balance         which workers have too many sessions                                         pure
placement       which worker a client is sent to, and at which address                       pure
signup          warns of a cluster that anybody can reach, and come into
signposts       tells each worker where else its clients can go
conversations   what strangers, workers, replicas and operators may say to the primary
log_server      the log, served to a worker: appends, reads, and pushes of committed entries
"""
