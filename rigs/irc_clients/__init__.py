"""Real IRC clients on a cluster whose processes are killed: do they feel it? ``python -m rigs.irc_clients``.

told        the settings that docs/irc.md tells their users
client      what is common to them: a process, its connection, and what it wrote down
irssi       at a terminal · weechat  without a screen
limnoria    a bot · sopel  another one
lounge      The Lounge, on a server for browsers
terminal    the client of chatnet's own beside them
transcript  what a client wrote down of a channel
verdict     whether that is all that was said, once and in order
stage       all of them on one cluster: they talk, processes are killed, and it is judged
"""
