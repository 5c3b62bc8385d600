"""The typed lines that the interpreter has not read yet, as both terminals keep them."""

from __future__ import annotations

from twisted.internet.defer import DeferredQueue

from chatnet.client.terminal import Unreadable
from chatnet.client.typed import Ahead, Typed


class Entered:
    """Lines go in by :meth:`add`, and out by :meth:`read`; what answers a question, by :meth:`answer`."""

    def __init__(self) -> None:
        self._ahead = Ahead()
        self._lines: DeferredQueue[Typed | Unreadable | None] = DeferredQueue()
        self._answers: DeferredQueue[str | None] = DeferredQueue()

    def __len__(self) -> int:
        """How many lines wait."""
        return len(self._lines.pending)

    @property
    def undone(self) -> int:
        """How many lines wait that ask for something."""
        return sum(isinstance(line, Typed) and bool(line.text.strip()) for line in self._lines.pending)

    @property
    def next(self) -> str:
        """What the next line will be: see :meth:`~chatnet.client.terminal.Terminal.expect`."""
        return self._ahead.next

    def expect(self, what: str) -> None:
        """See :meth:`~chatnet.client.terminal.Terminal.expect`."""
        self._ahead.expect(what)

    def add(self, line: str | Unreadable) -> None:
        """Add a line that was typed."""
        text = line if isinstance(line, str) else ""
        what = self._ahead.add(text)
        if what == "answer":
            self._answers.put(text)
        else:
            self._lines.put(Typed(line, what) if isinstance(line, str) else line)

    def end(self) -> None:
        """No more lines come."""
        self._lines.put(None)
        self._answers.put(None)

    async def read(self) -> Typed | Unreadable | None:
        """Return the next line; None at the end, at each call."""
        self._ahead.done()
        line = await self._lines.get()
        if line is None:
            self._lines.put(None)
        else:
            self._ahead.gave()
        return line

    async def answer(self) -> str | None:
        """Return the answer; None at the end."""
        return await self._answers.get()
