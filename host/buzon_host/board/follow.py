"""Starts a sync and follows `status` to its end.

The deadline counts time without progress, so that it grows with the mail.
"""

import time
from collections.abc import Callable

from ..errors import BoardRefused, BuzonError
from .client import AccountStatus, Client, Status

STALL_S = 90.0
"""Seconds without any change on the board after which a sync counts as stuck."""
_POLL_S = 0.2
_APPEAR_S = 10.0

Progress = Callable[[str, int, int], None]


def follow(
    client: Client,
    account: str | None = None,
    *,
    progress: Progress = lambda text, done, total: None,
    stall: float = STALL_S,
) -> list[AccountStatus]:
    """Syncs `account` (None: all) and returns the accounts' status afterwards.

    `progress(text, done, total)`: `done` of `total` messages are fetched. Raises BoardRefused with the error
    of an account, or of the Wi-Fi or the clock if one of these fails, and BuzonError when nothing moves for
    `stall` seconds.
    """
    before = _appeared(client, account)
    give_time(client, before)
    client.sync(account)
    changed = time.monotonic()
    last: object = None
    while True:
        asked = time.monotonic()
        status = client.status()
        took = time.monotonic() - asked
        now = _chosen(status, account)
        # While a poll is due or running, `next` is 0; the end of one, successful or not, sets it.
        if now and not any(one.state == "sync" or one.next == 0 for one in now):
            for one in now:
                if one.error is not None and one.state == "error":
                    raise BoardRefused(one.error.code, one.error.message)
            return now
        if not now and time.monotonic() - changed > _APPEAR_S:
            raise BuzonError("The account is no longer on the board: run buzon provision.")
        # A board that has the time no longer needs NTP, which may have failed before.
        stands = status.state == "wifi" or (status.state == "clock" and status.epoch is None)
        if stands and status.error is not None and status.error != before.error:
            raise BoardRefused(status.error.code, status.error.message)
        moved = [(one.id, one.state, one.fetched, one.stored) for one in now], status.flash[:1]
        if moved != last:
            last, changed = moved, time.monotonic()
        total = sum(one.todo for one in now)
        done = sum(one.fetched for one in now if one.state == "sync")
        progress(f"Collecting mail: {done} of {total}" if total else "Collecting mail", done, total)
        if time.monotonic() - changed > stall:
            raise BuzonError(
                f"The board has made no progress for {stall:.0f} s ({status.waiting or status.state}): look "
                "at its log."
            )
        # Counting free flash can take the board a while; do not keep it from its work.
        time.sleep(max(_POLL_S, 4 * took))


def give_time(client: Client, status: Status) -> bool:
    """Sets the clock of a board that has no time, as after a restart without NTP. Returns whether it did."""
    if status.epoch is not None:
        return False
    client.time_set(int(time.time()))
    return True


def _appeared(client: Client, account: str | None) -> Status:
    """The status once the account is there: new settings take a moment to take effect."""
    deadline = time.monotonic() + _APPEAR_S
    while True:
        status = client.status()
        if _chosen(status, account):
            return status
        if time.monotonic() > deadline or account is None:
            what = f"account {account}" if account else "account"
            raise BuzonError(f"There is no {what} on the board: run buzon provision.")
        time.sleep(_POLL_S)


def _chosen(status: Status, account: str | None) -> list[AccountStatus]:
    return [one for one in status.accounts if account in (None, one.id)]
