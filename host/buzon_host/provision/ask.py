"""What the wizard needs of the person at it, and what it was told before it begins."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from .discover import Network

Progress = Callable[[str], None]


class Ask(Protocol):
    """A person. Each method may raise KeyboardInterrupt."""

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
