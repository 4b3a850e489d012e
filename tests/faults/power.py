"""The power campaign: a whole virtual board loses its power at the k-th flash operation of a sync.

The operation is not done, or half of it is, as a NOR flash may leave it. After the next start and sync, what is in
the flash file is counted.
"""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from buzon_host.errors import BuzonError
from buzon_host.server.run import LocalServer

from .campaign import Tally, empty, points

sys.path.append(str(Path(__file__).parents[1] / "virtual"))

from app_board import ACCOUNT, PASSWORD, Rig, mail_on, message, until

MAIL = [message(1), message(2, 700), message(3, 9000), message(4, 513)]
_GOOD_S = 30


def _wake(rig: Rig) -> None:
    rig.client.hello()
    rig.client.time_set(int(time.time()))


def _finish(rig: Rig) -> None:
    """Until a poll has ended well."""

    def ended() -> bool:
        one = rig.client.status().accounts[0]
        return bool(one.next) and one.error is None and one.state != "sync"

    until(ended, _GOOD_S, "a good sync")


def _campaign(keep: str, quick: bool, server: LocalServer, folder: Path) -> Tally:
    base = folder / f"{keep}.img"
    rig = Rig(folder, flash=base)
    rig.provision(server, keep=keep)
    rig.settled()
    rig.close()

    def flash() -> Path:
        path = folder / "try.img"
        shutil.copy(base, path)
        for each in MAIL:
            server.deliver(each)
        return path

    rig = Rig(folder, flash=flash())
    _wake(rig)
    _finish(rig)
    done: int = rig.board.stats()["operations"]
    rig.close()
    empty(server)

    tally = Tally(f"power, {keep}")
    for torn in (0.0, 0.5):
        for k in points(1, done, 5, quick):
            rig = Rig(folder, flash=flash(), cut_at=k, cut_torn=torn)
            rig.client.link._waits = (0.2,) * 3  # it answers no more: do not wait long for it
            with contextlib.suppress(BuzonError):
                _wake(rig)
            if not rig.board.wait_exit(20):
                raise RuntimeError(f"the power was not cut at operation {k} of {done}")
            rig.close()
            rig = Rig(folder, flash=folder / "try.img")
            _wake(rig)
            _finish(rig)
            stored = list(mail_on(rig.board.flash_file, ACCOUNT).elements())
            rig.close()
            tally.add(MAIL, stored, server.expected().values(), keep == "delete")
            empty(server)
    return tally


def campaigns(quick: bool) -> Iterator[Tally]:
    folder = Path(tempfile.mkdtemp(prefix="buzon-faults-"))
    try:
        with LocalServer(samples=False, password=PASSWORD) as server:
            for keep in ("delete", "forever"):
                yield _campaign(keep, quick, server, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
