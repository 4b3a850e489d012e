"""A stand-in for MicroPython's `micropython` module, so that the firmware's pure parts import on CPython."""


def const(value: int) -> int:
    return value


class RingIO:
    """MicroPython's byte queue `RingIO` (1.24): `write(buf[, off[, n]])`, `readinto(buf[, n])`, `any()`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._data = bytearray()

    def any(self) -> int:
        return len(self._data)

    def write(self, buf: bytes | bytearray | memoryview, off: int | None = None, n: int | None = None) -> int:
        if off is not None and n is None:
            off, n = 0, off
        part = memoryview(buf)[off or 0 :]
        if n is not None:
            part = part[:n]
        part = part[: self._size - len(self._data)]
        self._data += part
        return len(part)

    def readinto(self, buf: bytearray | memoryview, n: int | None = None) -> int:
        size = min(len(buf) if n is None else n, len(self._data))
        buf[:size] = self._data[:size]
        del self._data[:size]
        return size
