"""chatnet: a chat service that does not lose a message. The map, one line per module:

entries     entries, drafts, where each is heard, and who sees it                             pure
kinds       the kinds of entries, one row for each                                            pure
stays       the intervals in which users listen somewhere, and what begins and ends them      pure
rules       who may append what, judged by the log so far: a list of cases                    pure
policies    what may be decided about the cluster or a room                                   pure
blanking    which texts are taken back together: of who is forgotten, and what is too old        pure
erased      the list of what was taken back, which stands beside a store                      pure
state       what follows from entries, in memory                                              pure
facts       the facts that the cases ask for, over that                                       pure
cursor      how far somebody has read: a seq, and a check of the entry there                  pure
faces       how users are shown on IRC: capitals, ident, real name                            pure
names       names, topics and rooms in their one spelling, and which of them a text names     pure
letters     classes of letters that regular expressions lack                                  pure
ignorable   characters that cannot be seen                                                    pure
form        what is wrong with a text or a draft in itself                                    pure
text        the words of others, made legible for logs, sentences and tables                  pure
errors      every error that a peer can be told, with its sentence
addresses   HOST:PORT                                                                         pure
options     the options that programs and commands share
port_options  what options say about a port that the processes of a host share               pure
web_options  where the page is, and whose proxies are trusted
irc_options  where IRC is, how many fronts a host keeps, and whom they let in
command_lines  commands as they are printed for somebody to run
auth        the cluster's token, and tickets
credentials  users' secrets, and what is stored of them
common_passwords  the passwords that most people choose, which nobody may
aging       when a ticket ends of itself                                                      pure
imprints    by what a password is recognized that was right before                            pure
codes       codes, with which somebody comes in who has no secret here yet                    pure
keys        the keys of drafts, as programs name them                                         pure
marks       how far a user has read in a room                                                 pure
presence    who is connected, and what they have said of being away                           pure
typists     who is typing where, and how that is gathered before it is told
reads       the reads of the log as values: questions and their answers                       pure
log         the log as its readers and writers see it: the interface
wire/       the AMP vocabulary, one file per conversation; no logic
irc/        IRC's own: its lines, numbers, capabilities and logins                              pure
net/        connections: limited, pinged, flushed once per reactor turn; who proves what
lanes       limits work under way; the rest waits in turns
store/      the log and the lease; the window and the reader
rights      keeps the data directory and the token private
start       reports whether a program's start succeeded to whoever waits for it
supervisor  the processes that we start, and when to start them again
output      how a program ends when its output cannot be written
logs        where a program's log goes: harmless to read, and limited on the disk
limits      sizes and seconds that the simulator makes small                                  pure
telemetry   events, and who is told about them                                                pure
listeners   joins several listeners to events into one
world/      the reactor, chance, clocks, files, processes, streams: everything outside the program
master/     sends clients to workers, starts and watches workers, serves the log
worker/     holds sessions, routes posts to them
client/     the terminal client
bot/        the library for bots, which imports nothing of the rest but what is pure
operator/   the commands of chatnet: status, stop, drain, migrate, check …
testing/    fakes, shipped and tested
"""
