"""The power campaign on whole virtual boards: the app, its settings and the console too. Samples: power.py tries all.

After the next start and sync, what is in the flash file is counted.
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buzon_host.errors import BuzonError
from buzon_host.server.run import LocalServer

from .campaign import Tally, points
from .mail import MAIL, Maildrop
from .policies import BY_NAME, POLICIES
from .pool import Bench

sys.path.append(str(Path(__file__).parents[1] / "virtual"))

from app_board import ACCOUNT, PASSWORD, Rig, mail_on, until

_GOOD_S = 60
_TORN = (0.0, 0.5)
_SAMPLES = 24
_BATCHES = 4


@dataclass(frozen=True)
class Points:
    """A batch: of the policy's points, every `of`-th from the `first` on."""

    policy: str
    first: int
    of: int
    samples: int

    @property
    def campaign(self) -> str:
        return f"power, {self.policy}, whole board"

    def run(self, bench: Bench) -> Tally:
        server = bench.get(
            "board", lambda bench: bench.stack.enter_context(LocalServer(samples=False, password=PASSWORD))
        )
        drop = Maildrop(server.maildir)
        policy = BY_NAME[self.policy]
        base = bench.folder / "base.img"
        base.unlink(missing_ok=True)
        rig = Rig(bench.folder, flash=base)
        rig.provision(server, **policy.account)
        rig.settled()
        rig.close()

        def flash() -> Path:
            path = bench.folder / "try.img"
            shutil.copy(base, path)
            drop.put(MAIL)
            return path

        rig = Rig(bench.folder, flash=flash())
        _wake(rig)
        _finish(rig)
        done: int = rig.board.stats()["operations"]
        rig.close()
        drop.clear()

        tally = Tally(self.campaign)
        tries = [(k, torn) for k in points(1, done, self.samples, True) for torn in _TORN]
        for k, torn in tries[self.first :: self.of]:
            rig = Rig(bench.folder, flash=flash(), cut_at=k, cut_torn=torn)
            rig.client.link._waits = (0.2,) * 3  # it answers no more: do not wait long for it
            with contextlib.suppress(BuzonError):
                _wake(rig)
            if not rig.board.wait_exit(_GOOD_S):
                raise RuntimeError(f"the power was not cut at operation {k} of {done}")
            rig.close()
            rig = Rig(bench.folder, flash=bench.folder / "try.img")
            _wake(rig)
            _finish(rig)
            stored = list(mail_on(rig.board.flash_file, ACCOUNT).elements())
            rig.close()
            on_board, on_server = policy.outcome(MAIL)
            tally.add(on_board, on_server, stored, drop.left())
            drop.clear()
        return tally


def _wake(rig: Rig) -> None:
    rig.client.hello()
    rig.client.time_set(int(time.time()))


def _finish(rig: Rig) -> None:
    """Until a poll has ended well."""

    def ended() -> bool:
        one = rig.client.status().accounts[0]
        return bool(one.next) and one.error is None and one.state != "sync"

    until(ended, _GOOD_S, "a good sync")


def batches(quick: bool) -> Iterator[Points]:
    for policy in POLICIES:
        if policy.everywhere:
            if quick:  # two of them
                yield Points(policy.name, 2, 3, 3)
            else:
                for first in range(_BATCHES):
                    yield Points(policy.name, first, _BATCHES, _SAMPLES)
