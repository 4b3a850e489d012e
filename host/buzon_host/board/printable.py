"""Escapes text from a board or a message before it is printed, so that it cannot move the cursor, change
colours or the writing direction, or begin a new line."""

import unicodedata


def escape(text: str) -> str:
    """`text` with every character that is not plainly visible written as `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`.

    A backslash stays as it is: the result is for people, not for a parser.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape_one(char) for char in text)


def _escape_one(char: str) -> str:
    # Not printable: controls, formats (bidi, zero width), surrogates, unassigned, and separators; of the last,
    # the spaces (Zs) are harmless.
    if char.isprintable() or unicodedata.category(char) == "Zs":
        return char
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def escape_lines(text: str) -> str:
    """`escape()` line by line: line ends and tabs stay, and a CR before a line end is dropped."""
    return "\n".join(
        "\t".join(escape(part) for part in line.removesuffix("\r").split("\t")) for line in text.split("\n")
    )
