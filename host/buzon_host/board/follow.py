"""Starts a sync and follows `status` to its end.

The deadline is one without progress, so that it grows with the mail.
"""

import time
from collections.abc import Callable

from ..errors import BoardRefused, BuzonError
from .client import AccountStatus, Client, Status

STALL_S = 90.0
"""Seconds without any change on the board after which a sync counts as stuck."""
_POLL_S = 0.25
_SETTLE_S = 3.0

Progress = Callable[[str, int, int], None]


def follow(
    client: Client,
    account: str | None = None,
    *,
    progress: Progress = lambda text, done, total: None,
    stall: float = STALL_S,
) -> list[AccountStatus]:
    """Syncs `account` (None: all) and returns how the accounts are afterwards.

    `progress(text, done, total)`: messages fetched of those listed. Raises BoardRefused with the account's
    error, or BuzonError when nothing moves for `stall` seconds.
    """
    before = {one.id: one for one in _chosen(client.status(), account)}
    if not before:
        raise BuzonError("There is no such account on the board: provision it first.")
    client.sync(account)
    started = changed = time.monotonic()
    last: object = None
    seen: set[str] = set()
    while True:
        status = client.status()
        now = _chosen(status, account)
        moved = [(one.id, one.state, one.fetched, one.stored, one.last_ok) for one in now], status.flash[:1]
        if moved != last:
            last, changed = moved, time.monotonic()
        for one in now:
            old = before.get(one.id)
            if one.state == "sync" or old is None or one.last_ok != old.last_ok or one.error != old.error:
                seen.add(one.id)
        busy = [one for one in now if one.state == "sync"]
        settled = time.monotonic() - started > _SETTLE_S
        if not busy and (settled or len(seen) == len(now)):
            for one in now:
                if one.state == "error" and one.error is not None:
                    raise BoardRefused(one.error.code, one.error.message)
            return now
        total = sum(one.listed or 0 for one in busy)
        done = sum(one.fetched for one in busy)
        progress(f"Collecting mail: {done} of {total}" if total else "Collecting mail", done, total)
        if time.monotonic() - changed > stall:
            raise BuzonError(
                f"The board has made no progress for {stall:.0f} s ({status.waiting or status.state}): look "
                "at its log."
            )
        time.sleep(_POLL_S)


def _chosen(status: Status, account: str | None) -> list[AccountStatus]:
    return [one for one in status.accounts if account in (None, one.id)]
