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
    `everywhere`: tried with every server, with and without commands in flight; else with a part of that.
    """

    name: str
    account: dict[str, Any]
    outcome: Callable[[Sequence[bytes]], Outcome]
    late: Sequence[bytes] = field(default=())
    days: int = 0
    everywhere: bool = False
    mail: Sequence[bytes] = MAIL

    @property
    def expected(self) -> Outcome:
        return self.outcome([*self.mail, *self.late])


def _moved(mail: Sequence[bytes]) -> Outcome:
    return mail, []


def _copied(mail: Sequence[bytes]) -> Outcome:
    return mail, mail


POLICIES = (
    Policy("delete", {"keep": "delete"}, _moved, everywhere=True),
    Policy("forever", {"keep": "forever"}, _copied, everywhere=True),
    Policy("unconfirmed", {"keep": "delete", "delete_confirmed": False}, _copied, late=[LATE]),
)
BY_NAME = {policy.name: policy for policy in POLICIES}
