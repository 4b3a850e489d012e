"""A year on the wall: 50 mails a day, and all that goes wrong meanwhile, on 1.6 MB of flash with a purpose's defaults.

A board's account and console methods run on the real MicroPython, with its littlefs on the virtual board's flash
(year_board.py); the server is year_server.py. Connections drop, the server is out of order, the power goes in the middle
of a write, the clock is not set after it, the server changes its certificate, and a person reads, deletes and moves mail
away, or is on holiday. `make year` is 365 days of each purpose; the tests run a month.
"""

import argparse
import hashlib
import os
import ssl
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import trustme
from buzon_host import boards
from buzon_host.provision import purpose
from buzon_host.provision.purpose import Purpose
from buzon_host.provision.schema import Account, Storage
from buzon_host.server.certs import asyncio_tls, good
from buzon_host.virtual import flash, interpreter
from buzon_host.virtual.process import fakes

from .interpreter import Interpreter
from .year_server import Mail, Post, Server

SIZE = 400 * 4096  # what an ESP32 with 4 MB has beside its firmware, about
POLLS = 6  # a day
_NEWEST = 10  # messages that a board that tells must always have
_KEPT_DAYS = (
    20  # then another program takes the mail away from the server that a board that tells leaves there
)
_NOW = 1_800_000_000
_E_FULL = 600, 604
_CERT = range(207, 223)  # errors of TLS and its certificates


@dataclass
class Report:
    """What a year came to. `faults`: what must not be; empty when all is well. `errors`: polls by the code they ended in."""

    purpose: str
    days: int
    faults: list[str] = field(default_factory=list)
    errors: Counter[int] = field(default_factory=Counter)
    mails: int = 0
    polls: int = 0
    drops: int = 0
    cuts: int = 0
    moved: int = 0
    stored: int = 0
    left: int = 0
    heap: tuple[int, int] = 1 << 30, 0  # in use after a poll, the least and the most
    journal: int = 0  # bytes, the most
    free: int = 1 << 30  # bytes of flash, the least
    programmed: int = 0
    erases: tuple[float, int] = 0, 0  # of a block: on average, the most
    seconds: float = 0

    def __str__(self) -> str:
        errors = ", ".join(f"{code}: {count}" for code, count in sorted(self.errors.items())) or "none"
        lines = [
            f"{self.purpose}: {self.days} days, {self.mails:,} mails, {self.polls:,} polls, {self.drops} connections "
            f"dropped, {self.cuts} power cuts: {'ALL IS WELL' if not self.faults else 'FAULTS'}",
            f"  on the board {self.stored:,}, moved to the PC {self.moved:,}, left on the server {self.left:,}; "
            f"errors {errors}",
            f"  flash: {self.programmed / 1e6:,.1f} MB programmed, {self.erases[0]:.0f} erases of a block on average, "
            f"{self.erases[1]:,} at most; {self.free // 1024} KB free at least; journal {self.journal / 1024:.1f} KB at most",
            f"  heap in use after a poll: {self.heap[0]:,} to {self.heap[1]:,} bytes; took {self.seconds:.0f} s",
        ]
        return "\n".join(lines + [f"  FAULT {fault}" for fault in self.faults[:20]])


class _Year:
    def __init__(
        self, what: Purpose, days: int, seed: int, folder: Path, progress: Callable[[Report, int], None]
    ) -> None:
        self.what = what
        self.progress = progress
        self.report = Report(what.value, days)
        self.random = Random(seed)
        self.post = Post(seed)
        self.server = Server()
        self.known: dict[str, Mail] = {}  # by the key that files are named after
        self.told: list[Mail] = []  # what came after the board, in order
        self.deleted: set[int] = set()  # on the server, by the board
        self.dismissed: set[str] = set()  # on the board, by the person
        self.moved: Counter[int] = Counter()
        self.retrieved: Counter[int] = Counter()
        self.names: list[str] = []
        self.sure = True
        self.day = 0
        self.image = folder / "flash.img"
        self.stats = folder / "stats"
        flash.prepare(self.image, boards.load("virtual"), SIZE)
        flash.new_counters(self.stats, SIZE)
        self.board = self.interpreter()

    def interpreter(self) -> Interpreter:
        """One from power on to power off: the flash stays."""
        program, maps = interpreter.mapping_command()
        if not maps:
            raise RuntimeError("the year needs the interpreter of the package")
        return Interpreter(
            Path(__file__).with_name("year_board.py"),
            str(fakes()),
            str(SIZE),
            heap="512m",
            program=program,
            env={**os.environ, "BUZON_MAPS": os.pathsep.join((str(self.image), str(self.stats)))},
        )

    def close(self) -> None:
        self.board.close()
        self.server.close()

    # -- the board

    def do(self, what: str, **job: Any) -> dict[str, Any]:
        now = _NOW + self.day * 86400 + int(time.monotonic() * 10) % 86400
        if self.day == self.report.days // 3:
            now += 30 * 86400  # two NTP answers were wrong
        result = self.board.run({"do": what, "now": now, "sure": self.sure, **job})
        if not result.get("cut"):
            self.names = [line[1:] for line in self.board.said.splitlines() if line.startswith("+")]
            report = self.report
            if what == "poll":
                report.heap = min(report.heap[0], result["heap"]), max(report.heap[1], result["heap"])
            report.journal = max(report.journal, result.get("journal", 0))
            report.free = min(report.free, result["free"])
            if result["held"]:
                self.fault(f"{what} left a file open, for which {result['held']} bytes of flash were kept")
            if not 0 <= result["free"] <= SIZE:
                self.fault(f"{result['free']} bytes of flash are free")
        return result

    def fault(self, what: str) -> None:
        self.report.faults.append(f"day {self.day}: {what}")

    def restart(self) -> None:
        """The power comes back, and may go once more at once. The clock is not set then."""
        self.report.cuts += 1
        self.sure = False
        again = self.random.randrange(1, 30) if self.random.random() < 0.2 else 0
        self.board.close()
        self.board = self.interpreter()
        if self.do("start", cut=again, torn=self.random.choice((0, 128, 254))).get("cut"):
            self.restart()

    def certificate(self) -> bytes:
        """The server has a new one; its CA."""
        ca = trustme.CA()
        self.server.context = asyncio_tls(good(ca, ("127.0.0.1",)))
        return _der(ca)

    def provision(self, ca: bytes) -> None:
        made = purpose.account_for(
            Account(
                host="127.0.0.1",
                port=self.server.port,
                user="me",
                password="secret",
                ca="/certs/ca.der",
                delete_confirmed=True,
            ),
            self.what,
        ).model_dump(
            include={
                "id",
                "host",
                "port",
                "user",
                "ca",
                "tls",
                "delete_confirmed",
                "keep",
                "start",
                "order",
                "max_bytes",
            }
        )
        doc = {
            "v": 1,
            "device": {"name": "wall"},
            "wifi": [{"ssid": "home", "password": "long enough"}],
            "account": [{**made, "password": "secret", "auth": "user", "poll_s": 600}],
            "storage": {"full": purpose.storage_for(Storage(), self.what).full},
        }
        for done in (self.do("put", path="/certs/ca.der", data=ca.hex()), self.do("set", settings=doc)):
            if done.get("error"):
                self.fault(f"settings were refused on a flash with {done['free']} bytes free: {done}")

    def poll(self, calm: bool = False) -> dict[str, Any]:
        """One poll, with whatever happens to it, and what the server saw of it."""
        chance = self.random.random() if not calm else 1
        server = self.server
        server.drop = self.random.randrange(20, 60_000) if chance < 0.08 else 0
        server.refuse = b"-ERR [SYS/TEMP] later\r\n" if 0.08 <= chance < 0.1 else b""
        cut = self.random.randrange(1, 60) if 0.1 <= chance < 0.18 else 0
        result = self.do("poll", cut=cut, torn=self.random.choice((0, 128, 254)))
        self.report.polls += 1
        self.report.drops += bool(server.drop)
        for session in server.take():
            if session.ended:
                self.retrieved.update(mail.number for mail in session.retrieved)
            for mail in session.deleted:
                self.gone(mail)
        if result.get("cut"):
            self.restart()
        elif result["error"]:
            self.report.errors[result["error"]] += 1
        result["calm"] = not (server.drop or server.refuse or result.get("cut"))
        return result

    def gone(self, mail: Mail) -> None:
        """The board has deleted it on the server."""
        self.deleted.add(mail.number)
        if self.what is Purpose.tell:
            self.fault(f"mail {mail.number} was deleted on the server without consent")

    def until_done(self) -> dict[str, Any]:
        for _ in range(40):
            result = self.poll(calm=True)
            if not result["more"]:
                return result
        self.fault("polls go on without an end")
        return result

    # -- the days

    def arrives(self, count: int) -> None:
        for _ in range(count):
            mail = self.post.letter(self.day)
            self.known[_key(mail.uid)] = mail
            self.server.mail.append(mail)
            self.told.append(mail)
            self.report.mails += 1

    def run(self) -> Report:
        began = time.monotonic()
        days = self.report.days
        self.arrives(200)
        before = {mail.number for mail in self.told}
        self.told.clear()
        self.do("start")
        self.provision(self.certificate())
        if self.until_done()["error"] not in (None, *_E_FULL):
            self.fault("the first poll failed")
        renewal = days // 2
        holiday = range(days * 3 // 5, days * 3 // 5 + 16)
        ca = b""
        for self.day in range(1, days + 1):
            if self.day == renewal:
                ca = self.certificate()
            for n in range(POLLS):
                self.arrives(self.random.randrange(4, 13))
                result = self.poll()
                if result["calm"]:
                    self.look(result, renewed=bool(ca))
                if n == 2:
                    self.sure = True  # NTP has answered
            if ca and self.day > renewal:
                self.provision(ca)
                ca = b""
            if self.day not in holiday:
                self.person()
            if self.random.random() < 0.15:
                self.restart()
            self.progress(self.report, self.day)
        self.finish(before)
        self.report.seconds = time.monotonic() - began
        return self.report

    def look(self, result: dict[str, Any], renewed: bool) -> None:
        """After a poll to which nothing happened."""
        code = result["error"]
        if renewed:
            if code not in _CERT:
                self.fault(f"a new certificate of an unknown CA: {code}")
            return
        if code and code not in _E_FULL and not result["more"]:
            self.fault(f"a calm poll ended in {code} {result['detail']}")
        if self.what is Purpose.tell:
            if code:
                self.fault(f"it is full: {result['detail']}")
            if not result["more"]:
                self.newest()

    def newest(self) -> None:
        here = {name[:16] for name in self.names}
        for mail in self.told[-_NEWEST:]:
            key = _key(mail.uid)
            if key not in here and key not in self.dismissed:
                self.fault(f"mail {mail.number} is one of the newest, and not here")

    def person(self) -> None:
        """Reads and deletes something; takes the mail away from a board that brings it, once a week."""
        if self.names:
            name = self.random.choice(self.names)
            if self.known.get(name[:16]):
                done = self.do("flag", id=name[:16], seen=True)
                if done.get("error"):
                    self.fault(f"a message could not be marked as read: {done}")
        if self.what is Purpose.tell:
            if self.names:
                name = self.random.choice([each for each in self.names if each[:16] in self.known])
                self.dismissed.add(name[:16])
                done = self.do("delete", id=name[:16])
                if done.get("error"):
                    self.fault(f"a message could not be deleted: {done}")
            old = self.day - _KEPT_DAYS
            self.server.mail = [mail for mail in self.server.mail if mail.day >= old]
        elif self.day % 7 == 0:
            self.empty()

    def empty(self) -> None:
        """`mail pull --move` until nothing comes any more."""
        for _ in range(40):
            self.until_done()
            if not any(name.endswith(".eml") for name in self.names):
                return
            self.move()
        self.fault("the board is not empty after 40 times")

    def move(self) -> None:
        done = self.do("move")
        if done.get("error"):
            self.fault(f"mail pull --move failed: {done}")
        for name, crc in done.get("moved", ()):
            mail = self.known.get(name[:16])
            if not mail or mail.whole[1] != crc:
                self.fault(f"{name} was moved, and is not as it was sent")
            else:
                self.moved[mail.number] += 1
        self.report.moved = self.moved.total()

    def finish(self, before: set[int]) -> None:
        """The last day is calm."""
        self.sure = True
        self.until_done()
        if self.what is Purpose.tell:
            self.newest()
            fetched = [number for number in before if self.retrieved[number]]
            if fetched:
                self.fault(f"{len(fetched)} mails of before the board were fetched")
            if len(self.names) < 2 * _NEWEST:
                self.fault(f"only {len(self.names)} messages are here")
        else:
            self.empty()
            fits = [mail for mail in self.server.mail if mail.whole[0] < SIZE * 3 // 4]
            if fits:
                self.fault(f"{len(fits)} mails that fit are left on the server")
            lost = self.deleted - set(self.moved)
            if lost:
                self.fault(f"{len(lost)} mails were deleted on the server, and are nowhere")
        twice = [number for number, count in (self.moved | self.retrieved).items() if count > 1]
        if twice:
            self.fault(f"{len(twice)} mails came twice, of which the first are {twice[:5]}")
        self.check_files()
        report = self.report
        report.stored = len(self.names)
        report.left = len(self.server.mail)
        counters, blocks = flash.counters(self.stats)
        report.programmed = counters.bytes_programmed
        report.erases = sum(blocks) / len(blocks), max(blocks)

    def check_files(self) -> None:
        """Each file, read with another littlefs, is as it was sent."""
        fs = flash.open_image(self.image)
        for name in fs.listdir("/mail/main"):
            mail = self.known.get(name[:16])
            if not mail or name[-4:] not in (".eml", ".hdr"):
                continue
            with fs.open(f"/mail/main/{name}", "rb") as file:
                data = file.read()
            if (len(data), zlib.crc32(data)) != (mail.whole if name.endswith(".eml") else mail.head):
                self.fault(f"{name} is not as it was sent")
        fs.unmount()


def _key(uid: bytes) -> str:
    """As store/spool.py names files, with sync.py's realm."""
    return hashlib.sha256(b"me@127.0.0.1 " + uid).digest()[:8].hex()


def _der(ca: trustme.CA) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())


def year(
    what: Purpose,
    days: int,
    seed: int = 1,
    progress: Callable[[Report, int], None] = lambda report, day: None,
) -> Report:
    """Run it. `progress`: called with what it has come to after each day."""
    with tempfile.TemporaryDirectory() as folder:
        run = _Year(what, days, seed, Path(folder), progress)
        try:
            return run.run()
        finally:
            run.close()


def _show(report: Report, day: int) -> None:
    """A line a week, for who waits."""
    if day % 7 == 0:
        faults = (
            f"{len(report.faults)} faults, the last: {report.faults[-1]}" if report.faults else "no fault"
        )
        print(
            f"{report.purpose}: day {day} of {report.days}, {report.mails:,} mails, {faults}",
            file=sys.stderr,
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make year", description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("purpose", nargs="*", type=Purpose, default=list(Purpose))
    options = parser.parse_args(argv)
    wrong = 0
    for what in options.purpose:
        report = year(what, options.days, options.seed, _show)
        print(report, flush=True)
        wrong += len(report.faults)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
