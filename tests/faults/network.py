"""The network campaign: a relay closes the connection, or goes silent, after the k-th byte in either direction.

The sessions run on the real MicroPython against the local server, in plain text; after the cut one, others follow
until the server is done with. Never touches a whole board.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from buzon_host import paths
from buzon_host.build.mpy import compiled_firmware
from buzon_host.server.run import LocalServer
from buzon_host.virtual.interpreter import command
from servers.relay import Relay

from .campaign import Tally, empty, points

_SCRIPT = Path(__file__).parents[1] / "servers" / "session.py"
_CUT_MS = 120  # deadline of the session that is cut: so long it waits where the relay goes silent
_WAIT_MS = 3000  # of those that follow
_AGAIN = 4  # sessions after the cut one, at most

MAIL = [
    *(
        b"Subject: small %d\r\n\r\n" % n + b"%d line of a small message, with a dot:\r\n.dot\r\n" % n * 6
        for n in range(3)
    ),
    b"Subject: larger\r\n\r\n" + b".A line that begins with a dot, and some more of it after that.\r\n" * 78,
]


class Worker:
    """A MicroPython that runs one session after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [*command(), "-X", "heapsize=192k", str(_SCRIPT), str(compiled_firmware(paths.firmware()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("MicroPython ended: see what it printed above")
        result: dict[str, Any] = json.loads(line)
        return result

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


class _Rig:
    def __init__(self, server: LocalServer, relay: Relay, worker: Worker, folder: Path) -> None:
        self.server = server
        self.relay = relay
        self.worker = worker
        self.folder = folder

    def session(self, mail: Path, keep: str, port: int, wait_ms: int = _WAIT_MS) -> dict[str, Any]:
        account = {
            "user": self.server.user,
            "password": self.server.password,
            "tls": "none",
            "auth": "user",
            "keep": keep,
            "delete_confirmed": True,
        }
        job = {"mail": str(mail), "host": "127.0.0.1", "port": port, "ca": "", "account": account}
        job["wait_ms"] = wait_ms
        return self.worker.run(job)

    def one(self, tally: Tally, keep: str, cut: tuple[int, int, bool] | None) -> list[int]:
        """A whole sync with one cut in it; the bytes that passed in each direction before."""
        mail = Path(tempfile.mkdtemp(dir=self.folder))
        for message in MAIL:
            self.server.deliver(message)
        self.relay.cut = cut
        self.session(mail, keep, self.relay.port, _CUT_MS if cut else _WAIT_MS)
        passed = list(self.relay.passed)
        for _ in range(_AGAIN):
            result = self.session(mail, keep, self.server.pop3)
            if result["error"] is None and result["skipped"] is None:
                break
        stored = [path.read_bytes() for path in (mail / "test").glob("*.eml")]
        tally.add(MAIL, stored, self.server.expected().values(), keep == "delete")
        empty(self.server)
        shutil.rmtree(mail)
        return passed


def campaigns(quick: bool) -> Iterator[Tally]:
    folder = Path(tempfile.mkdtemp(prefix="buzon-faults-"))
    worker = Worker()
    try:
        with LocalServer(samples=False) as server:
            relay = Relay(server.pop3)
            rig = _Rig(server, relay, worker, folder)
            for keep in ("delete", "forever"):
                whole = rig.one(Tally("without a cut"), keep, None)
                for silent in (False, True):
                    tally = Tally(f"network, {keep}, {'silent' if silent else 'closed'}")
                    for way in (0, 1):
                        for k in points(1, whole[way], 12 if silent else 40, quick):
                            rig.one(tally, keep, (way, k, silent))
                    yield tally
            relay.close()
    finally:
        worker.close()
        shutil.rmtree(folder, ignore_errors=True)
