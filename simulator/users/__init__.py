"""Played users: one module for each protocol that clients speak; a module in this package is found by itself.

port        what a user of any protocol can be told to do, and what it tells
offers      the protocols to choose from
amp         the real client's connection
simple      the life of a second client, of few lines, whatever it speaks
bare_line   what a connection of it does with its transport
unanswered  its questions, asked again on each connection
toy         a client of the toy protocol, written for simulations · toy_lines  its connections
irc         who speaks IRC · irc_user  clients, which ask for what they missed · irc_arriving  their logins
irc_guests  guests, who take other nicks, and log in
irc_talk    what they say, and how it is answered · irc_lines  their connections · irc_words  their texts
web         a client that speaks as browsers do · web_lines  its connections: HTTP, and WebSocket
"""
