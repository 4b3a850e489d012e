"""What the app does on an ESP32 and a Pico W, in the board's own time and bytes.

How it is measured:
- A virtual board with the chip's profile: its code is loaded from littlefs into the heap, on the 32-bit interpreter.
  How long each flash operation takes on the chip is counted, not slept: rows that say `flash` are that alone, and
  the same on any computer.
- Rows that say `in all` add the processor's time, which is an estimate: this computer's, less what the emulated
  flash takes of it, times how much slower the chip is. That is known from a page of `mail.list`, which took 1.0 s on a
  Pico W; a small program says how fast this computer is meanwhile. A TLS handshake adds what was measured on the chip.
  The network adds nothing: the server is next to the board.
- The first page: what comes before MicroPython's own start is not counted, nor what the Wi-Fi chip takes to start.
- Bytes on the air are those of TCP's payload in both directions, as a proxy between board and server counts them.
- `beside`: the same, measured on the chip's official firmware in an emulator on 2026-11-26, with Buzón as it was then.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import demo
from ..board.client import Client
from ..errors import BuzonError
from ..provision.schema import Settings
from ..virtual import interpreter
from ..virtual.board import VirtualBoard
from .delay import Proxy
from .mail import Server, small
from .rows import Bench, Goal, Row

# The time of this program on both chips, as the page of `mail.list` makes it.
_PROGRAM = """
import time
def f():
    d = {}
    s = 0
    for i in range(20000):
        d[i & 63] = i
        s = s + len(str(i)) & 0xffff
best = 1 << 29
for _ in range(9):
    t = time.ticks_us()
    f()
    best = min(best, time.ticks_diff(time.ticks_us(), t))
print(best)
"""
_ON_CHIP_S = 0.19
_OPERATION = 1e-4  # of the program's time, for each operation of the emulated flash
SAMPLES = Path(__file__).parents[1] / "server" / "samples"
_MANY = 200
_QUIET_S = 1.0
_WAIT_S = 300.0


@dataclass(frozen=True)
class Chip:
    """`handshake_s`: of TLS, measured on the chip; `boot_s`, `message_s`: to the first page, and for a message of 4 KB,
    in the emulator; `part`: it has room for one in so many of the messages."""

    board: str
    handshake_s: float
    boot_s: float
    message_s: float | None
    part: int = 1


CHIPS = (Chip("ESP32_GENERIC", 1.2, 15.9, 1.6), Chip("RPI_PICO_W", 1.3, 3.95, None, part=5))


@dataclass
class Spent:
    """Seconds of flash, this computer's seconds, and operations of the emulated flash."""

    flash: float
    cpu: float
    operations: int

    def since(self, before: "Spent") -> "Spent":
        return Spent(self.flash - before.flash, self.cpu - before.cpu, self.operations - before.operations)


def rows(bench: Bench) -> Iterator[Row]:
    if not interpreter.find(like_a_chip=True).narrow:
        yield Row("chip", "all of it", None, "", missing="the 32-bit MicroPython is missing: make i386")
        return
    for chip in CHIPS:
        bench.say(f"chip: {chip.board}")
        yield from _rows(bench, chip)


def _rows(bench: Bench, chip: Chip) -> Iterator[Row]:
    with _stand(chip, bench.folder / f"{chip.board}-few.img") as stand:
        samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*.eml"))]
        yield from stand.rows(f"{len(samples)} samples", stand.collect(samples), connections=1)
        yield from stand.rows("poll without new mail", stand.poll(), connections=1)
        yield Row("chip", f"{chip.board}: poll without new mail: on the air", stand.air(), "bytes")
        yield from stand.rows("hello", stand.ask("hello"), Goal(high=0.3))
        yield from stand.rows("status", stand.ask("status"), Goal(high=0.3))
        yield from stand.rows("boot to the first page", stand.boot(), Goal(high=3), beside=chip.boot_s)
    if bench.check:
        return
    with _stand(chip, bench.folder / f"{chip.board}-many.img") as stand:
        spent = stand.collect(small(_MANY)[:: chip.part])
        n = _MANY // chip.part
        yield from stand.rows(f"{n} messages", spent, connections=1)
        one = Spent(spent.flash / n, spent.cpu / n, spent.operations // n)
        yield from stand.rows(f"a message, of {n}", one, Goal(high=0.3), beside=chip.message_s)
        yield from stand.rows(f"poll, {n} messages here", stand.poll(), connections=1)
        yield from stand.rows(f"status, {n} messages here", stand.ask("status"), Goal(high=0.3))
        yield from stand.rows(f"page of the list, {n} messages here", stand.ask("page"), Goal(high=0.5))


class _Stand:
    """A board, its server, and the proxy between them."""

    def __init__(
        self,
        chip: Chip,
        machine: VirtualBoard,
        client: Client,
        server: Server,
        proxy: Proxy,
        reference: float,
    ) -> None:
        self.chip = chip
        self.machine = machine
        self.client = client
        self.server = server
        self.proxy = proxy
        self.slower = _ON_CHIP_S / reference
        self.reference = reference

    def spent(self) -> Spent:
        found = self.machine.stats()
        operations = found["reads"] + found["operations"]
        return Spent(found["flash_us"] / 1e6, found["cpu_us"] / 1e6, operations)

    def rows(
        self,
        what: str,
        spent: Spent,
        goal: Goal | None = None,
        connections: int = 0,
        beside: float | None = None,
    ) -> Iterator[Row]:
        """The flash's share, and all of it. The goal is for the whole."""
        name = f"{self.chip.board}: {what}"
        yield Row("chip", f"{name}: flash", round(spent.flash, 3), "s")
        own = max(0.0, spent.cpu - spent.operations * _OPERATION * self.reference)
        whole = spent.flash + own * self.slower + connections * self.chip.handshake_s
        ratio = whole / beside if beside else None
        if goal:
            goal = Goal(goal.low, goal.high, of="ours")
        yield Row("chip", f"{name}: in all", whole, "s", beside, ratio, goal=goal)

    def collect(self, messages: Sequence[bytes]) -> Spent:
        """These messages come and are collected."""
        for message in messages:
            self.server.deliver(message)
        spent = self.poll()
        account = self.client.status().accounts[0]
        if account.error or account.stored != len(messages):
            why = (
                account.error.message if account.error else f"{account.stored} of {len(messages)} are stored"
            )
            raise BuzonError(f"The board could not collect: {why}")
        return spent

    def poll(self) -> Spent:
        self.proxy.talks.clear()
        before = self.spent()
        self.client.sync()
        self.quiet()
        return self.spent().since(before)

    def air(self) -> int:
        """Bytes of the last connection."""
        talk = self.proxy.talks[-1]
        return talk.sent + talk.received

    def ask(self, what: str) -> Spent:
        before = self.spent()
        if what == "page":
            self.client.list_page(demo.ACCOUNT)
        else:
            getattr(self.client, what)()
        return self.spent().since(before)

    def boot(self) -> Spent:
        before = self.spent()
        self.machine.power_cycle()
        _until(lambda: bool(self.machine.stats()["picture_bytes"]), "the first page")
        found = self.spent()
        return Spent(found.flash - before.flash, found.cpu, found.operations - before.operations)

    def quiet(self) -> None:
        """Until a connection has ended and the flash has been left alone for a while."""
        _until(lambda: bool(self.proxy.talks) and self.proxy.talks[-1].over.is_set(), "the end of a poll")
        done, since = -1, 0.0

        def rests() -> bool:
            nonlocal done, since
            now = self.spent().operations
            if now != done:
                done, since = now, time.monotonic()
            return time.monotonic() - since > _QUIET_S

        _until(rests, "the end of the writing")


@contextmanager
def _stand(chip: Chip, flash: Path) -> Iterator[_Stand]:
    with (
        Server() as server,
        Proxy(server.pop3s) as proxy,
        VirtualBoard(chip.board, flash=flash, wifi=[demo.WIFI]) as machine,
        Client.connect(machine.port) as client,
    ):

        def through_the_proxy(tree: Settings) -> Settings:
            changes = {"port": proxy.port, "keep": "forever", "poll_s": 86400}
            accounts = [account.model_copy(update=changes) for account in tree.account]
            return tree.model_copy(update={"account": accounts})

        reference = _reference()
        demo.put(client, server, through_the_proxy)
        stand = _Stand(chip, machine, client, server, proxy, reference)
        _until(lambda: bool(client.status().accounts and client.status().accounts[0].next), "the first poll")
        stand.quiet()
        yield stand


def _reference() -> float:
    """Seconds of the small program on this computer."""
    command = interpreter.find(like_a_chip=True).command
    done = subprocess.run([*command, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def _until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WAIT_S
    while not done():
        if time.monotonic() > end:
            raise BuzonError(f"The board was waited for {_WAIT_S:.0f} s: {what} did not come.")
        time.sleep(0.02)
