"""The terminal client.

tap         the options of ``twistd -n chat-client``
service     wires a client together, and ends it
identity    the secret and the ticket of one name in one log, in a private file
identities  which identity belongs to which cluster, and where it may be shown
race        asks several masters, and takes the first answer
states      the states of a connection                                              (pure)
connection  finds a worker, logs in, and reconnects; no request is lost or done twice
requests    what a client asks of its cluster
listener    what is told about events of the connection · from_worker  what a worker sends unasked
attempts    why attempts fail, and what is shown until the first has succeeded
pending     requests that are not answered yet                                      (pure)
feed        what a chat hears, each post once and in order                          (pure)
others      the other workers, for when the client's own is lost                    (pure)
trust       which masters a client believes · known_masters  the file of known masters
finder      finds a worker through the masters · own_cluster  finds one of the cluster of the first login
login       logs in · feed_requests  asks for posts: a feed's, and history
commands    what a person types, and what they see: the same for both terminals
manual      what HELP shows                                                         (pure)
terminal    what a terminal promises to these commands · settings  what else they go by
destination  where the lines of a chat are posted, and which nowhere                (pure)
said_in     where one posts, by the room that was typed, and whether one is there
typed       whether a line is a command, a post or a password                       (pure)
said        a post as people see it                                                 (pure)
marks       tells the cluster what was read · unread  shows where something is new
events      what happens in rooms, in one sentence                                  (pure)
orders      the commands about rooms, people and what is taken back
devices     the commands about one's devices, and about codes
lookups     the commands that show history, members and one's rooms
remembered  the posts that were seen, to name one in a request                      (pure)
refused     what is told of a request that was not done
calendar    when posts were made, by the clock of their machine                     (pure)
server_time  what time it is at the server                                          (pure)
entered     typed lines that wait to be read, as both terminals keep them
line        the terminal of scripts: plain lines
text        makes invisible characters visible                                      (pure)
screen      the terminal of people: the feed above, one input line below
layout      the parts of the screen, and which key is for which
rooms       the rooms of a chat, and how much came in each                          (pure)
column      the rooms, left of the feed                                             (pure)
cells       a text as rows of a terminal's cells                                    (pure)
scroll      the feed on the screen, and which part of it is seen                    (pure)
past        which page of a room's history is read next, and how it is seen         (pure)
back        scrolls, and reads history when the top is near
seen        the names and rooms that this client has come across                    (pure)
completion  completes the word before the cursor                                    (pure)
draft       the line that is being typed                                            (pure)
input_rows  that line as rows, and the cursor in them                               (pure)
pastes      tells pasted text from typed text                                       (pure)
chattest    the ladder of CHATTEST
"""
