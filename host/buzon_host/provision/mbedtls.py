"""POP3 sessions from this PC as a board has them: the firmware's code on real MicroPython with its Mbed TLS.

So a test from the PC gives the board's verdict on TLS versions, ciphers, chains and pinned certificates.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import paths
from ..board.printable import escape
from ..errors import BuzonError, ServerRefused
from ..virtual.interpreter import VirtualBoardError, command

_SCRIPT = Path(__file__).parents[1] / "bench" / "scripts" / "session.py"
_HEAP = "1m"  # the firmware is compiled there


def there() -> bool:
    """Whether this computer has a MicroPython."""
    try:
        command()
        return True
    except VirtualBoardError:
        return False


def session(
    job: dict[str, object], seconds: float, progress: Callable[[str], None] = lambda _: None
) -> list[int]:
    """What STAT counts, or [] without a login; the script's docstring describes `job`.

    Raises ServerRefused for whatever the board would fail with, TimeoutError after `seconds`, or BuzonError.
    The job goes through a pipe, so that no password is in an argument or a file.
    """
    deadline = time.monotonic() + seconds
    env = {**os.environ, "MICROPYPATH": f"{paths.firmware()}:.frozen"}
    process = subprocess.Popen(
        [*command(), "-X", f"heapsize={_HEAP}", str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    try:
        progress(f"Connecting to {job['host']}:{job['port']}")
        said, _ = process.communicate(json.dumps(job).encode() + b"\n", deadline - time.monotonic())
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        process.kill()
        process.wait()
    return _result(said)


def _result(said: bytes) -> list[int]:
    try:
        found: Any = json.loads(said)
        if "code" in found:
            raise ServerRefused(int(found["code"]), escape(str(found["text"])), escape(str(found["detail"])))
        return [int(number) for number in found["count"]]
    except (ValueError, KeyError, TypeError):
        raise BuzonError(
            "MicroPython did not run on this PC, so the server was not tried as a board would: run buzon doctor."
        ) from None
