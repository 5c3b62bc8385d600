"""A plugin of Limnoria's that answers ``!ping``, and nothing that was said before the bot came."""

import time

from supybot import callbacks, ircmsgs


class Ping(callbacks.Plugin):
    def __init__(self, irc):
        super().__init__(irc)
        self.since = time.time()

    def do001(self, irc, msg):
        self.since = msg.time

    def doPrivmsg(self, irc, msg):
        room, text = msg.args
        if text.startswith("!ping") and msg.time >= self.since:
            irc.queueMsg(ircmsgs.notice(room, text.replace("!ping", "pong", 1)))


Class = Ping
