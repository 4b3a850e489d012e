"""Text in the form in which it is compared: no capitals, and no accents on Western European letters. Pure."""

from micropython import const

_C3 = const(0xC3)  # the lead byte of U+00C0 to U+00FF in UTF-8
_SHARP_S = const(0x9F)
# What U+00E0 to U+00FF are compared as; U+00C0 to U+00DF are the same letters, 32 lower.
_BASE = b"aaaaaaaceeeeiiiidnooooo/ouuuuypy"


def fold(text: str) -> bytes:
    """`text` as bytes in which "Ibáñez", "IBÁÑEZ" and "ibanez" are the same. Other scripts stay as they are."""
    out = bytearray(text.encode().lower())  # ASCII capitals only; the loop shortens it in place
    n = 0
    lead = False
    for c in out:
        if lead:
            out[n - 1] = 0x73 if c == _SHARP_S else _BASE[c & 31]
        else:
            out[n] = c
            n += 1
        lead = c == _C3
    return bytes(memoryview(out)[:n])
