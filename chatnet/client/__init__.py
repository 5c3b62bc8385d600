"""The terminal client.

tap         the options of ``twistd -n chat-client``
service     wires a client together, and ends it
identity    the secret and the ticket of one name in one log, kept in a private file
identities  which of them is for which cluster, and where it may be shown
race        asks several masters, and takes the first answer
states      the states of a connection                                              (pure)
connection  finds a worker, logs in, and comes back; nothing asked is lost or done twice
listener    who is told what happens on it · from_worker  what a worker says without being asked
attempts    what they fail of, and what is said until the first has succeeded
pending     what was asked and not answered                                         (pure)
feed        what a chat hears, each once and in order                               (pure)
others      the workers beside one's own, for when that is lost                     (pure)
trust       whom one believes to be a master · known_masters  the file of those one knows
finder      finds a worker by the masters · own_cluster  one of the log where one has logged in
login       shows who one is · feed_requests  asks for what a feed takes
commands    what a person types, and what they see: the same for both terminals
line        the terminal of scripts: plain lines
text        what cannot be seen, shown as such                                      (pure)
screen      the terminal of people: the feed above, one input line below
cells       a text as rows of a terminal's cells                                    (pure)
scroll      the feed on the screen, and where in it one looks                       (pure)
draft       the line that is being typed                                            (pure)
pastes      what is pasted, told from what is typed                                 (pure)
chattest    the ladder of CHATTEST
"""
