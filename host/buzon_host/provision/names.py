"""What a setting is called when something is wrong with it: as in the file, or as the board's owner knows it.

Its path in the tree (`account[0].port`) is for programs.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

# Comments and whole texts, or else the quote of one that does not end.
_NEXT = re.compile(
    r"#[^\n]*|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}|(?!\"{3}|'{3})(?:\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')"
    r"|(?P<open>[\"'])",
    re.DOTALL,
)
_ORDINALS = ("", "second ", "third ", "fourth ")


def in_file(path: str, line: int = 0) -> str:
    """`line 9: port in [[account]]`; without a line if it is 0."""
    return (f"line {line}: " if line else "") + _name(_steps(path))


def line_of(text: str, path: str) -> int:
    """The line of a valid TOML file where this setting begins, or else the table that it is missing in; 0 if
    neither exists.

    The parser does not report lines, so this finds the first line up to which it must read to see the
    setting.
    """
    lines = text.split("\n")
    tree = tomllib.loads(text)
    steps = _steps(path)
    while steps and not _has(tree, steps):
        steps = steps[:-1]
    if not steps:
        return 0

    def begun(number: int) -> bool:
        """Whether it is in the first `number` lines, or in as many more as make them valid TOML."""
        for end in range(number, len(lines) + 1):
            try:
                return _has(tomllib.loads("\n".join(lines[:end]) + "\n"), steps)
            except tomllib.TOMLDecodeError:
                continue
        return True

    return 1 + bisect_left(range(1, len(lines) + 1), True, key=begun)


def unclosed(text: str, error: str) -> int:
    """The line where text in quotes begins and does not end; 0 if that is not why the parser fails with `error`."""
    found = re.search(r"at line (\d+)", error)
    stop = int(found[1]) if found else text.count("\n") + 1
    at = 0
    while match := _NEXT.search(text, at):
        if match["open"]:
            line = text.count("\n", 0, match.start()) + 1
            return line if line <= stop and not error.startswith("Invalid value") else 0
        at = match.end()
    return 0


def on_board(path: str, ssids: Sequence[str], accounts: Sequence[str]) -> str:
    """The owner's name for a path that the board reports: `account main, password`, `Wi-Fi "Home"`; "" for one
    that its sentence mentions anyway."""
    steps = _steps(path)
    if not steps or path == "wifi":
        return ""
    known = {"account": ("account", accounts), "wifi": ("Wi-Fi", ssids)}.get(str(steps[0]))
    if known is None:
        return path
    kind, every = known
    number = steps[1] if len(steps) > 1 and isinstance(steps[1], int) else None
    name = kind
    if number is not None and number < len(every):
        name += f' "{every[number]}"' if kind == "Wi-Fi" else f" {every[number]}"
    return ", ".join([name, *(str(step) for step in steps[2:] if isinstance(step, str))])


def _steps(path: str) -> tuple[str | int, ...]:
    """`account[0].port` as ("account", 0, "port")."""
    return tuple(
        int(number) if number else name for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
    )


def _name(steps: tuple[str | int, ...]) -> str:
    """`port in [[account]]`, `sda in [display.pins]`, `[[wifi]]`."""
    if len(steps) == 1:
        return f"[[{steps[0]}]]" if steps[0] in ("account", "wifi") else str(steps[0])
    if not steps or isinstance(steps[-1], int):
        return _table(steps) or "a setting without a name"
    return f"{steps[-1]} in {_table(steps[:-1])}"


def _table(steps: tuple[str | int, ...]) -> str:
    """The header of a table, and which of several it is if it is not the first."""
    name = ".".join(step for step in steps if isinstance(step, str))
    number = next((step for step in steps if isinstance(step, int)), 0)
    ordinal = ("the " + _ORDINALS[number]) if 0 < number < len(_ORDINALS) else ""
    return f"{ordinal}[[{name}]]" if steps and isinstance(steps[-1], int) else f"[{name}]" if name else ""


def _has(tree: Any, steps: tuple[str | int, ...]) -> bool:
    for step in steps:
        try:
            tree = tree[step]
        except (LookupError, TypeError):
            return False
    return True
