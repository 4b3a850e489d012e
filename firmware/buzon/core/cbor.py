"""The part of CBOR (RFC 8949) that the serial protocol and the settings use: no floats, no tags, definite lengths.

Works on lent buffers; every length from outside is checked before anything of that size is allocated.
"""

from micropython import const

from ..errors import E_CBOR, E_TOO_LONG, ConsoleError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_UINT = const(0)
_NEGATIVE = const(1)
_BYTES = const(2)
_TEXT = const(3)
_ARRAY = const(4)
_MAP = const(5)


class Encoder:
    """Appends items to a lent buffer: `buf[:n]`, at most `room` bytes, else ConsoleError(E_TOO_LONG)."""

    def __init__(self, buf: bytearray, room: "int | None" = None) -> None:
        self.buf = buf
        self.room = len(buf) if room is None else room
        self.n = 0

    def put(self, item: "Any") -> None:
        """Append one item: int (64 bits), bytes-like, str, list or tuple, dict, True, False or None.

        A function stands for the item that it returns, a generator for the array of what it yields (at most
        23): each is made when its turn comes, not all beforehand.
        """
        if item is None or item is True or item is False:
            self._raw(b"\xf6" if item is None else b"\xf5" if item else b"\xf4")
        elif isinstance(item, int):
            if item < 0:
                self._head(_NEGATIVE, -1 - item)
            else:
                self._head(_UINT, item)
        elif isinstance(item, str):
            data = item.encode()
            self._head(_TEXT, len(data))
            self._raw(data)
        elif isinstance(item, (bytes, bytearray, memoryview)):
            self._head(_BYTES, len(item))
            self._raw(item)
        elif isinstance(item, (list, tuple)):
            self._head(_ARRAY, len(item))
            for each in item:
                self.put(each)
        elif isinstance(item, dict):
            self._head(_MAP, len(item))
            for key in item:
                self.put(key)
                self.put(item[key])
        elif hasattr(item, "send"):
            at = self.n
            self._head(_ARRAY, 0)
            for each in item:
                self.put(each)
                self.buf[at] += 1
                if self.buf[at] & 31 == 24:  # such a length does not fit in the first byte
                    raise ConsoleError(E_TOO_LONG, "items")
        elif callable(item):
            self.put(item())
        else:
            raise ConsoleError(E_CBOR, "type")

    def _raw(self, data: "bytes | bytearray | memoryview") -> None:
        end = self.n + len(data)
        if end > self.room:
            raise ConsoleError(E_TOO_LONG, "%d bytes" % end)
        self.buf[self.n : end] = data
        self.n = end

    def _head(self, major: int, value: int) -> None:
        if value < 24:
            self._raw(bytes((major << 5 | value,)))
            return
        for more in (1, 2, 4, 8):
            if value >> (8 * more) == 0:
                extra = (0, 24, 25, 0, 26, 0, 0, 0, 27)[more]
                self._raw(bytes((major << 5 | extra,)) + value.to_bytes(more, "big"))
                return
        raise ConsoleError(E_CBOR, "number")


def decode(data: "bytes | bytearray | memoryview", depth: int = 4) -> "Any":
    """The one item that fills `data`. Raises ConsoleError(E_CBOR) for anything else, or nesting beyond `depth`."""
    item, end = _item(data, 0, depth)
    if end != len(data):
        raise ConsoleError(E_CBOR, "length")
    return item


def _item(data: "bytes | bytearray | memoryview", at: int, depth: int) -> "tuple[Any, int]":
    left = len(data) - at - 1
    if left < 0:
        raise ConsoleError(E_CBOR, "cut off")
    major = data[at] >> 5
    value = data[at] & 31
    at += 1
    if major == 7:
        if 20 <= value <= 22:
            return (False, True, None)[value - 20], at
        raise ConsoleError(E_CBOR, "type")
    if value > 23:
        if value > 27:
            raise ConsoleError(E_CBOR, "type")
        size = 1 << (value - 24)
        if size > left:
            raise ConsoleError(E_CBOR, "cut off")
        value = int.from_bytes(bytes(data[at : at + size]), "big")
        at += size
        left -= size
    if major == _UINT:
        return value, at
    if major == _NEGATIVE:
        return -1 - value, at
    if major > _MAP:
        raise ConsoleError(E_CBOR, "type")
    if value > left:  # each of its items takes at least a byte
        raise ConsoleError(E_CBOR, "cut off")
    if major == _BYTES:
        return bytes(data[at : at + value]), at + value
    if major == _TEXT:
        try:
            return str(bytes(data[at : at + value]), "utf-8"), at + value
        except UnicodeError:
            raise ConsoleError(E_CBOR, "text")
    if depth < 1:
        raise ConsoleError(E_CBOR, "depth")
    if major == _ARRAY:
        items = []
        for _ in range(value):
            item, at = _item(data, at, depth - 1)
            items.append(item)
        return items, at
    pairs = {}
    for _ in range(value):
        key, at = _item(data, at, depth - 1)
        if type(key) not in (int, str) or key in pairs:
            raise ConsoleError(E_CBOR, "key")
        pairs[key], at = _item(data, at, depth - 1)
    return pairs, at
