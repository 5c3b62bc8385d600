"""The frames of WebSocket: ours are what wsproto reads, and what a client sends is read within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.raw_frames import BINARY, CLOSE, MORE, PING, PONG, TEXT, frame
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import MAX_PAYLOAD_NORMAL, FrameProtocol, Opcode

from chatnet.worker.fronts.web import frames
from chatnet.worker.fronts.web.frames import MOST_BYTES, Alive, Closed, Code, Incoming, Pinged, Received, Said


def heard(data: bytes) -> list[object]:
    """Return what a client hears of ``data``."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


def received(*pieces: bytes) -> list[Received]:
    """Return what is received of ``pieces``, without signs of life."""
    incoming = Incoming()
    found: list[Received] = []
    for piece in pieces:
        incoming.feed(piece)
        while (one := incoming.next()) is not None:
            found.append(one)
    return [one for one in found if not isinstance(one, Alive)]


# ---- ours ----


@given(st.text(), st.sampled_from([0, 125, 126, 65_535, 65_536, 70_000]))
def test_a_message_of_ours_is_one_frame(text: str, more: int) -> None:
    """wsproto reads it as one whole message, however long; and it is what wsproto itself would have sent."""
    message = text.encode() + b"x" * more
    made = frames.text(message)
    assert made == bytes(FrameProtocol(client=False, extensions=[]).send_data(message.decode(), fin=True))
    parts = [event.data for event in heard(made) if isinstance(event, TextMessage)]
    assert "".join(parts) == message.decode()


@given(st.binary(max_size=MAX_PAYLOAD_NORMAL))
def test_our_pings_and_pongs(payload: bytes) -> None:
    assert heard(frames.PING) == [Ping(payload=b"")]
    assert heard(frames.pong(payload)) == [Pong(payload=payload)]


@given(st.sampled_from(list(Code)), st.text(max_size=200))
def test_our_closes(code: Code, reason: str) -> None:
    """A reason that is too long is cut between letters."""
    [closed] = heard(frames.close(code, reason))
    assert isinstance(closed, CloseConnection)
    assert closed.code == code
    assert reason.startswith(closed.reason or "")


def test_the_answer_to_a_handshake() -> None:
    """The key and the answer are those of RFC 6455, 1.3."""
    assert frames.accepted("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    for wrong in ("", "dGhlIHNhbXBsZQ==", "not base64 at all", "é" * 24):
        assert frames.accepted(wrong) is None


# ---- a client's ----


@given(st.lists(st.text(max_size=300), max_size=5), st.data())
def test_messages_are_read_however_they_are_cut(texts: list[str], data: st.DataObject) -> None:
    """Into frames, and into pieces as they arrive; with pings in between."""
    stream = b""
    for text in texts:
        raw = text.encode()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=3)))
        parts = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
        for number, part in enumerate(parts):
            stream += frame(MORE if number else TEXT, part, number == len(parts) - 1)
            stream += frame(PING, b"life")
    at = data.draw(st.integers(0, len(stream)))
    found = received(stream[:at], stream[at:])
    assert [one.text for one in found if isinstance(one, Said)] == texts
    assert all(isinstance(one, Said) or one == Pinged(b"life") for one in found)


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (frame(TEXT, b"unmasked", masked=False), Code.PROTOCOL_ERROR),
        (frame(BINARY, b"binary"), Code.NOT_TEXT),
        (frame(TEXT, b"\xff\xfe"), Code.NOT_UTF8),
        (frame(TEXT, b"\xed\xa0\x80"), Code.NOT_UTF8),
        (frame(TEXT, b"half \xe2\x82"), Code.NOT_UTF8),
        (frame(TEXT, b"x" * (MOST_BYTES + 1)), Code.TOO_BIG),
        (frame(TEXT, "€".encode() * (MOST_BYTES // 3 + 1)), Code.TOO_BIG),
        (frame(3, b""), Code.PROTOCOL_ERROR),
        (frame(11, b""), Code.PROTOCOL_ERROR),
        (frame(TEXT, b"", rsv=4), Code.PROTOCOL_ERROR),
        (frame(PING, b"x" * 126), Code.PROTOCOL_ERROR),
        (frame(PING, b"", fin=False), Code.PROTOCOL_ERROR),
        (frame(MORE, b"of nothing"), Code.PROTOCOL_ERROR),
        (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), Code.PROTOCOL_ERROR),
        (frame(CLOSE, b"\x03"), Code.PROTOCOL_ERROR),
        (frame(CLOSE, (1005).to_bytes(2, "big")), Code.PROTOCOL_ERROR),
        (frame(CLOSE, (999).to_bytes(2, "big")), Code.PROTOCOL_ERROR),
        (frame(CLOSE, (5000).to_bytes(2, "big")), Code.PROTOCOL_ERROR),
        (frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), Code.NOT_UTF8),
        (b"\x81\xff" + (1 << 63).to_bytes(8, "big") + b"\0\0\0\0", Code.PROTOCOL_ERROR),
    ],
)
def test_what_breaks_the_rules_closes(stream: bytes, code: Code) -> None:
    """With the code that RFC 6455 has for it; what follows is not looked at."""
    found = received(stream, frame(TEXT, b"behind"))
    assert [(one.code, one.by_client) for one in found if isinstance(one, Closed)] == [(code, False)]
    assert found[-1] is found[0]


@pytest.mark.parametrize(("payload", "code"), [(b"", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa1why", 4001)])
def test_a_client_closes(payload: bytes, code: int) -> None:
    [closed] = received(frame(CLOSE, payload) + frame(TEXT, b"behind"))
    assert isinstance(closed, Closed)
    assert (closed.code, closed.by_client) == (code, True)


def test_a_message_of_the_greatest_size_is_read() -> None:
    """In one frame, or in as many as one likes."""
    [whole] = received(frame(TEXT, b"x" * MOST_BYTES))
    assert whole == Said("x" * MOST_BYTES)
    parts = [frame(MORE if at else TEXT, b"x", at == MOST_BYTES - 1) for at in range(MOST_BYTES)]
    [whole] = received(b"".join(parts))
    assert whole == Said("x" * MOST_BYTES)


def test_endless_fragments_are_not_kept() -> None:
    """A message that never ends is too big at some time; empty parts of it take no memory."""
    incoming = Incoming()
    incoming.feed(frame(TEXT, b"", fin=False) + frame(MORE, b"", fin=False) * 10_000)
    while incoming.next() is not None:
        pass
    assert len(incoming._parts or ()) <= frames._MOST_PARTS
    part = frame(MORE, b"x" * 1000, fin=False)
    [closed] = [one for one in received(frame(TEXT, b"", fin=False), *[part] * 66) if isinstance(one, Closed)]
    assert closed.code == Code.TOO_BIG


def test_control_frames_in_the_middle_of_a_message() -> None:
    stream = frame(TEXT, b"be", fin=False) + frame(PING, b"1") + frame(PONG, b"") + frame(MORE, b"gin")
    assert received(stream) == [Pinged(b"1"), Said("begin")]


def test_the_opcodes_are_wsprotos() -> None:
    assert [TEXT, BINARY, CLOSE, PING, PONG, MORE] == [
        Opcode.TEXT,
        Opcode.BINARY,
        Opcode.CLOSE,
        Opcode.PING,
        Opcode.PONG,
        Opcode.CONTINUATION,
    ]
