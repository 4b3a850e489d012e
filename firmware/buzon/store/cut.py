"""A sink that lets only a message's header through: some servers answer TOP with the whole message or have no TOP."""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .incoming import Incoming


class HeaderOnly:
    """Hands content to `spool` up to and including the first empty line. `over`: bytes that came after it."""

    def __init__(self, spool: "Incoming") -> None:
        self._spool = spool
        self._tail = b"\r\n"  # the last bytes that came; set so at first, as the header may be empty
        self._done = False
        self.over = 0

    def write(self, buf: bytearray, off: int, n: int) -> None:
        if self._done:
            self.over += n
            return
        tail = self._tail
        joint = tail + bytes(memoryview(buf)[off : off + n])
        end = joint.find(b"\r\n\r\n")
        if end >= 0:
            self._done = True
            keep = end + 4 - len(tail)
            self._spool.write(buf, off, keep)
            self.over = n - keep
        else:
            self._spool.write(buf, off, n)
            self._tail = joint[-3:]
