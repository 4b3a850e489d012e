"""An ESP32's memory beside MicroPython's heap: what is left of it depends on how far that heap reaches.

On the chip the heap is made of areas: the first is MicroPython's own; when it is full, another comes from the IDF, and
goes back when a collection leaves it wholly empty (py/gc.c, MICROPY_GC_SPLIT_HEAP_AUTO). Here the heap is one piece,
and its parts are taken for those areas: what is in use above the first one has cost the second. So a program that makes
more than 56 KB of garbage between two collections is worse off here: a chip collects before it takes an area. The
figures are the profile's (host/buzon_host/virtual/profile.py).

A BytesIO larger than the first area takes an area of its own while it is open. If the heap comes to its second area
meanwhile, and somebody looks, that has what is left then, and stays: whether something is kept in it is not seen here.
"""

import gc
from struct import pack

import _hw
import uctypes
from micropython import const

_BLOCK = const(128)  # bits of a heap block of four 32-bit words, for which 3 bits are kept besides

_profile = _hw.config["idf"]
_words = _hw.config["words"]  # 2 where words have 64 bits
_second = 0  # where the second area begins, and the third: bytes before the heap's end
_third = 0
_end = 0  # the address of that
_HOLES = const(8)
_SMALL = const(512)
_least = _profile["bare"][0]
LARGE = const(48 * 1024)
_large = []  # bytes that each open large BytesIO has taken
_kept = 0  # bytes of a second area that stays


def setup():
    """Once the fakes are in the heap and nothing else is: what they take is no board's."""
    global _second, _third, _end
    gc.collect()
    free = gc.mem_free()
    size = _largest()
    _end = uctypes.addressof(bytearray(size)) + size
    gc.collect()
    _second = free - _usable(_profile["first"])
    _third = _second - _usable(_profile["second"])


def _usable(size):
    return size * _words * _BLOCK // (_BLOCK + 3)


# An address is a long integer where words have 32 bits, and has memory of its own: none is made while it is searched.
def _largest():
    """The size of the largest free piece, to 64 bytes."""
    low, high = 0, gc.mem_free() + 64
    while high - low > 64:
        n = (low + high) // 2
        try:
            bytearray(n)
            low = n
        except MemoryError:
            high = n
    return low


def _above():
    """How many bytes before the heap's end it is empty, after a collection."""
    gc.collect()
    held = [None] * _HOLES
    for i in range(_HOLES):
        size = _largest()
        if size < _SMALL:
            break
        try:
            held[i] = bytearray(size)
        except MemoryError:  # a stale word on the stack still held what was tried
            gc.collect()
            continue
        if _end - uctypes.addressof(held[i]) - size < _SMALL:
            return size
    return 0


class Large:
    """A BytesIO that is larger than the first area. Raises MemoryError."""

    def __init__(self, size):
        most = _profile["bare"][1] - sum(_large)
        needed = size + max(2048, size * 13 // 512)
        if needed > most:
            raise MemoryError
        self._size = min(most, max(_profile["first"] + sum(_large), needed))
        _large.append(self._size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._size in _large:
            _large.remove(self._size)


def memory():
    """(free, largest block) in bytes, at this moment."""
    global _kept, _third
    above = _above()
    gc.collect()  # what was only tried, now that no frame of it holds anything
    free, largest = _profile["bare"]
    taken = sum(_large)
    if taken and not _kept and above < _second:
        _kept = min(largest - taken, _profile["first"] + taken)
        _third = _second - _usable(_kept)
    if _kept or taken:
        rest = free - largest
        free -= taken + _kept
        largest = max(rest, largest - taken - _kept)
    elif above < _second:
        free, largest = _profile["grown"]
    if _hw.radio:
        free -= _profile["grown"][0] - _profile["joined"][0]
        largest -= _profile["grown"][1] - _profile["joined"][1]
    if above < _third:
        free -= largest
        largest = free
    free -= _hw.taken
    largest -= _hw.taken
    for _ in _hw.ballast:
        free -= _profile["tls"]
        largest -= _profile["tls"]
    note(free)
    return max(0, free), max(0, min(free, largest))


def note(free):
    """Remember the least that was free."""
    global _least
    if free < _least:
        _least = free
        _hw.send(b"L", pack("<i", free))


def least():
    return max(0, _least)


def shake(free, count, rsa):
    """A handshake with so many certificates, RSA keys among them or not: whether `free` bytes are enough for it."""
    peak = _profile["handshake"] + (_profile["rsa"] if rsa else 0) + (count - 1) * _profile["more"]
    note(free - peak)
    return peak <= free


def needs():
    """What a connection keeps: with less it does not begin."""
    return _profile["tls"]
