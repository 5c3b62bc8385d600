"""A worker: it holds clients' sessions, and follows the log for them.

tap         the options of ``twistd chat-worker``
service     the wiring, and the life of the process: before and after it knows the log
port        the port for clients, and which connections are accepted
ports       all ports of a worker, or of an IRC front, which is a worker with other ones
shared_port  a port that the processes of a host share
web_port    the one for browsers and programs, of the workers
irc_port    the one for IRC, of the fronts
front_tap   the options of ``twistd chat-front``
elsewhere   the other workers, for clients whose worker is gone  (pure)
uplink      the link to the primary: find it, prove the token, register, report
commands    the primary's commands to a registered worker
primary_search  where to look for the primary next              (pure)
stores      the log as a worker sees it: over the link, or in a database
frontend    what exists once the log is known
children    the workers of this host that this one keeps running, as the primary commands
entrance    from a new connection to a session, in any protocol
logins      checks names, secrets and codes, and registers new names
secrets     checks secrets, and makes credentials from passwords
imprints    which passwords were right, here and at other processes
hashing     password hashes in threads; users and addresses take turns
failures    wrong passwords, and how long the next attempt must wait   (pure)
tries       wrong codes for each name                                  (pure)
new_names   how many names may be registered, and who gets the next place   (pure)
admission   whether the cluster takes new names without a code, as it was told last   (pure)
front       what the port for clients asks of a protocol
peer        what a session asks of its connection: the interface that each protocol implements
session     one logged-in connection, in any protocol: what it hears, and how it ends
session_drafts  its drafts: what a user appends
session_reads   its reads: what a user asks
session_marks   its marks: how far a user has read
session_secret  its secret: what a user shows it for, and setting another
whose       what these parts know of their session
sessions    what all sessions of a worker share
session_lines  log lines: who came, from which cursor they hear posts, who left
fronts/     the protocols that clients speak
drafts      the ordered stream of one session's drafts, which wait beyond the user's rate
kept_refusals  how many refusals of a user are kept, and what then waits   (pure)
rates       how fast each user may append, over all sessions and workers   (pure)
gathering   the drafts of one turn of the reactor, appended together
handoff     moves sessions to other workers
reads       a session's reads, one at a time
subscription  a session that hears posts: first it catches up, then it is live
gathered_marks  how far users have read, until it is passed on   (pure)
marks       has the log keep how far users have read, and tells their other sessions
presence    tells the primary who has sessions here
present_elsewhere  who has some on other processes, as the primary tells it
typists     tells the primary who is typing here, and hands on what it tells
users       which users have sessions here, and what ends those    (pure)
router      hands posts to live sessions, and follows joins and leaves in the log    (pure)
audience    who listens at which place   (pure)
"""
