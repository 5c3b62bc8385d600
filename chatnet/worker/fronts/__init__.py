"""The protocols that clients speak: each a :class:`~chatnet.worker.peer.Peer` in front of a session.

channel     which kinds channels show, and how outboxes are filled
connection  one connection of another protocol than AMP, and how it is limited
amp         AMP: a connection before and after it has logged in
commands    what a logged-in user may say, in any of them
web/        browsers and bots: HTTP and WebSocket, with JSON
irc/        clients that speak IRC
"""

from chatnet.worker.front import Offer
from chatnet.worker.fronts.amp import Amp

FRONTS: tuple[Offer, ...] = (Amp,)
"""The protocols that every worker offers."""
