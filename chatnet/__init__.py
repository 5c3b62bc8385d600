"""chatnet: a chat service that does not lose a message. The map, one line per module:

entries     entries, drafts, where a post is heard, and who sees it                           pure
kinds       what kinds of entries there are, one row for each                            pure
rules       who may append what, by what the log has so far                               pure
cursor      how far somebody has read: a seq, and a check of what stands there                pure
names       names, topics and rooms in their one spelling, and which of them a text names     pure
letters     classes of letters that regular expressions lack                                 pure
ignorable   what cannot be seen in a text                                                     pure
form        what a text, and a draft, itself shows to be wrong                                pure
text        what others say, made legible for logs, sentences and tables                      pure
errors      every error that a peer can be told, with its sentence
addresses   HOST:PORT                                                                         pure
options     what programs and commands are told when they are started
auth        the cluster's token, and tickets
credentials  users' secrets, and what is stored of them
reads       the reads of the log as values: what is asked, and what it is answered             pure
log         the log as its readers and writers see it: the interface
wire/       the AMP vocabulary, one file per conversation; no logic
net/        connections: bounded, pinged, flushed once per reactor turn; who proves what
lanes       work of which only so much is done at a time, in turn
store/      the log and the lease; the window and the reader
rights      the data directory and the token are one user's alone
start       what becomes of a program's start, told to whoever waits for it
supervisor  the processes that we start: when to start them again
output      how a program ends that has something to say, and cannot
logs        where a program's log goes: harmless to read, and bounded on the disk
limits      sizes and seconds that the simulator makes small                                pure
telemetry   what happens, as events, and who is told                                       pure
listeners   several who listen to the same events, as one
world/      the reactor, chance, clocks, files, processes, streams: everything outside the program
master/     places clients on workers, starts and watches workers, serves the log
worker/     holds sessions, routes posts to them
client/     the terminal client
operator/   the commands of chatnet: status, stop, drain, migrate, check …
testing/    fakes, shipped and tested
"""
