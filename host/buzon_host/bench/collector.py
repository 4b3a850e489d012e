"""Our side: a real MicroPython that collects a mailbox, session after session (scripts/collect.py)."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from littlefs import LittleFS

from .. import paths
from ..build.mpy import compiled_modules
from ..virtual.flash import new_counters, new_image
from ..virtual.interpreter import mapping_command

SCRIPT = Path(__file__).with_name("scripts") / "collect.py"
HEAP_KIB = 192  # the script is compiled in it, too; the group `heap` finds how little is enough
RX = 1024  # the app's receive buffer


class CollectError(Exception):
    """A session failed."""


class Collector:
    """A context manager. `folder`: its mail lands there, below `mail/main`; with `flash`, in a littlefs of so
    many bytes in a file there, into which `prepare` may put something first."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        *,
        driver: str = "blocking",
        flash: int = 0,
        rx: int = RX,
        prepare: Callable[[LittleFS], object] = lambda fs: None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        job: dict[str, Any] = {"settings": settings, "driver": driver, "rx": rx}
        env = {"MICROPYPATH": f"{compiled_modules(paths.firmware())}:.frozen", "BUZON_MAPS": ""}
        program, mapped = mapping_command()
        if flash:
            if not mapped:
                raise CollectError("littlefs is measured with the interpreter's package only")
            image, counters = folder / "flash.img", folder / "counters"
            image.write_bytes(new_image(flash, prepare))
            new_counters(counters, flash)
            env["BUZON_MAPS"] = f"{image}:{counters}"
            job |= {"flash": flash, "fakes": str(paths.boards() / "virtual" / "lib")}
        else:
            empty = folder / "nothing"
            empty.write_bytes(b"\0")
            env["BUZON_MAPS"] = str(empty)
            job["root"] = str(folder)
        self._process = subprocess.Popen(
            [*program, "-X", f"heapsize={HEAP_KIB}k", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **env},
        )
        self._tell(job)

    def _tell(self, job: dict[str, Any]) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # its answer then says why
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()

    def collect(self, **settings: Any) -> dict[str, Any]:
        """Runs one session; returns its answer. Raises CollectError."""
        self._tell({"settings": settings})
        assert self._process.stdout
        said = ""
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                if answer["error"]:
                    raise CollectError(answer["error"])
                return answer
            said += line
        raise CollectError(f"MicroPython ended: {said[-500:]}")

    def stored(self) -> list[Path]:
        return list((self.folder / "mail" / "main").glob("*.eml"))

    def close(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
