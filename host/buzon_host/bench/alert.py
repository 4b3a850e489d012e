"""Time from a message's delivery to its alert on the display of a polling virtual board.

The board polls as often as settings allow. Deliveries are spread evenly over the time between two polls, so
that the median is what a person sees. What counts is the picture on the emulated display; once it stops
changing, the board is asked whether this is the alert, and whether it is for the message that was delivered.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import demo
from ..board.client import AccountStatus, Client
from ..errors import BuzonError
from ..provision.schema import Settings
from ..virtual.board import HEAP_KIB, VirtualBoard
from .mail import Server, message
from .rows import Bench, Row, spread

POLL_S = 10  # the least that settings allow
SELDOM_S = 86400
SIZE = 2048
_LOOK_S = 0.01
_ASK_S = 0.03
_STILL_S = 0.5
_WAIT_S = 60.0


def rows(bench: Bench) -> Iterator[Row]:
    """Delivery to alert while the board polls, the part after the poll began, and `buzon sync` to alert."""
    with _board(bench.folder / "polls.img", POLL_S) as board:
        whole, work = [], []
        for number in range(bench.runs):
            bench.say(f"Alert: delivery {number + 1} of {bench.runs}")
            board.seen()
            board.poll_begins()
            board.poll_ends()
            time.sleep((number + 0.5) / bench.runs * POLL_S)
            board.deliver()
            delivered = time.monotonic()
            began = board.poll_begins()
            shown = board.alert()
            whole.append(shown - delivered)
            work.append(shown - began)
        yield _row(f"delivery to alert, polled every {POLL_S} s", whole)
        yield _row("from the poll's start to alert", work)
    with _board(bench.folder / "asked.img", SELDOM_S) as board:
        asked = []
        for _ in range(bench.runs):
            board.poll_ends()
            board.seen()
            board.deliver()
            began = time.monotonic()
            board.client.sync()
            asked.append(board.alert() - began)
        yield _row("from `buzon sync` to alert", asked)


class _Board:
    """A board and its server, and the events on them."""

    def __init__(self, server: Server, machine: VirtualBoard, client: Client) -> None:
        self.server = server
        self.machine = machine
        self.client = client
        self.number = 0

    def deliver(self) -> None:
        self.number += 1
        self.server.deliver(message(self.number, SIZE))

    def seen(self) -> None:
        """Dismiss the alert, as a person does by pressing the button."""
        if self.client.screen().page == "alert":
            self.machine.press()
            _until(lambda: self.client.screen().page != "alert", _ASK_S, "the alert to go")

    def poll_begins(self) -> float:
        """Wait for the next poll to begin; returns the time, in monotonic seconds."""
        _until(lambda: self._account().state == "sync", _ASK_S, "a poll")
        return time.monotonic()

    def poll_ends(self) -> None:
        """Wait until no poll is running or due."""

        def ended() -> bool:
            account = self._account()
            if account.error:
                raise BuzonError(f"The board could not collect: {account.error.message}")
            return account.state != "sync" and bool(account.next)

        _until(ended, _ASK_S, "the end of a poll")

    def alert(self) -> float:
        """When the display showed the alert for the last message delivered, in monotonic seconds.

        The board is left alone until the picture has not changed for a while.
        """
        picture = b""
        at = 0.0
        asked = True

        def shown() -> bool:
            nonlocal picture, at, asked
            now = self.machine.screen().tobytes()
            if now != picture:
                picture, at, asked = now, time.monotonic(), False
            if asked or time.monotonic() - at < _STILL_S:
                return False
            asked = True
            return self.client.screen().page == "alert"

        _until(shown, _LOOK_S, "the alert")
        newest = self.client.list_page(demo.ACCOUNT, n=1).items[0]
        if newest.subject != f"Message {self.number}":
            raise BuzonError(f"The alert is not for message {self.number}, but for '{newest.subject}'.")
        return at

    def _account(self) -> AccountStatus:
        return self.client.status().accounts[0]


@contextmanager
def _board(flash: Path, poll_s: int) -> Iterator[_Board]:
    with (
        Server() as server,
        VirtualBoard(flash=flash, heap_kib=HEAP_KIB, wifi=[demo.WIFI]) as machine,
        Client.connect(machine.port) as client,
    ):

        def polled(tree: Settings) -> Settings:
            accounts = [account.model_copy(update={"poll_s": poll_s}) for account in tree.account]
            return tree.model_copy(update={"account": accounts})

        demo.put(client, server, polled)
        _until(lambda: bool(client.status().accounts), _ASK_S, "the settings")
        yield _Board(server, machine, client)


def _until(done: Callable[[], bool], every_s: float, what: str) -> None:
    end = time.monotonic() + _WAIT_S
    while not done():
        if time.monotonic() > end:
            raise BuzonError(f"The board was waited for {_WAIT_S:.0f} s: {what} did not come.")
        time.sleep(every_s)


def _row(name: str, seconds: list[float]) -> Row:
    return Row("alert", name, statistics.median(seconds), "s", runs=len(seconds), spread=spread(seconds))
