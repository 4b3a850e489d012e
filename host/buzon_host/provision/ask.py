"""What the wizard needs of the person at it, and what it was told before it begins."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from .discover import Network

BACK = "<"
"""What a person types to go back; no password is as short."""

Progress = Callable[[str], None]
_T = TypeVar("_T")


class Back(Exception):
    """The person wants the question before this one."""


class Ask(Protocol):
    """A person. Each question may raise KeyboardInterrupt, and Back when BACK is typed."""

    def say(self, text: str = "") -> None:
        """A line."""

    def text(self, question: str, default: str = "") -> str:
        """What is typed, without blanks around it; `default` for nothing."""

    def secret(self, question: str) -> str:
        """What is typed, unseen."""

    def yes(self, question: str, default: bool | None) -> bool:
        """Yes or no; None: nothing but one of them will do."""

    def working(self) -> AbstractContextManager[Progress]:
        """While something takes its time: what is done now goes to the function."""


@dataclass(frozen=True)
class Options:
    """`email`: not asked for. `ca`: DER of the server's CA. `yes`: the board may delete mail from the server."""

    email: str | None = None
    ca: bytes | None = None
    yes: bool = False
    network: Network = field(default_factory=Network)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    keyring: bool = True


def in_turn(questions: Sequence[Callable[[_T], bool]], about: _T) -> None:
    """Asks one after the other. Each says whether it asked anything; Back leads to the last one that did, and out of
    the first."""
    asked: list[int] = []
    number = 0
    while number < len(questions):
        try:
            if questions[number](about):
                asked.append(number)
            number += 1
        except Back:
            if not asked:
                raise
            number = asked.pop()
