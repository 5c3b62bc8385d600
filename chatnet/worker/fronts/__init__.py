"""The protocols that clients speak: each a :class:`~chatnet.worker.peer.Peer` in front of a session.

amp         AMP: a connection before and after it has logged in
"""
