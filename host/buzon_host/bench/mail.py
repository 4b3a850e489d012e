"""The mail that heap, flash and alerts are measured with, and a server that serves it."""

from collections.abc import Sequence
from typing import Self

from ..server.run import LocalServer

_LINE = b"%08d The quick brown fox jumps over the lazy dog, and so on for a line.\r\n"


def message(number: int, size: int) -> bytes:
    """A message of exactly `size` bytes (at least 200); every number gives a different one."""
    head = b"From: Sender <sender@example.org>\r\nSubject: Message %d\r\n\r\n" % number
    line = _LINE % number
    left = size - len(head)
    body = line * (left // len(line) - 1)
    left -= len(body)
    return head + body + b"x" * (left - 2) + b"\r\n"


def small(count: int) -> list[bytes]:
    """Messages of 1 to 9 KB, 5 KB on average."""
    return [message(number, 1000 + 8000 * (number % 200) // 199) for number in range(count)]


class Server(LocalServer):
    """A local server with these messages and no others."""

    def __init__(self, content: Sequence[bytes] = ()) -> None:
        super().__init__(samples=False)
        self.content = content

    def __enter__(self) -> Self:
        super().__enter__()
        self.refill()
        return self

    def refill(self) -> None:
        """Restore the initial content, whatever was deleted since."""
        for folder in ("new", "cur"):
            for path in (self.maildir / folder).iterdir():
                path.unlink()
        for content in self.content:
            self.deliver(content)
