"""A bot that answers in a room what is said there, each post once, also if it is killed meanwhile.

    BOT_TOKEN=… python docs/examples/echo_bot.py https://chat.example.org '#echo'

Needs chatnet[bot]. It keeps its state in echo_bot.state, beside which it can be started again at any time.
"""

from __future__ import annotations

import asyncio
import os
import sys

from chatnet.bot import Bot


async def main(url: str, room: str) -> None:
    async with Bot(url, os.environ["BOT_TOKEN"], state="echo_bot.state") as bot:
        await bot.join(room)
        print(f"Echoing {room}.", flush=True)
        async for post in bot.posts():
            # A notice comes from a program: bots that answer each other would never end.
            if post.room == room and post.form != "notice":
                bot.answer(post, f"{post.user} said: {post.text}", form="notice")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
