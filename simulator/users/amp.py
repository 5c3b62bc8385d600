"""Users who speak AMP: the real client's connection."""

from chatnet.testing.user import User
from simulator.users.port import MakeUser

make: MakeUser = User
