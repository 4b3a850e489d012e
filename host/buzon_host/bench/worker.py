"""A script from `scripts` on the real MicroPython, with the boards' firmware: jobs in, results out."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .. import paths
from ..build.mpy import compiled_modules
from ..errors import BuzonError
from ..virtual import flash, interpreter
from ..virtual.process import fakes

SCRIPTS = Path(__file__).parent / "scripts"
_FLASH_SIZE = 4 << 20


class Worker:
    """The script `name`. `heap` is MicroPython's; `chip`: a folder in which a virtual board's flash is made
    for the script to use (`BUZON_HW`)."""

    def __init__(self, name: str, heap: str = "512k", chip: Path | None = None) -> None:
        command = interpreter.command()
        env = {**os.environ, "MICROPYPATH": f"{compiled_modules(paths.firmware())}:.frozen"}
        if chip is not None:
            image, counters, memory = chip / "flash.img", chip / "counters", chip / "memory"
            image.write_bytes(b"\xff" * _FLASH_SIZE)
            memory.write_bytes(bytes(_FLASH_SIZE))
            flash.new_counters(counters, _FLASH_SIZE)
            config = {"flash": str(image), "stats": str(counters), "size": _FLASH_SIZE}
            none = {"cut": 0, "torn": 0, "timing": [0] * 5, "real_time": False, "clock": 0}
            env["BUZON_HW"] = json.dumps({"in": os.devnull, "out": os.devnull, **config, **none})
            env["BUZON_FAKES"] = str(fakes())
            command, maps = interpreter.mapping_command()
            if maps:
                env["BUZON_MAPS"] = os.pathsep.join(map(str, (image, counters, memory)))
            else:
                heap = f"{2 * _FLASH_SIZE}"
        self._process = subprocess.Popen(
            [*command, "-X", f"heapsize={heap}", str(SCRIPTS / f"{name}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )

    def do(self, job: Mapping[str, object]) -> dict[str, Any]:
        """The result of one job. Raises BuzonError when the script fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.startswith("{"):
            self._process.stdin.close()  # then the script ends, if it has not already
            said = (line + self._process.stdout.read()).strip().splitlines()
            raise BuzonError(f"The measuring script failed: {said[-1] if said else 'it ended'}.")
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()
