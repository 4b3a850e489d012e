"""The power campaign: the flash loses its power at the k-th operation of a sync.

The operation is not done, or half of it, or nearly all, as a NOR flash may leave it. The session, the spool and the
journal of the firmware run on the real MicroPython with its littlefs on the virtual board's flash; what is on it in the
end is read with another littlefs. Whole boards are in board.py.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2
from buzon_host import boards
from buzon_host.server.run import LocalServer
from buzon_host.virtual import flash, interpreter
from buzon_host.virtual.process import fakes

from .campaign import Tally, points
from .interpreter import SCRIPT, Interpreter
from .mail import Maildrop
from .policies import BY_NAME, POLICIES, Policy
from .pool import Bench

_SIZE = 256 * 1024
_TORN = (0, 128, 254)  # of 256: how much of the operation is done
_AGAIN = 6  # sessions after the cut one, at most
_BATCHES = 6
_NOW = 1_800_000_000
_DAY = 86400
_SETTINGS = cbor2.dumps({"device": {"name": "of the power campaign"}, "wifi": [], "account": []})


@dataclass(frozen=True)
class Row:
    """One campaign. `session`: which one of the sync is cut, from 0. `again`: the next start loses its power too, at one
    of so many operations."""

    policy: str
    again: int = 0
    session: int = 0

    @property
    def name(self) -> str:
        session = f", session {self.session + 1}" if self.session else ""
        return f"power, {self.policy}{session}{', and again' if self.again else ''}"


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
        rig: _Rig = bench.get("power", _Rig)
        tally = Tally(self.row.name)
        done = rig.one(Tally("without a cut"), self.row, (), 0)
        tries = [
            (k, again, torn)
            for k in points(1, done, self.samples, bool(self.samples))
            for torn in _TORN
            for again in range(1, self.row.again + 1) or (0,)
        ]
        for k, again, torn in tries[self.first :: self.of]:
            rig.one(tally, self.row, (k, again) if again else (k,), torn)
        return tally


class _Rig:
    """A server, a flash, and an interpreter that has it mapped into its memory."""

    def __init__(self, bench: Bench) -> None:
        enter = bench.stack.enter_context
        self.server = enter(LocalServer(samples=False))
        self.drop = Maildrop(self.server.maildir)
        self.image = bench.folder / "flash.img"
        self.stats = bench.folder / "stats"
        flash.prepare(self.image, boards.load("virtual"), _SIZE)
        fs = flash.open_image(self.image)
        with fs.open("/settings.cbor", "wb") as file:
            file.write(_SETTINGS)
        fs.unmount()
        self.blank = bytes(fs.context.buffer)
        flash.new_counters(self.stats, _SIZE)
        self.no_counts = self.stats.read_bytes()
        program, maps = interpreter.mapping_command()
        if not maps:
            raise RuntimeError("the power campaign needs the interpreter of the package")
        self.interpreter = enter(
            Interpreter(
                Path(__file__).with_name("flash_session.py"),
                str(SCRIPT.parent),
                str(fakes()),
                str(_SIZE),
                heap="512k",
                program=program,
                env={**os.environ, "BUZON_MAPS": os.pathsep.join((str(self.image), str(self.stats)))},
            )
        )

    def _fill(self, path: Path, data: bytes) -> None:
        """The same file: the interpreter has it in its memory."""
        with path.open("r+b") as file:
            file.write(data)

    def _session(self, policy: Policy, cut: int = 0, torn: int = 0, days: int = 0) -> dict[str, Any]:
        self._fill(self.stats, self.no_counts)
        job = {
            "mail": "/flash/mail",
            "host": "127.0.0.1",
            "port": self.server.pop3,
            "wait_ms": 3000,
            "now": _NOW + days * _DAY,
            "cut": cut,
            "torn": torn,
            **policy.storage,
            "account": {
                "user": self.server.user,
                "password": self.server.password,
                "tls": "none",
                "auth": "user",
                "delete_confirmed": True,
                **policy.account,
            },
        }
        return self.interpreter.run(job)

    def _finish(self, policy: Policy, days: int = 0) -> dict[str, Any]:
        """Sessions until one ends well."""
        result: dict[str, Any] = {}
        for _ in range(_AGAIN):
            result = self._session(policy, days=days)
            if result["error"] is None and result["skipped"] is None and not result["more"]:
                break
        return result

    def one(self, tally: Tally, row: Row, cuts: tuple[int, ...], torn: int) -> int:
        """A whole sync, with cuts in it. Returns the flash operations of the row's session."""
        policy = BY_NAME[row.policy]
        self._fill(self.image, self.blank)
        self.drop.put(policy.mail)
        done = 0
        for _ in range(row.session):
            self._session(policy)
        for cut in cuts or (0,):
            result = self._session(policy, cut, torn)
            if cut and cut is cuts[0] and not result.get("cut"):
                raise RuntimeError(
                    f"the power was not cut at operation {cut}: {result} {flash.counters(self.stats)[0]}"
                )
            done = done or flash.counters(self.stats)[0].operations
        result = self._finish(policy)
        if policy.late or policy.days:
            self.drop.put(policy.late)
            result = self._finish(policy, policy.days)
        board, server = policy.expected
        stored, damaged = self._look()
        tally.add(board, server, stored, self.drop.left())
        tally.corrupted += damaged + (result["stored"] != len(stored))
        self.drop.clear()
        return done

    def _look(self) -> tuple[list[bytes], int]:
        """The messages on the flash, and how much else is wrong there."""
        fs = flash.open_image(self.image)
        wrong = 0
        with fs.open("/settings.cbor", "rb") as file:
            wrong += file.read() != _SETTINGS
        found = []
        wrong += bool(fs.listdir("/mail/test/tmp"))
        for name in fs.listdir("/mail/test"):
            if name == "tmp":
                continue
            with fs.open(f"/mail/test/{name}", "rb") as file:
                content = file.read()
            if name.endswith((".eml", ".hdr", ".top")):
                found.append(content)
                wrong += not name[16:].startswith(f"-{len(content):x}-{zlib.crc32(content):08x}")
            wrong += name.endswith((".part", ".tmp"))
        return found, wrong


def batches(quick: bool) -> Iterator[Points]:
    for policy in POLICIES:
        for again in (0, 8) if policy.everywhere else (0,):
            for session in range(policy.sessions):
                row = Row(policy.name, again, session)
                if quick:
                    yield Points(row, 0, 1, 3 if again else 8)
                else:
                    for first in range(_BATCHES):
                        yield Points(row, first, _BATCHES, 0)
