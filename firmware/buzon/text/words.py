"""Decodes the encoded-words of header fields (RFC 2047). Never raises: malformed text stays readable."""

import binascii

from micropython import const

from .charsets import to_utf8
from .utf8 import shorten

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Bytes = bytes | bytearray

_HEX = b"0123456789abcdefABCDEF"


def decode(raw: "Bytes", limit: int) -> str:
    """The text of an unfolded field value, at most `limit` bytes of UTF-8; "…" marks a cut.

    Encoded-words with only white space between them are joined before they are decoded (section 6.2), so a
    character may be split between two of them. A last word whose end is missing is decoded as far as it goes.
    Bytes outside of words are read as UTF-8 if valid, else as windows-1252. The text may hold control
    characters: see `escape.clean`.
    """
    out = bytearray()
    joined = bytearray()  # bytes of the words since the last other text, all in `charset`
    charset = b""
    done = 0  # everything before is in `out` or in `joined`
    i = raw.find(b"=?")
    while i >= 0 and len(out) + len(joined) // 2 <= limit:
        end = word_end(raw, i)
        if not end:
            i = raw.find(b"=?", i + 2)
            continue
        a = raw.find(b"?", i + 2)
        name = bytes(raw[i + 2 : a]).split(b"*")[0].lower()  # a language may follow (RFC 2231 section 5)
        if not done or raw[done:i].strip() or name != charset:
            out.extend(to_utf8(joined, charset))
            joined = bytearray()
            charset = name
        if not done or raw[done:i].strip():
            out.extend(to_utf8(raw[done:i]))
        text = raw[a + 3 : end]
        if text.endswith(b"?="):
            text = text[:-2]
        joined.extend(_b(text) if raw[a + 1] | 0x20 == 0x62 else _q(text))
        done = end
        i = raw.find(b"=?", end)
    out.extend(to_utf8(joined, charset))
    if i < 0:
        out.extend(to_utf8(raw[done:]))
    return shorten(out, limit)


def word_end(raw: "Bytes", i: int) -> int:
    """Where the encoded-word that starts at `raw[i]` ends; 0 if none starts there."""
    a = raw.find(b"?", i + 2)
    if raw[i : i + 2] != b"=?" or a <= i + 2 or raw[a + 2 : a + 3] != b"?" or raw[a + 1] | 0x20 not in b"bq":
        return 0
    if raw.find(b" ", i, a) >= 0:
        return 0
    end = raw.find(b"?=", a + 3)
    if end >= 0:
        return end + 2
    if raw.find(b" ", a) >= 0:
        return 0
    return len(raw)  # cut off


def _q(text: "Bytes") -> bytearray:
    out = bytearray()
    i = 0
    while i < len(text):
        c = text[i]
        if c == 0x5F:
            c = 0x20
        elif c == 0x3D and i + 2 < len(text) and text[i + 1] in _HEX and text[i + 2] in _HEX:
            c = int(bytes(text[i + 1 : i + 3]), 16)
            i += 2
        out.append(c)
        i += 1
    return out


def _b(text: "Bytes") -> "Bytes":
    text = bytes(text).rstrip(b"=?")  # the padding is often wrong
    for part in (text, text + b"=", text + b"==", text[:-1]):
        try:
            return binascii.a2b_base64(part)
        except ValueError:
            pass
    return text
