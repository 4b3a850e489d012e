"""What the wizard asks of the person, and what it is told beforehand."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from .discover import Network
from .purpose import Purpose

BACK = "<"
"""What a person types to go back; no password is that short."""

Progress = Callable[[str], None]
_T = TypeVar("_T")


class Back(Exception):
    """The person wants to go back to the previous question."""


class Ask(Protocol):
    """The person. Each question may raise KeyboardInterrupt, and Back when BACK is typed."""

    def say(self, text: str = "") -> None:
        """Shows a line."""

    def text(self, question: str, default: str = "") -> str:
        """What is typed, without blanks around it; `default` if nothing is."""

    def secret(self, question: str) -> str:
        """What is typed, without showing it."""

    def yes(self, question: str, default: bool | None) -> bool:
        """Yes or no; `default` None: an answer is required."""

    def working(self) -> AbstractContextManager[Progress]:
        """For work that takes time: the function gets what is being done."""


@dataclass(frozen=True)
class Options:
    """`email`, `purpose`: not asked for. `ca`: DER of the server's CA. `yes`: the board may delete mail from the
    server."""

    email: str | None = None
    purpose: Purpose | None = None
    ca: bytes | None = None
    yes: bool = False
    network: Network = field(default_factory=Network)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    keyring: bool = True


def in_turn(questions: Sequence[Callable[[_T], bool]], about: _T) -> None:
    """Asks one question after the other. Each returns whether it asked anything; Back leads to the last one
    that did, and is raised if none did."""
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
