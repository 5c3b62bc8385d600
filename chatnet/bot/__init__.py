"""chatnet.bot: programs that hear and say, and that can be killed at any moment.

    async with Bot("https://chat.example.org", token, state="echo.state") as bot:
        async for post in bot.posts():
            bot.answer(post, post.text)

The map, one line per module:

asynchronous  the bot for asyncio: ``chatnet.bot.Bot``
sync          the same without asyncio: ``chatnet.bot.sync.Bot``
face          what both of them have in common
conversation  what a bot and the cluster say to each other, over any number of connections     pure
commands      the commands that both faces ask                                                 pure
messages      what is said, in JSON                                                            pure
kept          what outlives the process: how far it has read, and what it has to say
place         where the cluster is, and when to try again                                      pure
errors        what goes wrong, each with its sentence
"""

from __future__ import annotations

try:
    from chatnet.bot.asynchronous import Bot
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "websockets":
        raise
    raise ImportError("chatnet.bot needs websockets: pip install 'chatnet[bot]'") from error
from chatnet.bot.errors import BotError, LoggedOut, NotKept, Refused, WrongState
from chatnet.bot.messages import Post

__all__ = ["Bot", "BotError", "LoggedOut", "NotKept", "Post", "Refused", "WrongState"]
