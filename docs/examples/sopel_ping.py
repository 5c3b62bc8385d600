"""A plugin of sopel's that answers ``!ping``, and nothing that was said before the bot came."""

from datetime import UTC, datetime

from sopel import plugin


@plugin.event("001")
@plugin.rule(".*")
@plugin.priority("high")
def welcome(bot, trigger):
    bot.memory["since"] = trigger.time


@plugin.rule("!ping(.*)")
def ping(bot, trigger):
    since = bot.memory.get("since", datetime.now(UTC))
    if trigger.time >= since:
        bot.notice("pong" + trigger.group(1), trigger.sender)
