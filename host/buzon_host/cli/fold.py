"""Text for a terminal: lines break between words, never within one. A word that is wider than the terminal
stays whole, so that a path or an address can be copied."""

import re

from rich.cells import cell_len


def folded(text: str, width: int, indent: int = 0) -> list[str]:
    """`text`, a single line, as lines of at most `width` columns; all but the first begin with `indent`
    blanks. Blanks inside a line stay as they are."""
    lines: list[str] = []
    line = ""
    has_word = False
    for blanks, word in re.findall(r"(\s*)(\S+)", text):
        if has_word and cell_len(line + blanks + word) > width:
            lines.append(line)
            line, blanks = " " * indent, ""
        line += blanks + word
        has_word = True
    end = text[len(text.rstrip()) :]  # the blank after a question
    return [*lines, line + end]


def longest(text: str) -> int:
    """The width of its longest word, in columns."""
    return max((cell_len(word) for word in text.split()), default=0)
