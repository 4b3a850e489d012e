"""Picks header fields out of a message as it streams by. Never holds more than its limit of each."""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Sequence

_START = const(0)  # at the first byte of a line
_NAME = const(1)  # in a field name that may be one of ours
_CR = const(2)  # in a line that so far holds nothing but CR
_KEEP = const(3)  # in a value that is kept
_SKIP = const(4)  # in a line that is skipped


class HeaderScan:
    """A sink that keeps the first occurrence of some header fields (RFC 5322 section 2.2), unfolded.

    `names`: field names in lower case, at most 8; `limit`: bytes kept of each value, the rest is dropped.
    Lines end with LF, with or without CR before it. `done` is True once there is nothing more to find: the
    empty line has come, or every field was seen. After construction, only `get` allocates.
    """

    def __init__(self, names: "Sequence[bytes]", limit: int = 200) -> None:
        self._names = names
        self._limit = limit
        self._values = bytearray(limit * len(names))
        self._lens = [0] * len(names)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next `write` is the start of a message."""
        for i in range(len(self._lens)):
            self._lens[i] = -1  # not seen
        self._missing = len(self._lens)
        self._state = _START
        self._field = -1  # the field whose value is being kept
        self._alive = 0  # bit k: the name so far is the start of names[k]
        self._at = 0  # bytes of the name so far
        self.done = False

    def get(self, name: bytes) -> bytes:
        """The raw value: unfolded, stripped, at most `limit` bytes; empty if there is no such field."""
        for i in range(len(self._names)):
            if self._names[i] == name and self._lens[i] > 0:
                at = i * self._limit
                return bytes(self._values[at : at + self._lens[i]]).replace(b"\r", b" ").strip()
        return b""

    def write(self, buf: "bytes | bytearray", off: int, n: int) -> None:
        """Take `n` bytes of the message from `buf[off]` on. The buffer is read only during the call."""
        end = off + n
        while off < end and not self.done:
            if self._state >= _KEEP:
                eol = buf.find(b"\n", off, end)
                stop = end if eol < 0 else eol
                if self._state == _KEEP:
                    self._keep(buf, off, stop)
                off = stop
                if eol >= 0:
                    off += 1
                    self._end_line()
                continue
            c = buf[off]
            if self._state == _START and (c == 0x20 or c == 0x09):
                self._state = (
                    _SKIP if self._field < 0 else _KEEP
                )  # folded; the white space belongs to the value
                continue
            off += 1
            if self._state == _START:
                self._start(c)
            elif self._state == _NAME:
                self._name(c)
            elif c == 0x0A:
                self.done = True
            elif c != 0x0D:
                self._state = _SKIP

    def _start(self, c: int) -> None:
        self._field = -1
        if c == 0x0A:
            self.done = True
        elif c == 0x0D:
            self._state = _CR
        elif not self._missing:
            self.done = True
        else:
            self._state = _NAME
            self._alive = (1 << len(self._names)) - 1
            self._at = 0
            self._name(c)

    def _name(self, c: int) -> None:
        if c == 0x0A:
            self._state = _START
            return
        blank = c == 0x20 or c == 0x09
        if 0x41 <= c <= 0x5A:
            c |= 0x20
        i = self._at
        for k in range(len(self._names)):
            if self._alive & (1 << k):
                name = self._names[k]
                if i < len(name):
                    if name[i] != c:
                        self._alive &= ~(1 << k)
                elif c == 0x3A:
                    self._found(k)
                    return
                elif not blank:  # white space before the colon is obsolete syntax (RFC 5322 section 4.5)
                    self._alive &= ~(1 << k)
        if not self._alive:
            self._state = _SKIP
        elif not blank:
            self._at = i + 1

    def _found(self, k: int) -> None:
        self._state = _SKIP
        if self._lens[k] < 0:
            self._state = _KEEP
            self._field = k
            self._lens[k] = 0
            self._missing -= 1

    def _keep(self, buf: "bytes | bytearray", off: int, end: int) -> None:
        first = self._field * self._limit
        at = self._lens[self._field]
        while off < end and at < self._limit:
            c = buf[off]
            if at or (c != 0x20 and c != 0x09):
                self._values[first + at] = c
                at += 1
            off += 1
        self._lens[self._field] = at

    def _end_line(self) -> None:
        if self._state == _KEEP:
            first = self._field * self._limit
            at = self._lens[self._field]
            while at and self._values[first + at - 1] == 0x0D:
                at -= 1
            self._lens[self._field] = at
        self._state = _START
