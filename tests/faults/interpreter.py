"""A MicroPython in which one session after another runs (tests/servers/session.py, or a script that goes on from it)."""

import contextlib
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from buzon_host import paths
from buzon_host.build.mpy import compiled_modules
from buzon_host.virtual.interpreter import command

SCRIPT = Path(__file__).parents[1] / "servers" / "session.py"


class Interpreter:
    """Its first argument is the compiled firmware. A context manager. `said`: what came before the last result."""

    said = ""

    def __init__(
        self,
        script: Path = SCRIPT,
        *arguments: str,
        heap: str = "192k",
        program: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [
                *(program or command()),
                "-X",
                f"heapsize={heap}",
                str(script),
                str(compiled_modules(paths.firmware())),
                *arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env and dict(env),
        )

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """One job; what the script says of it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        said = ""
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                result: dict[str, Any] = json.loads(line)
                self.said = said
                return result
            said += line  # the collector tells of files that it could not close after a cut
        raise RuntimeError(f"MicroPython ended with {self._process.wait()}: {said}")

    def clock(self) -> float:
        """Seconds of a processor that it has had, so that what else runs does not count; else the time, where the
        system does not tell."""
        try:
            with open(f"/proc/{self._process.pid}/schedstat") as file:
                return int(file.read().split()[0]) / 1e9
        except OSError:
            return time.monotonic()

    def close(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(10)

    def __enter__(self) -> "Interpreter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
