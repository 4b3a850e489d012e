"""Finds out who a message is from: the name in a From field, or else the address. Never raises."""

from micropython import const

from .words import decode, word_end

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Bytes = bytes | bytearray


def sender(raw: "Bytes", limit: int) -> str:
    """The display name of the first mailbox (RFC 5322 section 3.4), or its address; at most `limit` bytes.

    Understands quoted strings, comments (`a@b (Name)`), groups and encoded-words, the last even in places
    where they are not allowed but occur. The result may hold control characters: see `escape.clean`.
    """
    phrase = bytearray()
    addr = bytearray()
    comment = bytearray()
    group = bytearray()
    out = phrase
    close = 0  # the character that ends the current quoted string
    depth = 0  # of nested comments
    angle = False
    i = 0
    while i < len(raw):
        c = raw[i]
        i += 1
        if c == 0x5C and (close or depth) and i < len(raw):  # backslash
            out.append(raw[i])
            i += 1
        elif close:
            if c == close:
                close = 0
            else:
                out.append(c)
        elif depth:
            if c == 0x28:
                depth += 1
            elif c == 0x29:
                depth -= 1
            if depth:
                out.append(c)
            else:
                out = addr if angle else phrase
        elif c == 0x22:
            close = c
        elif c == 0x28:
            depth = 1
            out = comment
            out.extend(b" " if out else b"")
        elif c == 0x3C:
            angle = True
            out = addr
        elif c == 0x3E:
            angle = False
            out = phrase
        elif angle:
            out.append(c)
        elif c == 0x2C:
            if addr or phrase.strip():
                break
        elif c == 0x3B:
            break
        elif c == 0x3A and not group:
            group = bytearray(phrase)
            phrase = out = bytearray()
        else:
            end = word_end(raw, i - 1) if c == 0x3D else 0
            if end:
                out.extend(raw[i - 1 : end])
                i = end
            else:
                out.append(c)
    if addr:
        order = (phrase, comment, addr)
    else:
        order = (comment, phrase, group)
    for part in order:
        text = decode(bytes(part).strip(), limit).strip()
        if text:
            return text
    return decode(raw, limit)
