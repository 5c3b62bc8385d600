"""The order of answers: each line of a client takes a slot, and slots are written in the order of the lines.

::

    lines      PRIVMSG #tea :one    PRIVMSG #x :two    PING a
    slots      (echo)               404 #x             PONG a        each is written after those before it

What others say is written at once, between answers. So is the echo of a post, at its place in the order of
the log; its slot then has no more to say. A slot with a label (of ``labeled-response``) says it once: on its
only line, on the batch around several, or on ``ACK`` if it has nothing to say. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from chatnet.irc import writer


def labelled(line: bytes, tag: str) -> bytes:
    """Return a line with one more tag, before those that it has."""
    return b"@%s;%s" % (tag.encode(), line[1:]) if line[:1] == b"@" else writer.tagged(tag, line)


class Slot:
    """The place of one line's answer.

    Until :meth:`end` it may :meth:`say` lines, which go out once all earlier slots have ended.
    """

    __slots__ = (
        *("_answers", "_batch", "_begins_now", "_first", "_has_label", "_is_told", "_later"),
        *("_outer", "has_ended", "label"),
    )

    def __init__(self, answers: Answers, label: str) -> None:
        self._answers = answers
        self.label = label
        self._has_label = bool(label)
        self._is_told = not label
        self._batch = self._outer = ""
        self._begins_now = False
        self._first: bytes | None = None
        self._later: list[bytes] | None = None
        self.has_ended = False

    def say(self, *lines: bytes) -> None:
        """Answer with these lines."""
        for line in lines:
            self._say(line)

    def now(self, line: bytes) -> None:
        """Answer with this line, at its place between the things that others say.

        It is the only line of this answer, or :meth:`begin` or :meth:`begin_now` was called before.
        """
        if self._begins_now and not self._batch:
            self._begin_around_first()
        self._is_told, line = True, self._marked(line)
        self._answers.put(line)

    def begin(self, kind: str, *params: str) -> None:
        """Begin a batch: what is said until :meth:`close` is in it. It may be within that of the label."""
        if self._first is not None:
            self._begin_around_first()
        outer = self._batch
        self._begin(self._put, kind, *params)
        self._outer = outer

    def begin_now(self) -> None:
        """If the line has a label, a batch begins with the first line that is said :meth:`now`: others may
        follow it. If none is, each may be the only one."""
        self._begins_now = bool(self.label)

    def close_now(self) -> None:
        """End the batch that was begun at this place, if all of it was said :meth:`now`.

        Who waits for its end shall see what it holds before what follows in the log.
        """
        if self._batch and self._later is None:
            batch, self._batch, self._begins_now = self._batch, "", False
            self._answers.put(writer.line(self._answers.server, "BATCH", f"-{batch}"))

    def _begin(self, put: Callable[[bytes], None], kind: str, *params: str) -> None:
        reference = self._answers.reference()
        put(self._marked(writer.line(self._answers.server, "BATCH", f"+{reference}", kind, *params)))
        self._is_told, self._batch = True, reference

    def settle(self, goes_on: bool) -> None:
        """Write what was said, as what others say is to follow: as the whole answer, or if it ``goes_on``
        as the beginning of a batch."""
        if self._first is not None and goes_on:
            self._begin_around_first()
        elif self._first is not None:
            first, self._first = self._first, None
            self._is_told = True
            self._put(self._marked(first))

    def close(self) -> None:
        """End the batch, as a part of the one around it, if there is one."""
        batch, self._batch, self._outer = self._batch, self._outer, ""
        self._put(self._marked(writer.line(self._answers.server, "BATCH", f"-{batch}")))

    def end(self) -> None:
        """End this answer; write what waits for that."""
        if self.has_ended:
            return
        self.settle(goes_on=False)
        if not self._is_told:
            self._put(self._marked(writer.line(self._answers.server, "ACK")))
        while self._batch:
            self.close()
        self.has_ended = True
        self._answers.ended(self)

    def _say(self, line: bytes) -> None:
        if self._is_told:
            self._put(self._marked(line))
        elif self._first is None:
            self._first = line  # only one more tells whether it needs a batch
        else:
            self._begin_around_first()
            self._put(self._marked(line))

    def _begin_around_first(self) -> None:
        """Begin the batch of several lines, of which one may have been said."""
        self._begin(self._answers.put if self._begins_now else self._put, "labeled-response")
        first, self._first = self._first, None
        if first is not None:
            self._put(self._marked(first))

    def _marked(self, line: bytes) -> bytes:
        if self._batch:
            return labelled(line, f"batch={self._batch}")
        if self._has_label:
            self._has_label = False
            return labelled(line, f"label={writer.escape(self.label)}")
        return line

    def _put(self, line: bytes) -> None:
        if self._answers.is_first(self):
            self._answers.put(line)
        elif self._later is None:
            self._later = [line]
        else:
            self._later.append(line)

    def begins(self) -> None:
        """It is this slot's turn: write what waited for that."""
        later, self._later = self._later, None
        for line in later or ():
            self._answers.put(line)


class Answers:
    """The slots of one connection. ``put`` sends a line; ``ended`` is called as each slot has been written.

    ``server`` is whom answers come from.
    """

    __slots__ = ("_on_written", "_references", "_slots", "put", "server")

    def __init__(self, put: Callable[[bytes], None], server: str, on_written: Callable[[], None]) -> None:
        self.put = put
        self.server = server
        self._on_written = on_written
        self._slots: list[Slot] = []  # a few at most: an empty deque would take 700 bytes
        self._references = 0

    def __len__(self) -> int:
        """How many lines are unanswered."""
        return len(self._slots)

    def slot(self, label: str = "") -> Slot:
        """Return the slot of the next line."""
        slot = Slot(self, label)
        self._slots.append(slot)
        return slot

    def is_first(self, slot: Slot) -> bool:
        """Return whether all lines before this slot's are answered."""
        return bool(self._slots) and self._slots[0] is slot

    def reference(self) -> str:
        """Return a new reference of a batch."""
        self._references += 1
        return f"{self._references:x}"

    def ended(self, slot: Slot) -> None:
        """A slot has ended."""
        slots = self._slots
        if slots[0] is not slot:
            return
        while slots and slots[0].has_ended:
            slots.pop(0)
            if slots:
                slots[0].begins()
        self._on_written()
