"""Browsers and bots: a page, WebSocket and HTTP, with JSON; see docs/web.md.

front       what a worker's port offers of all this
settings    what the operator has said of it
frames      the frames of WebSocket (pure)
dialect     the commands in JSON (pure)
origins     where a request comes from, and whether it may (pure)
problems    refusals as HTTP has them (pure)
connection  one connection, bounded
exchange    HTTP on it, one request at a time
site        what answers which request, and what stands on every answer
stream      what is heard, over plain HTTP: events, lines, long requests
api         what programs ask by HTTP: to post, to join, and to read
bodies      the bodies of requests and answers, as types (pure)
openapi     the document of the API, made from them (pure)
slack       what a webhook says (pure)
assets      the files of the page
linking     its modules as one script (pure)
compact     scripts and styles without what only people need (pure)
peer        what sessions ask of a connection of the web
socket      a WebSocket: a session in the dialect
kept        sessions between requests
account     logging in and out, sessions, and what shows the secret again
"""
