"""IRC's own: its lines, numbers, capabilities and logins, without connections. All pure.

What is done with it is in :mod:`chatnet.worker.fronts.irc`. The map, one line per module:

lines     the lines of a client: split, checked, parsed
writer    the lines for a client
numerics  the numbers of answers, and their texts
"""

from __future__ import annotations
