"""IRC's own: its lines, numbers, capabilities, logins and names, without connections. All pure.

What is done with it is in :mod:`chatnet.worker.fronts.irc`. The map, one line per module:

lines     the lines of a client: split, checked, parsed
writer    the lines for a client
numerics  the numbers of answers, and their texts
caps      the capabilities of IRCv3, their negotiation, and which tags they give
sasl      who wants in, and by which password
targets   rooms as IRC names them
texts     what is said: without formatting, and in lines
batches   the names of our batches, and a client's long posts
msgids    the ids of messages
times     times as they stand in tags
masks     masks of names, and what LIST and WHO are asked
isupport  what the server says of itself: its limits, and what it can do
words     the sentences of INFO and HELP
"""

from __future__ import annotations
