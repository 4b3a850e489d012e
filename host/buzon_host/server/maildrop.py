"""A server's maildrop: its Maildir, login and lock, and the faults asked for; and those of other users.

All POP3 sessions of a server share it; it knows nothing about connections.
"""

import hmac
from collections.abc import Mapping, Sequence

from .maildir import Maildir

FAULTS = ("close_in_message", "refuse_retr", "stall")
"""How a RETR can be made to fail: cut off in the middle, answered -ERR, silent from the middle on."""

IDLE_S = 600
"""Seconds without a command before a connection is dropped, deleting nothing (RFC 1939 section 3)."""


class Maildrop:
    """`locked`: a session has it open.

    `others`: maildrops of other users, who log in on the same ports.
    `faults`: name in `FAULTS` -> number of the RETR that fails, counted from 1 over the server's life.
    """

    def __init__(
        self,
        maildir: Maildir,
        user: str,
        password: str,
        faults: Mapping[str, int],
        idle_s: float = IDLE_S,
        others: "Sequence[Maildrop]" = (),
    ) -> None:
        self.maildir = maildir
        self.idle_s = idle_s
        self.locked = False
        self._others = others
        self._user = user.encode("utf-8")
        self._password = password.encode("utf-8")
        self._faults = {number: name for name, number in faults.items()}
        self._retrieved = 0

    def login(self, user: bytes, password: bytes) -> "Maildrop | None":
        """The maildrop that user (with or without domain) and password open, or None, which takes as long."""
        found = [drop for drop in (self, *self._others) if drop._opens(user, password)]
        return found[0] if found else None

    def _opens(self, user: bytes, password: bytes) -> bool:
        # With or without the domain, as providers accept it: this server's domain is localhost.
        known = hmac.compare_digest(user.removesuffix(b"@localhost"), self._user)
        return hmac.compare_digest(password, self._password) and known

    def next_fault(self) -> str:
        """Counts one RETR; returns its fault, or ""."""
        self._retrieved += 1
        return self._faults.get(self._retrieved, "")
