"""Bugs of a client that speaks in lines: it sends again, and goes on reading, by its own code."""

from __future__ import annotations

from simulation.mutants.planting import Mutant, Put

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from simulator.users.toy import ToyUser
from simulator.users.toy_lines import Answer, Line
from simulator.users.unanswered import Asked, Question, Unanswered


def a_line_gets_a_new_key_when_sent_again(put: Put) -> None:
    """What was sent on a lost connection is sent again as if it were another draft."""
    sent: set[Question] = set()

    def send(self: Unanswered, question: Question, line: Asked) -> None:
        command, _, rest = question.said.partition(" ") if isinstance(line, Line) else ("", "", "")
        if question in sent and command == "POST":
            key, _, text = rest.partition(" ")
            question.said = f"POST {bytes(byte ^ 255 for byte in bytes.fromhex(key)).hex()} {text}"
        sent.add(question)
        real(self, question, line)

    real = put(Unanswered, "send", send)


def a_lines_cursor_by_acknowledgement(put: Put) -> None:
    """An acknowledged line moves the cursor past undelivered posts of others."""

    def acknowledged(self: ToyUser, answer: Answer, key: bytes, secret: str) -> None:
        mine = Entry(int(answer.words[0]), 0, "post", self.name, self.name, "", key)
        self._feed.nothing_up_to(Cursor.at(self._feed.log_id, mine))
        real(self, answer, key, secret)

    real = put(ToyUser, "acknowledged", acknowledged)


MUTANTS: tuple[Mutant, ...] = (a_line_gets_a_new_key_when_sent_again, a_lines_cursor_by_acknowledgement)
