"""The terminal client.

tap         the options of ``twistd -n chat-client``
service     wires a client together, and ends it
identity    the secret and the ticket of one name on one cluster, kept in a private file
race        asks several masters, and takes the first answer
states      the states of a connection                                              (pure)
connection  finds a worker, logs in, and comes back; nothing asked is lost or done twice
commands    what a person types, and what they see: the same for both terminals
line        the terminal of scripts: plain lines
screen      the terminal of people: the feed above, one input line below
chattest    the ladder of CHATTEST
"""
