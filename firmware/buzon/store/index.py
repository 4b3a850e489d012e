"""Reads the journal, the index of what is on the board. Loaded when it is asked: nothing asks during a TLS handshake.

`Journal` has these as methods, and says there what they return.
"""

import struct
from binascii import hexlify

from micropython import const

from ..errors import E_NO_MESSAGE, StoreError
from . import fs
from .journal import AGED, BATCH, KEY_AT, PART, RECORD, SEEN_ONLY, here
from .spool import name_of
from .window import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Iterator

    from .journal import Journal, Record
    from .spool import Spool

_FORMAT = "<HBBIIII"  # as `journal.pack` writes it


def listed(journal: "Journal", after: "bytes | None") -> "Iterator[Record]":
    journal.settle()
    turned = changed(journal, SEEN_ONLY)
    records: "Any" = _backwards(journal)
    try:
        for kind, change, time, octets, crc, size, key in records:
            if change:
                continue
            if after:
                if key == after:
                    after = None
                continue
            i = turned.find(key)
            if i >= 0:
                kind = turned.kind[i]
            if here(kind):
                yield kind, 0, time, octets, crc, size, key
    finally:
        records.close()  # MicroPython closes no generator that another one was reading
    if after:
        raise StoreError(E_NO_MESSAGE, str(hexlify(after), "utf-8"))


def state(journal: "Journal", key: bytes) -> int:
    journal.settle()
    last = 0
    for kind, _, _, _, _, _, each in records(journal):
        if each == key:
            last = kind
    return last


def mark(journal: "Journal", window: Window, before: int) -> None:
    journal.flush()
    for kind, change, time, octets, _, _, key in records(journal):
        i = window.find(key)
        if i >= 0:
            if change:
                kind |= window.kind[i] & AGED
            elif 0 < time < before:
                kind |= AGED
            window.kind[i] = kind
            if octets or not change:
                window.said[i] = octets


def known(journal: "Journal", key: bytes) -> "tuple[int, int]":
    size = mark = 0
    journal.flush()
    for _, change, _, octets, crc, n, each in records(journal):
        if each == key:
            if octets or not change:
                size = octets
            if crc or not change:
                mark = 0 if n else crc
    return size, mark


def name(journal: "Journal", spool: "Spool", key: bytes) -> str:
    part = said = crc = size = 0
    journal.settle()
    for kind, change, _, octets, mark, n, each in records(journal):
        if each == key:
            part = kind & PART
            if octets or not change:
                said = octets
            if mark or not change:
                crc = mark
                size = n
    name = name_of(key, part, said, crc, size)
    return name if size and fs.exists(spool.folder + "/" + name) else spool.name(key)


def changed(journal: "Journal", least: int) -> Window:
    window = Window(journal.changes if least == SEEN_ONLY else journal.turns)
    if window.size:
        for kind, change, _, octets, _, _, key in _backwards(journal):
            i = window.find(key) if change >= least else 0
            if i < 0 and window.n < window.size:
                i = window.n
                window.add(key)
                window.kind[i] = kind
            if i >= 0 and change >= least and not window.said[i]:
                window.said[i] = octets
    return window


def records(journal: "Journal") -> "Iterator[Record]":
    pending = journal.pending
    block = bytearray(BATCH * RECORD)
    try:
        f = open(journal.path, "rb")
    except OSError:
        f = None
    if f:
        with f:
            n = f.readinto(block)
            while n >= RECORD:
                for at in range(0, n - RECORD + 1, RECORD):
                    yield unpack(block, at)
                n = f.readinto(block)
    for at in range(0, len(pending), RECORD):
        yield unpack(pending, at)


def _backwards(journal: "Journal") -> "Iterator[Record]":
    pending = journal.pending
    for at in range(len(pending) - RECORD, -1, -RECORD):
        yield unpack(pending, at)
    block = bytearray(BATCH * RECORD)
    try:
        f = open(journal.path, "rb")
    except OSError:
        return
    with f:
        end = f.seek(0, 2) // RECORD
        while end > 0:
            start = max(0, end - BATCH)
            f.seek(start * RECORD)
            f.readinto(block)
            for i in range(end - start - 1, -1, -1):
                yield unpack(block, i * RECORD)
            end = start


def unpack(block: bytearray, at: int) -> "Record":
    kind, change, _, time, octets, crc, size = struct.unpack_from(_FORMAT, block, at)
    return kind, change, time, octets, crc, size, bytes(block[at + KEY_AT : at + RECORD])
