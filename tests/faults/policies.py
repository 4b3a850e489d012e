"""The policies that the campaigns try, and what each leaves on the board and on the server.

A new policy is a row here: the settings of its account, and a function that says what must have become of the mail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .mail import MAIL

LATE = b"Subject: late\r\n\r\nIt comes when all others have been dealt with.\r\n"

Outcome = tuple[Sequence[bytes], Sequence[bytes]]
"""What must be on the board, each once, and on the server, when all sessions have ended."""


@dataclass(frozen=True)
class Policy:
    """`outcome(mail)`: of what was on the server before the session that is cut, then of `late`.

    `late`: messages that come when the sessions after the cut have ended well; one more session follows.
    `days`: so much later that last session comes (it follows then without `late` too).
    `sessions`: each of them is cut by the power campaign.
    `everywhere`: tried with every server, with and without commands in flight; else with a part of that.
    """

    name: str
    account: dict[str, Any]
    outcome: Callable[[Sequence[bytes]], Outcome]
    storage: dict[str, Any] = field(default_factory=dict)  # `quota` and `full`
    late: Sequence[bytes] = field(default=())
    days: int = 0
    everywhere: bool = False
    sessions: int = 1  # that a sync takes which is not cut
    mail: Sequence[bytes] = MAIL

    @property
    def expected(self) -> Outcome:
        return self.outcome([*self.mail, *self.late])


def _moved(mail: Sequence[bytes]) -> Outcome:
    return mail, []


def _copied(mail: Sequence[bytes]) -> Outcome:
    return mail, mail


def _head(message: bytes) -> bytes:
    return message[: message.index(b"\r\n\r\n") + 4]


def _left(mail: Sequence[bytes]) -> Outcome:
    return mail[len(MAIL) :], mail[: len(MAIL)]


def _heads(mail: Sequence[bytes]) -> Outcome:
    return [_head(message) for message in mail], mail


def _large_as_heads(mail: Sequence[bytes]) -> Outcome:
    return [*mail[:-1], _head(mail[-1])], mail[-1:]


def _filtered(mail: Sequence[bytes]) -> Outcome:
    """The first as headers, the second skipped, the third as headers, the last whole."""
    return [_head(mail[0]), _head(mail[2]), mail[-1]], mail[:-1]


def _last(mail: Sequence[bytes]) -> Outcome:
    return mail[-1:], []


_FILTER = [{"subject": "SMALL 1", "fetch": "skip"}, {"subject": "larger", "fetch": "full"}]
_LARGE = len(MAIL[-1])

POLICIES = (
    Policy("delete", {"keep": "delete"}, _moved, everywhere=True),
    Policy("forever", {"keep": "forever"}, _copied, everywhere=True),
    Policy("unconfirmed", {"keep": "delete", "delete_confirmed": False}, _copied, late=[LATE]),
    Policy("two days", {"keep": 2}, _moved, days=3),
    Policy("start now", {"keep": "delete", "start": "now"}, _left, late=[LATE]),
    Policy("newest", {"keep": "delete", "order": "newest"}, _moved),
    Policy("headers", {"keep": "delete", "fetch": "headers"}, _heads),
    Policy("max_bytes", {"keep": "delete", "max_bytes": 1000}, _large_as_heads),
    Policy("filter", {"keep": "delete", "fetch": "headers", "filter": _FILTER}, _filtered, sessions=2),
    Policy("full: headers", {"keep": "delete"}, _large_as_heads, {"full": "headers", "quota": 65536 + 1000}),
    Policy("full: evict", {"keep": "delete"}, _last, {"full": "evict", "quota": _LARGE + 100}, sessions=2),
)
BY_NAME = {policy.name: policy for policy in POLICIES}
