"""Message content as streams of chunks: CRLF line ends, the part that TOP sends, dot-stuffing.

It handles bytes only: it never opens a file or a socket, and never holds more than the chunk it was given.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

CHUNK = 64 * 1024
"""Bytes read from a file at a time: what one download holds in memory."""

_BARE_LF = re.compile(rb"(?<!\r)\n")


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """The rest of `file` in chunks of at most `CHUNK` bytes."""
    while chunk := file.read(CHUNK):
        yield chunk


def with_crlf(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content as it goes over the wire: LF becomes CRLF, and a missing last line end is added.

    Lone CRs and all other bytes are left alone. Content that already has this form passes unchanged.
    """
    last = b""
    for chunk in chunks:
        if not chunk:
            continue
        out = _BARE_LF.sub(b"\r\n", chunk)
        if last == b"\r" and chunk[:1] == b"\n":
            out = out[1:]  # its CR went out at the end of the previous chunk
        last = chunk[-1:]
        yield out
    if last not in (b"", b"\n"):
        yield b"\r\n"


def top(chunks: Iterable[bytes], lines: int) -> Iterator[bytes]:
    """The header, the empty line after it and at most `lines` lines of the body (RFC 1939 section 7, TOP).

    Expects CRLF line ends, as `with_crlf` gives them.
    """
    in_body = False
    length = 0  # of the line so far: it may have begun in an earlier chunk
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start) + 1) > 0:
            length += end - start
            start = end
            if in_body:
                lines -= 1
            elif length == 2:
                in_body = True
            length = 0
            if in_body and lines <= 0:
                yield chunk[:end]
                return
        length += len(chunk) - start
        yield chunk


def dot_stuffed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a multi-line response: a line that starts with "." gets one more (RFC 1939 section 3).

    Expects CRLF line ends, as `with_crlf` gives them; the line "." that ends the response is not added here.
    """
    line_start = True
    for chunk in chunks:
        if not chunk:
            continue
        if line_start and chunk[:1] == b".":
            yield b"."
        line_start = chunk[-1:] == b"\n"
        yield chunk.replace(b"\n.", b"\n..")


def first_bytes(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """No more than the first `count` bytes of the content."""
    for chunk in chunks:
        if len(chunk) >= count:
            yield chunk[:count]
            return
        count -= len(chunk)
        yield chunk
