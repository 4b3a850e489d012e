"""What real servers were recorded to answer, replayed: over a socket to the real MicroPython, and to each command.

Skipped where the recordings are not at hand. `unit/recorded.py` says where in a session each belongs;
`unit/test_fuzz_any.py` replays them there in every split.
"""

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from buzon_host.paths import use_firmware
from mail_session import stored
from peer import script, visit

sys.path.append(str(Path(__file__).parents[1] / "unit"))
use_firmware()

import recorded
import replay
from buzon.core.client import Pop3Client
from buzon.core.wire import READ, WRITE, RxBuffer, TxBuffer
from buzon.errors import E_CLOSED, LinkError, MailError

NAMES = recorded.names()
SHORT = 250  # bytes of a reply that is tried in every split
NONE = pytest.param("", marks=pytest.mark.skip(reason="the recorded replies are not here"))

# (error code, messages fetched) where it is not the ordinary (None, 3).
OUTCOMES: dict[str, tuple[int | None, int]] = {
    "common--err-greeting": (500, 0),
    "comcast--err": (501, 0),
    "comcast--stat": (507, 0),  # asked for only when UIDL failed: without it mail cannot be kept
    "comcast--stat-error1": (507, 0),
    "comcast--stat-error2": (507, 0),
    "comcast--stat-error3": (507, 0),
    "exchange--stat": (507, 0),
    "gmail--stat": (507, 0),
    "lang--stat": (507, 0),
    "exchange--uidl": (None, 7),
    # What has no unique id is fetched, and named by its content: the messages from the 4th on are the same one.
    "gmail--uidl-error1": (None, 3),
    "comcast--list": (None, 4),
    "comcast--list-error1": (None, 4),
    "comcast--list-error2": (None, 4),
    "comcast--list-error3": (None, 4),
}

# What commands that no session sends make of their replies.
ANSWERS: dict[str, Any] = {
    "comcast--stat": ("stat", (7, 1800662)),
    "comcast--stat-error1": ("stat", (7, -1)),
    "comcast--stat-error2": ("stat", (-1, 1800662)),
    "comcast--stat-error3": ("stat", (7, -1)),
    "gmail--stat": ("stat", (3, 221409)),
    "gmail--noop": ("noop", None),
    "gmail--rset": ("rset", None),
    "lang--utf8": ("noop", None),
    "lang--setlang": ("noop", None),
}


@pytest.mark.parametrize("name", [name for name in NAMES if recorded.place(name)] or [NONE])
def test_in_its_place_over_a_socket(name: str, tmp_path: Path) -> None:
    """A kept maildrop of three messages, of which one reply is the recorded one."""
    replies, account = recorded.server(name)
    result = visit(
        script(replies), tmp_path, account={"keep": "forever", **account}, wait_ms=5000, whole_ms=15000
    )
    code, fetched = OUTCOMES.get(name, (None, 3))
    assert (result["error"] and result["error"][0], result["fetched"]) == (code, fetched), result
    if recorded.place(name).startswith("RETR"):
        first = replay.content_of(recorded.reply(name))
        assert first
        assert stored(tmp_path) == [first] * 3


class _Dialogues:
    """One command each on a session in the TRANSACTION state."""

    def __init__(self, data: bytes, first: int) -> None:
        self.rx, self.tx = RxBuffer(bytearray(1024)), TxBuffer(bytearray(256))
        self.pop = Pop3Client(self.rx, self.tx)
        self.pop.state = 2
        self.parts = [data[:first], data[first:]]

    def write(self, buf: bytearray, off: int, n: int) -> None:
        pass

    def run(self, command: str) -> Any:
        pop = self.pop

        def nothing(*_: object) -> None:
            pass

        dialogues: dict[str, Callable[[], Generator[int, None, Any]]] = {
            "stat": pop.stat,
            "list": lambda: pop.list(nothing),
            "uidl": lambda: pop.uidl(nothing),
            "retr": lambda: pop.retr(1, self),
            "top": lambda: pop.top(1, 0, self),
            "dele": lambda: pop.dele(1),
            "noop": pop.noop,
            "rset": pop.rset,
            "capa": pop.capa,
            "quit": pop.quit,
        }
        dialogue = dialogues[command]()
        while True:
            try:
                need = dialogue.send(None)
            except StopIteration as end:
                return end.value
            if need == WRITE:
                self.tx.clear()
            elif need == READ:
                while self.parts and not self.parts[0]:
                    self.parts.pop(0)
                if not self.parts:
                    raise LinkError(E_CLOSED, "reply")
                part = self.parts[0]
                space = self.rx.space()
                n = min(len(space), len(part))
                space[:n] = part[:n]
                self.rx.w += n
                self.parts[0] = part[n:]


COMMANDS = (
    "stat",
    "list",
    "uidl",
    "retr",
    "top",
    "dele",
    "noop",
    "rset",
    "capa",
    "quit",
)


@pytest.mark.skipif(not NAMES, reason="the recorded replies are not here")
def test_to_every_command_in_every_split() -> None:
    """Also where it does not belong: an answer or a MailError, the same in every split."""
    count = 0
    for name in NAMES:
        data = recorded.reply(name)
        for command in COMMANDS:
            want: Any = None
            for first in range(len(data)) if len(data) <= SHORT else (0, 1, 5, len(data) // 2):
                try:
                    outcome = _Dialogues(data, first).run(command)
                except MailError as err:
                    outcome = ("error", err.code)
                assert want in (None, outcome), (name, command, first)
                want = outcome
                count += 1
            if name in ANSWERS and ANSWERS[name][0] == command:
                assert outcome == ANSWERS[name][1], name
    print(f"{len(NAMES)} recorded replies, {count} dialogues")
