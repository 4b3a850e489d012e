"""The serial side of a virtual board: a receive ring, Ctrl-C, and what a REPL's output looks like.

Bytes in, bytes out; the file descriptors and the processes belong to the board (`board.py`).
"""

import os
import signal
import struct
import sys
import termios
import time
import tty
from fcntl import ioctl

RAW_REPL = b'__import__("_raw").repl()\r'
"""What stands for Ctrl-A at the prompt of an interpreter without a raw REPL (boards/virtual/lib/_raw.py)."""
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_FRIENDLY_BANNER = b'Type "help()" for more information.\r\n'
_BANNER_START = b"MicroPython "
_RAW = 1
_INTERRUPT = 3
_INTERRUPT_PAUSE_S = 0.5
_INTERRUPT_TAKEN_S = 0.05
_LINE_TAKEN_S = 0.1
_BACKLOG = 16 * 1024  # bytes kept while nobody reads
_TYPED = 64 * 1024  # bytes kept while the board starts


def make_raw(fd: int, marker: bool = False) -> None:
    """Lets every byte pass both ways. `marker` leaves ISIG on, without an interrupt character: MicroPython
    switches it off while the REPL reads, so that it shows whether a program is running."""
    tty.setraw(fd)
    mode = termios.tcgetattr(fd)
    if marker:
        mode[3] |= termios.ISIG
        disabled = os.fpathconf(fd, "PC_VDISABLE")
        for char in (termios.VINTR, termios.VQUIT, termios.VSUSP):
            mode[6][char] = bytes([disabled])
    termios.tcsetattr(fd, termios.TCSANOW, mode)


def at_prompt(master: int) -> bool:
    """Whether the REPL reads, or a program that has switched Ctrl-C off."""
    return not termios.tcgetattr(master)[3] & termios.ISIG


def catches_interrupts(pid: int, master: int) -> bool:
    """Whether Ctrl-C would end a program that is running on the board. At the REPL, or while a program has
    switched it off (`micropython.kbd_intr(-1)`), 0x03 is a character instead."""
    if at_prompt(master):
        return False
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                for line in status:
                    if line.startswith("SigCgt:"):
                        return bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1)
        except OSError:
            return False
    return True


class Input:
    """What the user sent, on its way to the board: at most `ring` bytes wait unread, the rest is lost.

    `interrupt`: the signal that Ctrl-C is turned into. `ctrl_a`: what Ctrl-A at the prompt is turned into."""

    def __init__(self, ring: int | None, interrupt: int = signal.SIGINT) -> None:
        self.ring = ring
        self._signal = interrupt
        self.lost = 0
        self.ctrl_a = bytes([_RAW])
        self._typed = bytearray()
        self._interrupted = 0.0
        self._written = 0.0

    def add(self, data: bytes) -> None:
        self._typed += data
        if len(self._typed) > _TYPED:
            self.lost += len(self._typed) - _TYPED
            del self._typed[_TYPED:]

    def clear(self) -> None:
        self._typed.clear()

    def feed(self, pid: int, master: int, slave: int, raw: bool = False) -> float | None:
        """Pass on what is possible. Returns in how many seconds to try again; None: nothing is waiting. `raw`: the
        raw REPL reads."""
        while self._typed:
            # On a board, no program reads what follows a Ctrl-C before it is interrupted. Here that takes a
            # moment, or two if the flash was at work.
            if time.monotonic() < self._interrupted + _INTERRUPT_TAKEN_S and catches_interrupts(pid, master):
                return 0.002
            if self._typed[0] == _RAW and self.ctrl_a != bytes([_RAW]) and not raw:
                # The REPL is not at its prompt for a moment after each line.
                if not at_prompt(master) and time.monotonic() < self._written + _LINE_TAKEN_S:
                    return 0.002
                del self._typed[0]
                self._write(self.ctrl_a if at_prompt(master) else bytes([_RAW]), master, slave)
            elif self._typed[0] != _INTERRUPT:
                ends = [at for key in (_RAW, _INTERRUPT) if (at := self._typed.find(key, 1)) > 0]
                chunk = bytes(self._typed[: min(ends, default=len(self._typed))])
                del self._typed[: len(chunk)]
                self._write(chunk, master, slave)
            elif not catches_interrupts(pid, master):
                del self._typed[0]
                self._write(bytes([_INTERRUPT]), master, slave)
            else:
                # A second interrupt before the first is handled would end the interpreter.
                wait = self._interrupted + _INTERRUPT_PAUSE_S - time.monotonic()
                if wait > 0:
                    return min(wait, 0.005)
                del self._typed[0]
                self.interrupt(pid)
        return None

    def interrupt(self, pid: int) -> None:
        self._interrupted = time.monotonic()
        os.kill(pid, self._signal)

    def _write(self, data: bytes, master: int, slave: int) -> None:
        self._written = time.monotonic()
        if self.ring is None:
            os.write(master, data)
            return
        unread = struct.unpack("i", ioctl(slave, termios.FIONREAD, b"\0\0\0\0"))[0]
        room = max(0, self.ring - unread)
        self.lost += max(0, len(data) - room)
        if room:
            os.write(master, data[:room])
            if len(data) > 8:
                time.sleep(0.0005)  # until the kernel counts them as unread


class Output:
    """What the board sent, on its way to the user: the newest bytes are kept while nobody reads."""

    def __init__(self) -> None:
        self.raw = False  # the REPL is the raw one
        self.pending = bytearray()
        self._friendly = False
        self._tail = b""
        self._last = 0
        self._held: bytearray | None = None

    def restart(self, enters_raw: bool) -> None:
        """The board restarts; if it goes to the raw REPL, the friendly one's banner is not shown."""
        self._friendly = False
        self.raw = False
        self._tail = b""
        self._held = bytearray() if enters_raw else None

    @property
    def expects_raw(self) -> bool:
        """Whether the board was restarted for the raw REPL and is not there yet."""
        return self._held is not None

    def say(self, text: bytes) -> None:
        """Adds the runner's own text, like that of a boot loader."""
        self._put(text)

    def feed(self, data: bytes) -> bytes:
        """Takes what the board wrote; returns it as the user sees it."""
        if self._held is not None:
            self._held += data
            end = self._held.find(_RAW_BANNER)
            if end < 0 and len(self._held) < _BACKLOG:
                return b""
            held, self._held = bytes(self._held), None
            start = held.rfind(_BANNER_START, 0, max(end, 0))
            data = held[:start] + held[end:] if start >= 0 else held
        shown = b""
        while data:
            end, raw = self._next_banner(data)
            shown += self._cook(data[:end])
            data = data[end:]
            if raw is not None:
                self.raw, self._friendly = raw, not raw
        self._put(shown)
        return shown

    def _next_banner(self, data: bytes) -> tuple[int, bool | None]:
        """(where the first REPL banner in `data` ends, whether it is the raw one), or (its length, None)."""
        scan = self._tail + data
        found: list[tuple[int, bool]] = []
        for banner, raw in ((_RAW_BANNER, True), (_FRIENDLY_BANNER, False)):
            at = scan.find(banner)
            if at >= 0:
                found.append((at + len(banner) - len(self._tail), raw))
        if not found:
            self._tail = scan[-(len(_FRIENDLY_BANNER) - 1) :]
            return len(data), None
        self._tail = b""
        return min(found)

    def _cook(self, data: bytes) -> bytes:
        """For the friendly REPL, ends lines with CR LF, as a board's `print` does."""
        if not self._friendly:
            self._last = data[-1] if data else self._last
            return data
        shown = bytearray()
        for byte in data:
            if byte == 10 and self._last != 13:
                shown.append(13)
            shown.append(byte)
            self._last = byte
        return bytes(shown)

    def _put(self, data: bytes) -> None:
        self.pending += data
        if len(self.pending) > _BACKLOG:
            del self.pending[: len(self.pending) - _BACKLOG]
