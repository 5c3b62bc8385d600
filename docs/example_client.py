"""A chat client in Python's standard library alone, to go with docs/protocol.md.

    python docs/example_client.py HOST:PORT NAME [ROOM ...]

Joins the rooms, prints what it receives, posts each line of standard input, and ends with the input when all
is acknowledged. When its worker dies it goes on at another: at its cursor, resending what was not answered.
It speaks without TLS to 127.0.0.1 and ::1, and TLS to all others: it keeps the master's public key in
HOST:PORT.key.
"""

import base64
import hashlib
import io
import os
import pathlib
import random
import select
import socket
import ssl
import sys
import tempfile
import threading
import time

WIDTHS = {0xC4: 1, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD9: 1, 0xDA: 2, 0xDC: 2}


def decode(stream):
    """Return a msgpack value, of the types that entries are made of: numbers, text, bytes and arrays."""
    kind = stream.read(1)[0]
    if kind < 0x80:
        return kind
    width = WIDTHS.get(kind, 0)
    size = int.from_bytes(stream.read(width), "big") if width else kind & (15 if kind < 0xA0 else 31)
    if 0xCC <= kind <= 0xCF:
        return size
    if kind < 0xA0 or kind == 0xDC:
        return [decode(stream) for _ in range(size)]
    return stream.read(size) if kind == 0xC4 else stream.read(size).decode()


def element(stream):
    """Return the next value in DER, with its type and length in front, and its content alone."""
    head = stream.read(2)
    head += stream.read(head[1] & 127 if head[1] > 127 else 0)  # the bytes of a longer length
    content = stream.read(int.from_bytes(head[2:] or head[1:], "big"))
    return head + content, content


def fingerprint(certificate):
    """Return the fingerprint of a certificate's public key, the seventh value in its first value."""
    signed = io.BytesIO(element(io.BytesIO(element(io.BytesIO(certificate))[1]))[1])
    key = [element(signed)[0] for _ in range(7)][6]
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def keep(path, content):
    """Write a file, private and whole, and return True; False if there is one: another client was faster."""
    with tempfile.NamedTemporaryFile(dir=".") as fresh:
        fresh.write(content)
        fresh.flush()
        try:
            os.link(fresh.name, path)
        except FileExistsError:
            return False
    return True


# The key shows which server this is, and not the certificate: see Link and Client.known.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE


class Link:
    """A connection to a master or a worker. With TLS, ``is_right`` says whether the key there is right."""

    def __init__(self, address, is_right, tls=False):
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self.socket = socket.create_connection((host, int(port)), timeout=45)
        self.tls = tls or host not in ("127.0.0.1", "::1")
        if self.tls:
            self.socket = TLS.wrap_socket(self.socket)
            if not is_right(fingerprint(self.socket.getpeercert(binary_form=True))):
                raise ConnectionError(f"somebody else is at {address}")
        self.came, self.lock = b"", threading.Lock()  # one thread at a time may use a TLS connection

    def send(self, **values):
        """Send a box: keys and values, each after its length in two bytes, and then an empty key."""
        strings = [s if isinstance(s, bytes) else str(s).encode() for pair in values.items() for s in pair]
        with self.lock:
            self.socket.sendall(b"".join(len(s).to_bytes(2, "big") + s for s in [*strings, b""]))

    def receive(self):
        """Return the next box. The end of the connection, and 45 seconds of silence, are an OSError."""
        box = {}
        while key := self._string():
            box[key.decode()] = self._string()
        return box

    def ask(self, **command):
        """Return the answer; nothing else is under way. An error that will not pass ends the program."""
        self.send(_ask=0, **command)
        while "_command" in (box := self.receive()):
            pass
        if "_error" not in box:
            return box
        if box["_error_code"] in (b"NO_WORKERS", b"TRY_LATER", b"INTERNAL_FAILURE"):
            raise ConnectionError(box["_error_description"].decode())
        sys.exit(box["_error_description"].decode())

    def _string(self):
        return self._bytes(int.from_bytes(self._bytes(2), "big"))

    def _bytes(self, size):
        while len(self.came) < size:
            self._wait()
        found, self.came = self.came[:size], self.came[size:]
        return found

    def _wait(self):
        """Wait until more has come; the other thread may send meanwhile."""
        if not select.select([self.socket], [], [], 45)[0]:
            raise TimeoutError("silence")
        with self.lock:
            self.socket.settimeout(0)
            try:
                chunk = self.socket.recv(65536)  # a whole TLS record, or nothing
            except ssl.SSLWantReadError:
                return  # it was a message of TLS itself, or not yet a whole record
            finally:
                self.socket.settimeout(45)
        if not chunk:
            raise ConnectionError("the other end closed")
        self.came += chunk


class Client:
    """What outlives a connection: what was asked and not answered, and the cursor."""

    def __init__(self, master, name):
        self.master, self.name = master, name
        self.link = self.ticket = self.log = self.cursor = None
        self.asked, self.unanswered, self.typing = 0, {}, True
        self.lock, self.room = threading.Lock(), threading.Semaphore(100)  # the input has its own thread

    def request(self, **command):
        """Ask until it is answered: now, and in order after each reconnect, with the same key."""
        self.room.acquire()
        with self.lock:
            self.asked += 1
            self.unanswered[self.asked] = command
            try:
                if self.link:
                    self.link.send(_ask=self.asked, **command)
            except OSError:
                self.link = None  # the other thread finds out too, and connects again

    def read_input(self):
        for line in sys.stdin.buffer:
            self.request(_command="Post", key=os.urandom(16), text=line.rstrip(b"\n"))
        self.typing = False
        self.request(_command="Unchat")  # its answer wakes the other thread

    def known(self, key):
        """Return True for the master's key, the one of the first time, which is kept and shown; else exit."""
        kept = pathlib.Path(f"{self.master}.key")
        if not kept.exists() and keep(kept, key.encode()):
            print(f"{self.master} was not known here. Its public key is {key}.", file=sys.stderr, flush=True)
        if kept.read_text() != key:
            sys.exit(f"The public key of {self.master} is {key}, and not {kept.read_text()} as before.")
        return True

    def log_in(self):
        """Return a link to a worker, by ticket if there is one: that costs the cluster next to nothing."""
        master = Link(self.master, self.known)
        found = master.ask(_command="Locate", version=1)
        worker, its_key = found["worker"].decode(), found.get("worker_key", b"").decode()
        link = Link(worker, lambda key: key == its_key, master.tls)
        if self.ticket:
            self.log = link.ask(_command="Resume", version=1, ticket=self.ticket)["log"].decode()
            return link
        secret = pathlib.Path(f"{self.name}.secret")
        if not secret.exists():  # kept before it is used: without it the name is lost
            keep(secret, os.urandom(32))
        answer = link.ask(_command="Login", version=1, name=self.name, secret=secret.read_bytes(), new=1)
        self.ticket, self.log = answer["ticket"], answer["log"].decode()
        return link

    def go_on(self, link):
        """Resend, chat from the cursor, and listen until the input has ended and all is acknowledged."""
        with self.lock:
            for number, command in self.unanswered.items():
                link.send(_ask=number, **command)
            self.link = link
        while "Join" in [command["_command"] for command in list(self.unanswered.values())]:
            self.take(link)  # Chat begins with the newest posts of the rooms that are joined by then
        with self.lock:
            link.send(_ask=0, _command="Chat", **(self.cursor or {}))
        while self.typing or self.unanswered or self.cursor is None:
            self.take(link)

    def take(self, link):
        box = link.receive()
        if "_command" in box:
            self.hear(link, box)
        else:
            self.answered(int(box.get("_answer") or box["_error"]), box)

    def hear(self, link, box):
        """Obey the worker: show a post, note a ping, or end; a post and a ping move the cursor."""
        if box["_command"] == b"Deliver":
            self.show(decode(io.BytesIO(box["entry"])))
        elif box["_command"] == b"Ended":
            sys.exit(box["sentence"].decode())
        elif box["_command"] == b"Ping":
            if "seq" in box and self.cursor is not None:
                self.cursor = {"cursor": box["seq"], "check": box["check"]}
            with self.lock:
                link.send(_command="Ping")

    def answered(self, number, box):
        if "_error" in box:
            print(box["_error_description"].decode(), file=sys.stderr, flush=True)
        if number:
            with self.lock:
                del self.unanswered[number]
            self.room.release()
        elif "_error" in box:
            self.cursor = None  # the log was put back: begin afresh
            raise ConnectionError("the chat was refused")
        else:
            for entry in decode(io.BytesIO(box["posts"])):
                self.show(entry)
            self.cursor = {"cursor": box["cursor"], "check": box["check"]}

    def show(self, entry):
        seq, _time, kind, user, room, text, key = entry[:7]
        if kind == "post":  # other kinds of a newer cluster are ignored
            where = "" if room == user else f"[{room}] "
            print(f"{where}{user}: {text}", flush=True)
        check = hashlib.sha256(f"{self.log}|{seq}|{user}|".encode() + key).digest()[:8]
        self.cursor = {"cursor": seq, "check": check}


def main(master, name, *rooms):
    client = Client(master, name)
    for room in rooms:
        client.request(_command="Join", key=os.urandom(16), room=room)
    threading.Thread(target=client.read_input, daemon=True).start()
    while True:
        try:
            return client.go_on(client.log_in())
        except OSError as error:
            client.link = None
            print(f"Trying again: {error}", file=sys.stderr, flush=True)
            time.sleep(random.uniform(0.2, 1.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
