"""How `--help` looks: `-h` works too, sentences are whole, and even short lines break between words."""

import re
import textwrap
from collections.abc import Sequence
from typing import Any

_LEAST, _MOST = 16, 30
"""Columns for the names of options and verbs: the text beside them gets the other half of a narrow terminal."""

_SAID = {"str": "TEXT", "path": "PATH", "int": "NUMBER", "float": "NUMBER"}
_TYPE = re.compile(r" <(?:list\[)?(?P<type>str|int|float|path)\]?(?: range)?>$", re.IGNORECASE)


def polished(command: Any) -> Any:
    """`command` (from typer's parser, of any version) and all below it, with help as described above."""
    base: Any = command.context_class

    class Formatter(base.formatter_class):  # type: ignore[misc]
        def write_text(self, text: str) -> None:
            indent = " " * self.current_indent
            for number, paragraph in enumerate(text.split("\n\n")):
                self.write("\n" if number else "")
                self.write(_filled(paragraph, self.width, indent) + "\n")

        def write_dl(
            self, rows: Sequence[tuple[str, str]], col_max: int = _MOST, col_spacing: int = 2
        ) -> None:
            rows = [(_plain(name), text) for name, text in rows]
            col_max = max(_LEAST, min(col_max, self.width // 2 - self.current_indent - col_spacing))
            start = (
                self.current_indent
                + min(col_max, max((len(name) for name, _ in rows), default=0))
                + col_spacing
            )
            for name, text in rows:
                first = f"{'':{self.current_indent}}{name}"
                lines = _filled(text, self.width, " " * start).strip()
                beside = len(first) + col_spacing <= start
                self.write(f"{first:{start}}{lines}\n" if beside and lines else f"{first}\n")
                if lines and not beside:
                    self.write(f"{'':{start}}{lines}\n")

    class Context(base):  # type: ignore[misc]
        formatter_class = Formatter

    _use(command, Context)
    return command


def _plain(name: str) -> str:
    """`--port <list[str]>` as `--port PORT`, and `button <int range>` as `BUTTON`: the parser shows Python's types."""
    found = _TYPE.search(name)
    if found is None:
        return name
    named = name[: found.start()]
    if not named.startswith("-"):
        return named.upper() if named.islower() else named
    return named + (" PORT" if named == "--port" else f" {_SAID[found['type'].lower()]}")


def _use(command: Any, context: type) -> None:
    command.context_class = context
    command.context_settings = {**command.context_settings, "help_option_names": ["-h", "--help"]}
    for below in getattr(command, "commands", {}).values():
        _use(below, context)
        below.short_help = below.get_short_help_str(limit=10_000)  # the first sentence, whatever the width


def _filled(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        max(width, len(indent) + _LEAST),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
