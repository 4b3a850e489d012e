"""Mail, collected exactly once: the samples, many messages, and messages while the board is reset; and many polls."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..bench.mail import small
from ..board.client import Client
from ..board.follow import follow, give_time
from ..board.link import BAUD
from ..errors import BoardRefused, BuzonError
from ..pull.maildir import Maildir
from ..pull.pull import pull
from .core import seen
from .report import Check, at_least, at_most, failed, found, ok, skipped
from .stand import ACCOUNT, FULL, START_S, Stand, collected

_PAGE_S = 0.5
_MESSAGE_S = 0.3
_PULL_KB = BAUD / 10 / 1024 / 2  # half of the line's speed
_ALERT_S = 15.0
_BUTTON_S = 20.0
_BUSY_S = 120.0
_POLL_S = 0.1
_KEPT = 64 * 1024  # of the flash stays free
_ROOM = 2 * 4096  # what a message may take with its share of the folder, besides its own size
_FEWEST = 8
_AFTER_RESET = 8  # messages that are being collected when the board is reset
_GROWTH_KB = 2.0
_LOOKS = 10


def samples(stand: Stand) -> Iterator[Check]:
    """The project's own 12, byte for byte; the display tells of them, and the button marks them as seen."""
    with stand.server(samples=True) as server:
        expected = Counter(server.expected().values())
        stand.provision(server)
        client = stand.app()
        begin = time.monotonic()
        follow(client, ACCOUNT, progress=stand.progress)
        yield at_most("12 samples", time.monotonic() - begin, "s", None, "Collected and deleted there.")
        begin = time.monotonic()
        client.list_page(ACCOUNT, n=4)
        yield at_most("a page of the list", time.monotonic() - begin, "s", _PAGE_S)
        items = list(client.list_all(ACCOUNT, brief=True))
        with tempfile.TemporaryDirectory(prefix="buzon-") as folder, Maildir(Path(folder, "mail")) as to:
            begin = time.monotonic()
            pull(client, ACCOUNT, to, stand.progress)
            rate = sum(item.size for item in items) / 1024 / (time.monotonic() - begin)
        yield at_least("pull", rate, "KB/s", _PULL_KB, "Over the serial port, listing included.")
        yield from _shown(stand)
        yield found(
            "12 samples exactly once",
            collected(stand, server, expected),
            "Byte for byte, and gone from the server.",
        )


def _shown(stand: Stand) -> Iterator[Check]:
    client = stand.app()
    status = client.status()
    trouble = next((error for name, error in status.notify if name == "display" and error), None)
    if trouble:
        yield failed("display", trouble)
        return
    if status.display in ("", "null"):
        yield skipped("display", "The board has none.")
        yield skipped("display seen", "The board has none.")
    else:
        deadline = time.monotonic() + _ALERT_S
        while client.screen().page != "alert" and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        screen = client.screen()
        if screen.page != "alert":
            yield failed("display", f"New mail is not shown, but the page '{screen.page}'.")
        else:
            yield ok("display", f"{status.display} shows that there is new mail.")
        yield seen(
            "display seen",
            stand.eyes.sees("Does the display show this (the pages take turns)?", screen),
            "A person sees something else on the display.",
        )
    yield _button(stand)


def _button(stand: Stand) -> Check:
    new = _new(stand.app())
    if not stand.eyes.does(f"Press the board's button within {_BUTTON_S:.0f} s: it marks the mail as seen."):
        return skipped("button", "Nobody pressed it.")
    deadline = time.monotonic() + _BUTTON_S
    while time.monotonic() < deadline:
        if _new(stand.app()) < new:
            return ok("button", "Pressed, and the mail is marked as seen.")
        time.sleep(_POLL_S)
    return failed("button", "The mail is as new as before: look at the button's wires.")


def _new(client: Client) -> int:
    return sum(one.new for one in client.status().accounts)


def many(stand: Stand) -> Iterator[Check]:
    """As many as it takes rounds for: what is on the board is copied to this PC and deleted in between."""
    name = f"{stand.amounts.messages} messages exactly once"
    sent = _spread(stand.amounts.messages)
    left, took, rounds, size = list(sent), 0.0, 0, sum(map(len, sent))
    with stand.server() as server:
        stand.provision(server)
        while left:
            part = left[: _fitting(left, stand.app().status().flash[0])]
            if len(part) < min(_FEWEST, len(left)):
                yield failed(
                    name,
                    "The board has too little room: move mail away (buzon mail pull --move --maildir Mail).",
                )
                return
            del left[: len(part)]
            rounds += 1
            for each in part:
                server.deliver(each)
            begin = time.monotonic()
            follow(stand.app(), ACCOUNT, progress=stand.progress)
            took += time.monotonic() - begin
            wrong = collected(stand, server, Counter(part))
            if wrong:
                yield failed(name, wrong)
                return
    yield ok(name, f"{size // 1024} KB in {rounds} round{'' if rounds == 1 else 's'}.")
    text = f"Fetched, stored and deleted on the server; {size / len(sent) / 1024:.1f} KB on average."
    yield at_most("a message", took / len(sent), "s", _MESSAGE_S, text)


def _spread(number: int) -> list[bytes]:
    """So many messages of 1 to 9 KB, 5 KB on average."""
    return small(FULL.messages)[:: FULL.messages // number][:number]


def _fitting(messages: Sequence[bytes], free: int) -> int:
    """How many of them the flash has room for."""
    free -= _KEPT
    for number, each in enumerate(messages):
        free -= len(each) + _ROOM
        if free < 0:
            return number
    return len(messages)


def resets(stand: Stand) -> Iterator[Check]:
    """The board restarts itself again and again while mail comes, as often as it has room for what comes."""
    number = stand.amounts.resets
    sent = _spread(_AFTER_RESET * number)
    name = "resets in the middle"
    middle = 0
    with stand.server() as server:
        stand.provision(server)
        number = max(1, min(number, _fitting(sent, stand.app().status().flash[0]) // _AFTER_RESET))
        sent = sent[: _AFTER_RESET * number]
        for turn in range(number):
            for each in sent[turn * _AFTER_RESET : (turn + 1) * _AFTER_RESET]:
                server.deliver(each)
            client = stand.app()
            _again(client)
            # Each time a little later in the session.
            if _wait_for(client, 1 + turn):
                middle += 1
            client.reboot()
            client.hello(START_S)
        _again(stand.app(), to_the_end=True)
        wrong = collected(stand, server, Counter(sent))
    if wrong:
        yield failed(name, wrong)
        return
    yield Check(
        name=name,
        result="ok" if middle else "warn",
        figure=middle,
        unit="reset" if middle == 1 else "resets",
        text=f"Of {number}; {len(sent)} messages, each collected exactly once.",
    )


def _again(client: Client, to_the_end: bool = False) -> None:
    """Has it poll, as soon as Wi-Fi and server let it: the server has yet to notice that a connection is dead."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            if to_the_end:
                follow(client, ACCOUNT)
            else:
                give_time(client, client.status())  # not every chip keeps it through a reset
                client.sync(ACCOUNT)
            return
        except BoardRefused:
            if time.monotonic() > deadline:
                raise
        time.sleep(1.0)


def _wait_for(client: Client, fetched: int) -> bool:
    """Waits until so many messages have come in the running session, and whether there are more to come."""
    deadline = time.monotonic() + _BUSY_S
    while time.monotonic() < deadline:
        for one in client.status().accounts:
            if one.id != ACCOUNT:
                continue
            if one.fetched >= fetched:
                return one.state == "sync"
            if one.error is not None:
                client.sync(ACCOUNT)
            elif one.state != "sync" and one.next:
                return False  # it is over: the reset before has left less to come
        time.sleep(_POLL_S / 2)
    raise BuzonError(f"The board has not collected within {_BUSY_S:.0f} s what is there.")


def polls(stand: Stand) -> Iterator[Check]:
    """With nothing new: how long one takes, and that no memory is lost."""
    number = stand.amounts.polls
    with stand.server() as server:
        stand.provision(server)
        client = stand.app()
        follow(client, ACCOUNT)
        before, idf = _free(client)
        begin = time.monotonic()
        for done in range(number):
            stand.progress(f"Poll {done + 1} of {number}", done, number)
            follow(client, ACCOUNT)
        took = time.monotonic() - begin
        after, idf_after = _free(client)
    yield at_most(f"{number} polls", took / number, "s", None, "Each, until this PC has noticed its end.")
    yield at_most("heap lost in the polls", (before - after) / 1024, "KB", _GROWTH_KB)
    if idf is not None and idf_after is not None:
        yield at_most("IDF memory lost in the polls", (idf - idf_after) / 1024, "KB", _GROWTH_KB)


def _free(client: Client) -> tuple[int, int | None]:
    """Bytes free in the heap, and outside it: the most of several answers, as there is garbage in between."""
    infos = [client.hello() for _ in range(_LOOKS)]
    idf = [info.idf[0] for info in infos if info.idf]
    return max(info.heap[0] for info in infos), max(idf, default=None)
