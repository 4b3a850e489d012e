"""Row 5: a poll without new mail, with 0, 10, 1,000 and 10,000 messages kept on the server.

How it is measured:
- The library, compiled, over its blocking driver, in real MicroPython, with `keep = "forever"`; Dovecot
  through the proxy that counts turns (delay.py), which adds no delay here; no TLS, as its handshake's turns
  would count.
- All messages are known: they came once and were deleted on the board by a person. For a poll that is the
  same as if they were still there: each has a record in the journal, and the folder is not looked at.
- Round trips are the most of all polls after the first, which also asks for the server's capabilities (one
  more).
- Heap: `gc.mem_alloc()` after a collection, when the session is over. The group `heap` has what a session
  needs while it runs, as the smallest heap in which it works.
- Bytes programmed: what MicroPython's littlefs wrote into the virtual board's flash in all those polls.

Caveat: with 10,000 messages most of the time is Dovecot's and the line's, for 270 KB of listing.
"""

import statistics
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256

from littlefs import LittleFS

from ..server.dovecot import Dovecot
from .collector import CollectError, Collector
from .delay import Proxy
from .maildrop import Maildrop, small
from .rows import Bench, Goal, Row, spread

COUNTS = (10, 0, 1000, 10_000)  # the others' heap is compared with the first's
_FLASH = 1 << 20
_DELETED, _FORMAT = 3, 67  # in the journal
_GROWTH = 256


def know(fs: LittleFS, folder: str, user: str, host: str, uids: Sequence[bytes]) -> None:
    """Write an account's journal that knows these uids, as if a person had deleted them on the board."""
    realm = f"{user}@{host} ".encode()
    fs.makedirs(folder, exist_ok=True)
    with fs.open(f"{folder}/journal", "wb") as file:
        for uid in uids:
            file.write(
                struct.pack("<HBBIIII", _DELETED, 0, _FORMAT, 0, 0, 0, 0) + sha256(realm + uid).digest()[:8]
            )


def rows(bench: Bench) -> Iterator[Row]:
    flat = 0
    points: list[list[float]] = []
    for count in COUNTS:
        bench.say(f"poll: {count} messages")
        seconds, turns, heap, programmed = _polls(bench, count)
        points.append([count, heap])
        name = f"{count:,} messages"
        yield Row("poll", f"round trips, {name}", turns, "turns", runs=len(seconds), goal=Goal(high=4))
        yield Row("poll", f"bytes programmed, {name}", programmed, "bytes", goal=Goal(high=0))
        if count == COUNTS[0]:
            flat = heap
            yield Row("poll", f"heap after it, {name}", heap, "bytes")
        else:
            series = {}
            if count == COUNTS[-1]:
                series = {"heap against the number of messages": sorted(points)}
            yield Row(
                "poll",
                f"heap more than with {COUNTS[0]}, {name}",
                heap - flat,
                "bytes",
                goal=Goal(high=_GROWTH),
                series=series,
            )
        middle = statistics.median(seconds)
        yield Row("poll", f"time, {name}", middle, "s", runs=len(seconds), spread=spread(seconds))


def _polls(bench: Bench, count: int) -> tuple[list[float], int, int, int]:
    """The seconds of each poll, the most round trips of one, heap in use, and bytes programmed in all."""
    with Dovecot() as server, Proxy(server.pop3) as proxy:
        drop = Maildrop(server, small(count))
        settings = {
            "host": server.host,
            "port": proxy.port,
            "user": server.user,
            "password": server.password,
            "tls": "none",
            "auth": "plain",
            "keep": "forever",
        }
        uids = server.uids()
        with Collector(
            bench.folder / str(count),
            settings,
            flash=_FLASH,
            prepare=lambda fs: know(fs, "/mail/main", server.user, server.host, uids),
        ) as collector:
            collector.collect()
            programmed = 0
            for _ in range(max(2, bench.runs)):
                answer = collector.collect()
                if (answer["listed"], answer["fetched"]) != (drop.count, 0):
                    raise CollectError(f"the poll was none: {answer}")
                programmed += answer["programmed"]
            proxy.talks[-1].over.wait(5)
        talks = proxy.talks[1:]
        return [talk.seconds for talk in talks], max(talk.turns for talk in talks), answer["heap"], programmed
