"""Questions to a person on a terminal, all on stderr, as stdout may carry JSON."""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..board.printable import escape
from ..errors import UsageError
from ..provision.ask import BACK, Back
from .fold import folded
from .output import Out


class Terminal:
    """The wizard's `Ask`. Ctrl-C and Ctrl-D raise KeyboardInterrupt, after a new line."""

    def __init__(self, out: Out) -> None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError("There is no terminal to ask on: give a file (buzon provision SETTINGS.toml).")
        self._out = out

    def say(self, text: str = "") -> None:
        self._out.note(text)

    def text(self, question: str, default: str = "") -> str:
        shown = f"{question} [{default}]: " if default else f"{question}: "
        return self._line(shown) or default

    def secret(self, question: str) -> str:
        try:
            lines = folded(escape(question) + ": ", self._out.stderr.width)
            typed = getpass.getpass("\n".join(lines), stream=sys.stderr)
        except UnicodeDecodeError:
            return self._again(lambda: self.secret(question))
        except (KeyboardInterrupt, EOFError):
            raise self._interrupted() from None
        if typed == BACK:
            raise Back
        return typed

    def yes(self, question: str, default: bool | None) -> bool:
        choice = {True: "Y/n", False: "y/N", None: "y/n"}[default]
        while True:
            typed = self._line(f"{question} [{choice}] ").lower()
            if typed in ("y", "yes"):
                return True
            if typed in ("n", "no"):
                return False
            if not typed and default is not None:
                return default
            self.say("Type y or n.")

    @contextmanager
    def working(self) -> Iterator[Callable[[str], None]]:
        with self._out.progress() as bar:
            yield bar.say

    def _line(self, shown: str) -> str:
        try:
            self._out.prompt(shown)
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            return self._again(lambda: self._line(shown))
        except KeyboardInterrupt:
            raise self._interrupted() from None
        if not line.endswith("\n"):
            raise self._interrupted()
        line = line.strip()
        if line == BACK:
            raise Back
        return line

    def _again(self, ask: Callable[[], str]) -> str:
        self.say("That was not UTF-8: type it again.")
        return ask()

    def _interrupted(self) -> KeyboardInterrupt:
        self.say()
        return KeyboardInterrupt()
