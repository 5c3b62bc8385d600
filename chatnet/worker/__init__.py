"""A worker: it holds sessions, and follows the log on their behalf.

tap         the options of ``twistd chat-worker``
service     the wiring, and the process's life: from before it knows the log to after it
port        where clients connect, and who is let in
elsewhere   the other workers, for when this one is gone        (pure)
uplink      the link to the primary: find it, prove, register, report
commands    what the primary says to a worker, once that is registered
primary_search  where to look for the primary next              (pure)
stores      the log as a worker has it: over the link, or in a database
frontend    what there is once the log is known
children    the workers of this host that it keeps, as the primary says
entrance    from a new connection to a session, in any protocol
logins      names and secrets, and names that are new
secrets     checks secrets, and makes credentials of passwords
hashing     password hashes in threads, for which users and addresses take turns
failures    wrong passwords, and how long the next attempt must wait   (pure)
new_names   how many names may be registered, and who gets the next place   (pure)
front       what the port for clients asks of a protocol
peer        what a session asks of its connection: the port that each protocol fills
session     one logged-in connection: the user's commands, in any protocol
sessions    what all sessions of a worker share
session_lines  who came, from where on they hear posts, who left: for the log
fronts/     the protocols that clients speak
drafts      the ordered stream of one session's drafts, held beyond the user's rate
rates       how fast each user may append, over all sessions and workers   (pure)
gathering   the drafts of one turn of the reactor, appended together
handoff     sessions that are to move to other workers
reads       a session's reads, one at a time
subscription  a session that hears posts: from catching up to live
users       who has sessions here, and what ends them    (pure)
router      hands posts to live sessions, kept in step by the log    (pure)
audience    who listens where   (pure)
"""
