"""The network campaign: a relay closes the connection, or goes silent, after the k-th byte in either direction.

In plain text after every byte; with TLS at every edge of a record and its neighbours. The sessions run on the real
MicroPython against the local server and Dovecot, with commands in flight and one at a time; after the cut one, others
follow until the server is done with. Never touches a whole board.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buzon_host.server.dovecot import Dovecot
from buzon_host.server.run import LocalServer
from servers.relay import Cut, Relay

from .campaign import Tally, points
from .interpreter import Interpreter
from .mail import Maildrop
from .policies import BY_NAME, POLICIES, Policy
from .pool import Bench

_CUT_MS = 100  # deadline of the session that is cut: so long it waits where the relay goes silent
_LONGER_MS = (400, 1500)  # when it was too short for this computer to come to the cut
_WAIT_MS = 3000  # of those that follow
_AGAIN_S = 20  # for them all
_EDGE = 8  # a server's greeting and listing may be so much longer than in the dry run
_BATCHES = 12
_NOW = 1_800_000_000
_DAY = 86400


@dataclass(frozen=True)
class Row:
    """One campaign: how the sessions run, and what the relay does."""

    policy: str
    server: str  # local, Dovecot
    tls: bool
    pipelined: bool
    silent: bool

    @property
    def name(self) -> str:
        flight = "pipelined" if self.pipelined else "one at a time"
        wire = "TLS" if self.tls else "plain"
        return f"network, {self.policy}, {self.server}, {wire}, {flight}, {'silent' if self.silent else 'closed'}"


@dataclass(frozen=True)
class Points:
    """A batch: of the row's points, every `of`-th from the `first` on."""

    row: Row
    first: int
    of: int
    samples: int  # 0: all

    @property
    def campaign(self) -> str:
        return self.row.name

    def run(self, bench: Bench) -> Tally:
        rig: _Rig = bench.get(self.row.server, lambda bench: _Rig(bench, self.row.server))
        tally = Tally(self.row.name)
        rig.one(Tally("without a cut"), self.row, None)
        cuts = list(self._tls(rig) if self.row.tls else self._plain(rig))
        for cut, must in cuts[self.first :: self.of]:
            for wait_ms in (_CUT_MS, *_LONGER_MS) if must else (_CUT_MS,):
                if rig.one(tally, self.row, cut, wait_ms):
                    break
            else:
                if must:
                    raise RuntimeError(f"no session came to {cut}")
        return tally

    def _plain(self, rig: "_Rig") -> Iterator[tuple[Cut, bool]]:
        for way in (0, 1):
            last = rig.relay.passed[way]
            for k in points(1, last + _EDGE, self.samples, bool(self.samples)):
                yield Cut(way, k, self.row.silent), k <= last - _EDGE

    def _tls(self, rig: "_Rig") -> Iterator[tuple[Cut, bool]]:
        for way in (0, 1):
            last = len(rig.relay.ends[way])
            for record in points(1, last, self.samples, bool(self.samples)):
                for by in (-1, 0, 1):
                    # What goes into one record is a matter of time: the last ones may not come.
                    yield Cut(way, by, self.row.silent, record), record < last - 4


class _Rig:
    """A server with a relay before it, and an interpreter that runs the sessions."""

    def __init__(self, bench: Bench, server: str) -> None:
        enter = bench.stack.enter_context
        self.server: LocalServer | Dovecot = (
            enter(LocalServer(samples=False)) if server == "local" else enter(Dovecot())
        )
        self.drop = Maildrop(self.server.maildir)
        self.plain = Relay(self.server.pop3)
        self.tls = Relay(self.server.pop3s)
        self.relay = self.plain  # the one that the last session went through
        self.folder = bench.folder
        self.interpreter = enter(Interpreter())

    def _session(
        self, row: Row, mail: Path, policy: Policy, port: int, wait_ms: int = _WAIT_MS, days: int = 0
    ) -> dict[str, Any]:
        # Where it goes silent the driver with the one deadline for all steps is taken, else the board's own.
        job = {
            "mail": str(mail),
            "host": "localhost" if row.tls else "127.0.0.1",
            "port": port,
            "ca": str(self.server.ca_der),
            "asyncio": row.tls and not row.silent,
            "wait_ms": wait_ms,
            "memory": {} if row.pipelined else {"flight": 1},
            "now": _NOW + days * _DAY,
            **policy.storage,
            "account": {
                "user": self.server.user,
                "password": self.server.password,
                "tls": "implicit" if row.tls else "none",
                "auth": "auto" if row.tls else "user",
                "delete_confirmed": True,
                **policy.account,
            },
        }
        return self.interpreter.run(job)

    def _finish(self, row: Row, mail: Path, policy: Policy, days: int = 0) -> None:
        """Sessions until one ends well."""
        end = time.monotonic() + _AGAIN_S
        port = self.server.pop3s if row.tls else self.server.pop3
        while True:
            result = self._session(row, mail, policy, port, days=days)
            if result["error"] is None and result["skipped"] is None and not result["more"]:
                return
            if time.monotonic() > end:
                return  # what is left undone is counted
            time.sleep(0.005)  # the server may hold the maildrop for the one that was cut

    def one(self, tally: Tally, row: Row, cut: Cut | None, wait_ms: int = _WAIT_MS) -> bool:
        """A whole sync with one cut in it. Returns whether it came to the cut: else it is not counted."""
        policy = BY_NAME[row.policy]
        mail = Path(tempfile.mkdtemp(dir=self.folder))
        self.drop.put(policy.mail)
        self.relay = relay = self.tls if row.tls else self.plain
        relay.cut = cut
        self._session(row, mail, policy, relay.port, wait_ms if cut and cut.silent else _WAIT_MS)
        reached = relay.reached or cut is None
        self._finish(row, mail, policy)
        if policy.late or policy.days:
            self.drop.put(policy.late)
            self._finish(row, mail, policy, policy.days)
        board, server = policy.expected
        left = self.drop.left()
        if reached:
            stored = [path.read_bytes() for path in (mail / "test").glob("*.*")]
            tally.add(board, server, stored, left)
        self.drop.clear()
        shutil.rmtree(mail)
        return reached


def rows() -> Iterator[Row]:
    """Each policy in plain text and with TLS, closed and silent: those of `everywhere` with each server and with and
    without commands in flight, the others in plain text with one server, in TLS with the other."""
    for policy in POLICIES:
        for server in ("local", "Dovecot"):
            for tls in (False, True):
                for pipelined in (True, False):
                    if policy.everywhere or (pipelined and tls == (server == "Dovecot")):
                        for silent in (False, True):
                            yield Row(policy.name, server, tls, pipelined, silent)


def batches(quick: bool) -> Iterator[Points]:
    """Of all campaigns by turns: some wait where others work."""
    if quick:
        for row in rows():
            yield Points(row, 0, 1, 2 if row.tls else 4 if row.silent else 8)
        return
    for first in range(_BATCHES):
        for row in rows():
            yield Points(row, first, _BATCHES, 0)
