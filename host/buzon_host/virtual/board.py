"""A virtual board: runs the interpreter, restarts it as a board does, and bridges serial port and hardware.

One thread serves everything; the public methods may be called from any other thread.
"""

import os
import random
import selectors
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from PIL import Image

from .. import boards, paths
from ..build import image as builder
from ..build.mpy import compiled_firmware
from ..build.romfs import image_file
from . import control, interpreter, profile, serial
from . import flash as image
from .hardware import CAUSE_DEEPSLEEP, CAUSE_HARD, CAUSE_POWER_ON, CAUSE_SOFT, CAUSE_WATCHDOG, Event, Hardware
from .interpreter import VirtualBoardError
from .process import Machine, Process, hardware_heap, heap_size

_T = TypeVar("_T")
_BOOT_S = 20.0
_CALL_S = 30.0
_SCREEN_S = 0.25
_FAILED_STARTS = 3
_BOOT_LOADER = b"\r\nets Jul 29 2019 12:21:46\r\n\r\nrst:0x%x (%s),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
_RESET_NAMES = {
    CAUSE_POWER_ON: b"POWERON_RESET",
    CAUSE_HARD: b"SW_RESET",
    CAUSE_WATCHDOG: b"TG1WDT_SYS_RESET",
    CAUSE_DEEPSLEEP: b"DEEPSLEEP_RESET",
}
WIFI = (("Buzon-Demo", "correct horse"),)
HEAP_KIB = profile.VIRTUAL.heap_kib
"""The app's heap by default; its words are twice as long as a board's."""


class VirtualBoard:
    """A board that runs until `close()`. It is a context manager.

    `board`: a name, or the path of a `board.toml`. One with a real chip is like that chip (profile.py): its code is
    on the flash and is loaded into the heap, and it runs on the 32-bit interpreter if there is one. `flash`: the
    image; made with `flash_size` bytes if it does not exist. `heap_kib`: what the firmware gets (default: what the
    chip has; twice that where words have 64 bits). `link`: a path at which the serial port is linked.
    `wifi`: (name, password) of the networks in reach. `cut_at`: the power is cut in the middle of that flash
    operation (1 is the first program or erase), after the part `cut_torn` (0.0 to 1.0) of it. `firmware`: the
    source tree (default: ours). `bare`: MicroPython alone, and what is on the flash. `log`: a file that gets
    everything the board prints. `env`: for the interpreter. `ring`: whether input that the board does not
    read is lost. `timing`: how long flash operations take, instead of the chip's; that is counted
    (`stats()["flash_us"]`), and with `real_time` it really takes that long. Raises VirtualBoardError, BoardError,
    CompileError.
    """

    def __init__(
        self,
        board: str | Path = "virtual",
        *,
        flash: Path,
        flash_size: int | None = None,
        heap_kib: int | None = None,
        link: Path | None = None,
        wifi: Sequence[tuple[str, str]] = WIFI,
        cut_at: int | None = None,
        cut_torn: float = 0.5,
        firmware: Path | None = None,
        bare: bool = False,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        ring: bool = True,
        timing: profile.Timing | None = None,
        real_time: bool = False,
    ) -> None:
        self.board = boards.load(board)
        self.profile = profile.of(self.board.chip)
        self._calls: list[Callable[[], None]] = []
        self._closing = False
        self._closed = False
        self._process: Process | None = None
        self._up = False
        self._started_us = 0
        self._off = threading.Event()
        self._ready = threading.Event()
        self._failure: str | None = None
        self._failed_starts = 0
        self._boots = 0
        self._cause = CAUSE_POWER_ON
        self._restart_at: float | None = None
        self._cut = cut_at or 0
        self._torn = min(255, max(0, int(cut_torn * 256)))
        self._pending_interrupt = 0.0
        self._screen_at = 0.0
        self._link: Path | None = None
        self._log_file = log.open("ab") if log else None
        self.bare = bare

        found = interpreter.find(self.profile.port != "virtual")
        self.heap_kib = heap_kib or self.profile.heap_kib * self._words(found.narrow)
        rom = self.profile.place == "rom"
        if not rom and not flash.exists() and not bare:
            _new_board(self.board, flash, flash_size, firmware)
        size = image.prepare(flash, self.board, flash_size, bare)
        self._lock = image.lock(flash)
        self._folder = Path(tempfile.mkdtemp(prefix="buzon-"))
        try:
            stats = self._folder / "flash"
            source = _nothing() if bare else firmware or paths.firmware()
            image.new_counters(stats, size)
            self._machine = Machine(
                command=found.command,
                maps=found.maps,
                narrow=found.narrow,
                profile=self.profile,
                flash=flash.resolve(),
                flash_size=size,
                stats=stats,
                firmware=image_file(compiled_firmware(source)) if rom else None,
                unique_id=_unique_id(flash),
                env=dict(env or {}),
                timing=timing or self.profile.timing,
                real_time=real_time,
            )
            self._hardware = Hardware(self.board, self.profile, wifi, self._record)
            self.hardware_heap = hardware_heap(self._machine, {**self._hardware.config(), "cause": 1})
            interrupt = interpreter.SAFE_INTERRUPT if found.maps else signal.SIGINT
            self._input = serial.Input(self.board.serial.receive_ring if ring else None, interrupt)
            self._output = serial.Output()
            self._user, self._port = os.openpty()
            serial.make_raw(self._port)
            os.set_blocking(self._user, False)
            self.port = os.ttyname(self._port)
        except BaseException:
            self._tidy()
            raise
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._selector.register(self._user, selectors.EVENT_READ, self._from_user)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._wake)
        self._thread = threading.Thread(target=self._serve, name=f"virtual board {self.port}", daemon=True)
        self._thread.start()
        self._control: control.Server | None = None
        try:
            self.power_cycle()
            if link:
                self._make_link(link)
            self._control = control.Server(self, self._folder)
        except BaseException:
            self.close()
            raise

    # What a user does with a board.

    def screen(self) -> Image.Image:
        """The display as a person sees it: mode "1", white on black."""
        return self._call(self._hardware.picture)

    def press(self, button: int | None = None, hold_s: float = 0.15) -> int:
        """Press a button (a pin; default: the board's) and release it after `hold_s` seconds. Returns its pin."""
        pin = self.board.pins.button if button is None else button
        if pin is None or not 0 <= pin < 40:
            raise VirtualBoardError("This board has no such button.")
        self._call(lambda: self._hardware.press(pin, time.monotonic(), hold_s))
        return pin

    def pin(self, number: int) -> int | None:
        """The level that the board drives a pin to (an LED, say); None: it does not drive it."""
        return self._call(lambda: self._hardware.pins.get(number))

    def wifi_up(self, on: bool) -> None:
        """Switch the access point on or off. Off: every connection of the board breaks."""
        self._call(lambda: self._hardware.switch_wifi(on, time.monotonic()))

    def wifi_dead(self) -> None:
        """The board stays connected to the access point, and nothing goes through until it joins anew: what a router
        does that has forgotten it."""
        self._call(lambda: self._hardware.kill_wifi())

    def wifi_deauth(self) -> None:
        """The access point throws the board out, and would let it in again."""
        self._call(lambda: self._hardware.deauthenticate(time.monotonic()))

    def wifi_channel(self) -> None:
        """The access point changes its channel: nothing goes through, and after 6 s without its beacons the board
        knows that the link is gone; it would be let in again."""
        self._call(lambda: self._hardware.change_channel(time.monotonic()))

    def wifi_dhcp(self, on: bool) -> None:
        """Whether somebody gives addresses in the network. Without one the board never becomes connected."""
        self._call(lambda: self._hardware.switch_dhcp(on, time.monotonic()))

    def dns_hangs(self, seconds: int) -> None:
        """From now on a name is answered for after so many seconds, with a failure; 0: as before."""
        self._call(lambda: self._hardware.hang_dns(seconds))

    def take_memory(self, kib: int) -> None:
        """So much of an ESP32's memory beside the heap is taken until the next reset: an area of the heap does that, in
        which something stays."""
        self._call(lambda: self._hardware.take_memory(kib))

    def cut(self, operations: int, torn: float = 0.5) -> None:
        """Cut the power in the middle of a flash operation after the next start: the `operations`-th since
        the board was made (`stats()["operations"]` have been done so far)."""
        self._cut = operations
        self._torn = min(255, max(0, int(torn * 256)))

    def stats(self) -> dict[str, Any]:
        """The flash's counters since this board was made, and the state of the rest. `flash_us`: how long the flash
        would have taken on the chip; `cpu_us`: this computer's processor time since the last start."""
        done, per_block = image.counters(self._machine.stats)
        return {
            **asdict(done),
            "erases_per_block": per_block,
            "flash_size": self._machine.flash_size,
            "profile": self.profile.port,
            "cpu_us": self._process.cpu_us() - self._started_us if self._process else 0,
            "picture_bytes": self._hardware.chip.writes,
            "flash_us": image.busy_us(self._machine.stats),
            "idf_least": self._hardware.idf_least,
            "heap_limit": self.heap_kib * 1024,
            "hardware_heap": self.hardware_heap,
            "boots": self._boots,
            "serial_lost": self._input.lost,
            "running": not self._off.is_set(),
            "wifi": self._hardware.wifi_on,
            "pins": dict(self._hardware.pins),
            "watchdog": self._hardware.timeout,
            "watchdog_gap": self._hardware.gap,
        }

    def power_cycle(self) -> None:
        """Switch the power off, if it is on, and on again. Returns when the board is up."""
        self._ready.clear()
        self._call(self._power_on)
        if not self._ready.wait(_BOOT_S):
            raise VirtualBoardError("The virtual board does not boot.")
        if self._failure:
            raise VirtualBoardError(f"The virtual board does not boot: {self._failure}")

    def kill(self) -> None:
        """Switch the power off; the board is off until `power_cycle()`."""
        self._call(self._power_off)

    def wait_exit(self, timeout: float = 60.0) -> bool:
        """Wait until the board is off (its power was cut). False: it is still on after `timeout` seconds."""
        return self._off.wait(timeout)

    def close(self) -> None:
        """End everything; only the flash file and the log stay."""
        if self._closed:
            return
        self._closed = True
        if self._control:
            self._control.close()
        self._closing = True
        self._wake_out.send(b"\0")
        self._thread.join()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        self._tidy()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The thread. Everything below runs in it, except for `_call`, `_make_link` and `_tidy`.

    def _words(self, narrow: bool) -> int:
        """How often the chip's heap is needed: words of 64 bits take twice as much. What the board `virtual` has is
        given in those."""
        return 1 if narrow or self.profile.port == "virtual" else 2

    def _call(self, what: Callable[[], _T]) -> _T:
        """Have the thread do something, and return its result."""
        if self._closing:
            raise VirtualBoardError("The virtual board was closed.")
        done = threading.Event()
        results: list[_T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(what())
            except Exception as error:
                errors.append(error)
            done.set()

        self._calls.append(run)
        self._wake_out.send(b"\0")
        if not done.wait(_CALL_S):
            raise VirtualBoardError("The virtual board does not answer.")
        if errors:
            raise errors[0]
        return results[0]

    def _wake(self) -> None:
        try:
            self._wake_in.recv(4096)
        except OSError:
            pass
        while self._calls:
            self._calls.pop(0)()

    def _serve(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select(self._timeout()):
                # A restart may have closed a descriptor that this round reported.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._show()
        self._power_off()

    def _timeout(self) -> float:
        """Do what is due by now; returns the seconds until something is due again."""
        now = time.monotonic()
        due = [now + 1.0]
        if self._process and self._up:
            if self._pending_interrupt and now >= self._pending_interrupt:
                self._pending_interrupt = 0.0
                if serial.catches_interrupts(self._process.pid, self._process.master):
                    self._input.interrupt(self._process.pid)
            process = self._process
            again = self._input.feed(process.pid, process.master, process.slave, self._output.raw)
            if again is not None:
                due.append(now + again)
            if self._pending_interrupt:
                due.append(self._pending_interrupt)
        if self._process:
            if self._hardware.deadline is not None and now >= self._hardware.deadline:
                self._from_bus()  # a feed may be waiting there
            if self._hardware.deadline is not None and now >= self._hardware.deadline:
                self._reset(CAUSE_WATCHDOG)
            event = self._hardware.run_timers(now)
            if event is not None:
                due.append(event)
        if self._restart_at is not None:
            if now >= self._restart_at:
                self._restart_at = None
                self._reset(CAUSE_DEEPSLEEP)
            else:
                due.append(self._restart_at)
        if self._hardware.changed:
            due.append(self._screen_at)
        return max(0.0, min(due) - now)

    def _show(self) -> None:
        """Pass output on to the reader, and write the display's file, but not too often."""
        if self._output.pending:
            try:
                sent = os.write(self._user, self._output.pending)
                del self._output.pending[:sent]
            except BlockingIOError:
                pass
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._output.pending else 0)
        if self._selector.get_key(self._user).events != events:
            self._selector.modify(self._user, events, self._from_user)
        now = time.monotonic()
        if self._hardware.changed and now >= self._screen_at:
            self._hardware.changed = False
            self._screen_at = now + _SCREEN_S
            part = self._folder / "screen.part"
            self._hardware.picture().save(part, "PNG")
            os.replace(part, self.screen_file)

    @property
    def flash_file(self) -> Path:
        return self._machine.flash

    @property
    def screen_file(self) -> Path:
        """A PNG of the display, at most a quarter of a second old."""
        return self._folder / "screen.png"

    def _from_user(self) -> None:
        try:
            data = os.read(self._user, 4096)
        except OSError:
            return
        if self._process:
            self._input.add(data)

    def _from_board(self) -> None:
        if self._process:
            data = self._process.output()
            self._output.feed(data)
            if self._log_file:
                self._log_file.write(data)
                self._log_file.flush()

    def _from_bus(self) -> None:
        process = self._process
        if not process:
            return
        for packet in process.packets():
            event = self._hardware.packet(packet, time.monotonic())
            if event is Event.UP:
                self._up = True
                self._started_us = process.cpu_us()
                self._failed_starts = 0
                if not self._hardware.raw_repl:
                    self._input.ctrl_a = serial.RAW_REPL
                elif self._output.expects_raw:
                    process.type(b"\x01")
                self._ready.set()
            elif event is Event.INTERRUPT:
                # Never in step with a program that does nothing but write: that would be hit in the driver for ever.
                self._pending_interrupt = time.monotonic() + random.uniform(0.0005, 0.005)
            elif event is not Event.NONE:
                self._from_board()
                if event is Event.RESET:
                    self._reset(CAUSE_HARD)
                elif event is Event.SOFT_RESET:
                    self._soft_reset()
                elif event is Event.CUT:
                    self._cut = 0
                    self._power_off()
                elif event is Event.SLEEP:
                    self._stop()
                    self._restart_at = time.monotonic() + self._hardware.sleep_ms / 1000
                return

    def _ended(self) -> None:
        """The interpreter ended by itself: Ctrl-D at the REPL, or sys.exit()."""
        self._from_bus()
        if not self._process or self._process.process.poll() is None:
            return
        self._from_board()
        if not self._up:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                text = bytes(self._output.pending).decode("utf-8", "replace").split("\n")
                self._failure = next((line.strip() for line in reversed(text) if line.strip()), "it ends.")
                self._power_off()
                self._ready.set()
                return
        self._soft_reset()

    def _soft_reset(self) -> None:
        raw = self._output.raw
        self._output.say(b"MPY: soft reboot\r\n")
        self._stop()
        self._hardware.reset()
        self._output.restart(raw)
        # An RP2 goes on saying why it was last reset.
        self._start(self._cause if self.profile.port == "rp2" else CAUSE_SOFT, main=not raw)

    def _reset(self, cause: int) -> None:
        self._stop()
        self._cause = cause
        self._hardware.hard_reset()
        self._output.restart(False)
        if self.profile.port != "rp2":  # its loader says nothing
            self._output.say(_BOOT_LOADER % (cause, _RESET_NAMES[cause]))
        self._start(cause)

    def _power_on(self) -> None:
        self._power_off()
        self._hardware.power_on()
        self._failure = None
        self._failed_starts = 0
        self._off.clear()
        self._reset(CAUSE_POWER_ON)

    def _power_off(self) -> None:
        self._restart_at = None
        self._stop()
        self._input.clear()
        self._off.set()

    def _start(self, cause: int, main: bool = True) -> None:
        boot = {
            **self._hardware.config(),
            "cause": cause,
            "main": main,
            "cut": self._cut,
            "torn": self._torn,
        }
        heap = heap_size(self.heap_kib, self.hardware_heap, self._machine.narrow)
        self._process = Process(self._machine, heap, boot)
        self._boots += 1
        self._selector.register(self._process.master, selectors.EVENT_READ, self._from_board)
        self._selector.register(self._process.bus, selectors.EVENT_READ, self._from_bus)
        self._selector.register(self._process.life, selectors.EVENT_READ, self._life)

    def _life(self) -> None:
        if self._process:
            self._process.process.wait()
            self._ended()

    def _stop(self) -> None:
        self._up = False
        self._pending_interrupt = 0.0
        if self._process:
            for what in (self._process.master, self._process.bus, self._process.life):
                self._selector.unregister(what)
            self._process.kill()
            self._process = None

    def _record(self, data: bytes) -> None:
        if self._process:
            self._process.record(data)

    def _make_link(self, link: Path) -> None:
        if link.is_symlink():
            link.unlink()
        try:
            link.symlink_to(self.port)
        except OSError as error:
            raise VirtualBoardError(
                f"The port cannot be linked at {link}: {error.strerror}. Name another path."
            ) from None
        self._link = link

    @property
    def link(self) -> Path | None:
        """Where the port is linked."""
        return self._link

    def _tidy(self) -> None:
        if self._link and self._link.is_symlink() and os.readlink(self._link) == self.port:
            self._link.unlink()
        for name in ("_user", "_port", "_lock"):
            if hasattr(self, name):
                os.close(getattr(self, name))
        if self._log_file:
            self._log_file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _new_board(board: boards.Board, flash: Path, size: int | None, firmware: Path | None) -> None:
    """What a new board has on its flash: a file system of its own size, with the code in it."""
    if size is not None:
        part = board.filesystem.model_copy(update={"size": size})
        board = board.model_copy(update={"filesystem": part})
    flash.write_bytes(builder.build(board, source=firmware).filesystem.data)


def _nothing() -> Path:
    """An empty folder."""
    folder = paths.cache() / "nothing"
    folder.mkdir(exist_ok=True)
    return folder


def _unique_id(flash: Path) -> bytes:
    """Six bytes, always the same for a flash file: a locally administered MAC address."""
    return b"\x02" + sha256(str(flash.resolve()).encode()).digest()[:5]
