"""Clients that speak IRC: an engine that lives with the connection, over the same session as all fronts.

The protocol's own is in :mod:`chatnet.irc`. The map, one line per module:

front         what the port for clients asks of it, and what all its connections share
settings      what the operator has said
connection    one connection: its silence, its end
addresses     how many connections come from each address   (pure)
guests        users without an account: how they come, are called otherwise, and go
account       a guest who becomes a user: SASL and REGISTER behind the welcome
certificates  CERT: the certificates by which a user logs in
registration  before the welcome: CAP, PASS, NICK, USER, SASL
client        after it: what the client says, and what its session tells it
command       what a command is here, and how it fits between others   (pure)
table         the commands, by name
answers       the order of answers, and labels   (pure)
budget        how many lines a client may send   (pure)
devices       what a device has missed, and how far it has heard, by what it acknowledges
drafts        what was appended, until it is heard
refusals      numbers for what is refused   (pure)
sees          the classes of connections that get the same bytes   (pure)
channel       how a class hears the log, and who is told of their own affairs
faces         how everybody is shown: nicks, sources, real names; which guests are here   (pure)
showing       follows how everybody is shown, and tells who shares a room with them
said          posts as lines   (pure)
events        joins, topics, modes and the like as lines   (pure)
finding       finds one name in what the log tells in pages
roster        who is in a room, as of now
motd          the message of the day
server        the welcome, CAP, PING, QUIT, MOTD, LUSERS, HELP and the like
rooms         JOIN, PART, NAMES, TOPIC
lists         LIST
moderation    INVITE, KICK, MODE
people        WHO, WHOIS, WHOWAS, USERHOST, ISON, AWAY, MONITOR, SETNAME
presence      who is here and who is away, on all processes
neighbours    who shares a room with users of other processes
typists       who is typing, and whom that is told
talk          PRIVMSG, NOTICE, TAGMSG, REDACT
histories     CHATHISTORY
marking       MARKREAD
patience      what clients are told while the log cannot be reached
"""
