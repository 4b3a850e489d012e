"""Frames of the serial console protocol on the PC's side (docs/PROTOCOL.md, "Frames").

Bytes in, frames and text lines out. No port, no clock; nothing is kept longer than one line.
"""

import binascii
import io
import zlib
from dataclasses import dataclass
from typing import Any

import cbor2

from ..errors import BuzonError

MAX_TO_BOARD = 240
"""Bytes of a frame to the board, `@` and newline included."""
MAX_CBOR = (MAX_TO_BOARD - 2) // 4 * 3 - 4
"""Bytes of CBOR in such a frame: 173, as padded base64 comes in groups of four."""
MAX_FROM_BOARD = 2048
"""Bytes of a line from the board, newline included; a longer one is text and is cut."""

ID, METHOD, PARAMS, RESULT, ERROR, EVENT, DATA, SESSION = range(8)
_MAX_DEPTH = 16


@dataclass(frozen=True)
class Frame:
    """A frame whose base64, CRC-32 and CBOR were right."""

    map: dict[int, Any]


@dataclass(frozen=True)
class Text:
    """A line that is not a frame, without its line end, unescaped. `cut`: it was longer than the bound."""

    line: str
    cut: bool = False


def encode(message: dict[int, Any], limit: int = MAX_TO_BOARD) -> bytes:
    """The frame that carries `message`.

    Raises BuzonError when the frame would be longer than `limit` bytes, newline included.
    """
    body = cbor2.dumps(message)
    line = b"@" + binascii.b2a_base64(body + zlib.crc32(body).to_bytes(4, "big"))
    if len(line) > limit:
        raise BuzonError(f"The request is too long for one frame: {len(line)} bytes, {limit} are allowed.")
    return line


def room(method: str, params: dict[str, Any]) -> int:
    """Bytes of a chunk's `data` that fit in one frame to the board beside `params`; less than 256."""
    number = (1 << 31) - 1
    body = cbor2.dumps({ID: number, METHOD: method, PARAMS: {**params, "data": b""}, SESSION: number})
    return max(0, MAX_CBOR - len(body) - 1)  # 1: the length of a byte string from 24 bytes on


def decode(line: bytes) -> dict[int, Any] | None:
    """The map in a frame's line (without its line end), or None if it is not a valid frame."""
    if not line.startswith(b"@"):
        return None
    try:
        raw = binascii.a2b_base64(line[1:], strict_mode=True)
    except ValueError:
        return None
    if len(raw) < 5 or zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
        return None
    try:
        stream = io.BytesIO(raw[:-4])
        message = cbor2.load(stream)
        if stream.read(1):
            return None
    except Exception:
        # cbor2 raises its own errors, but also UnicodeDecodeError, OverflowError and more on odd input.
        return None
    if not isinstance(message, dict) or not all(type(key) is int for key in message):
        return None
    return message if _plain(message, _MAX_DEPTH) else None


def _plain(value: object, depth: int) -> bool:
    """Whether it is only what the protocol allows: no tags, floats or deep nesting."""
    if value is None or isinstance(value, (bool, bytes, str)):
        return True
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 64
    if depth == 0:
        return False
    if isinstance(value, list):
        return all(_plain(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return all(type(key) in (int, str) and _plain(item, depth - 1) for key, item in value.items())
    return False


class Decoder:
    """Takes the board's bytes in any pieces; returns frames and text lines in order.

    Holds at most one line of MAX_FROM_BOARD bytes. A longer line is one `Text` with `cut` set; its rest up
    to the line end is dropped.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._cut = False

    @property
    def pending(self) -> bytes:
        """What has come since the last line end: a prompt, an echo, or half a frame."""
        return bytes(self._line)

    def feed(self, data: bytes) -> list[Frame | Text]:
        found: list[Frame | Text] = []
        start = 0
        while start < len(data):
            end = data.find(b"\n", start)
            part = data[start : end if end >= 0 else len(data)]
            room = MAX_FROM_BOARD - 1 - len(self._line)
            if len(part) > room:
                self._cut = True
                part = part[:room]
            self._line += part
            if end < 0:
                break
            found.append(self._end_line())
            start = end + 1
        return found

    def _end_line(self) -> Frame | Text:
        line = bytes(self._line).removesuffix(b"\r")
        cut = self._cut
        self._line.clear()
        self._cut = False
        message = None if cut else decode(line)
        if message is not None:
            return Frame(message)
        return Text(line.decode("utf-8", "replace"), cut)
