"""Runs sync.py on the real MicroPython, over its blocking driver, against a real server."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

from buzon_host import paths
from buzon_host.build.mpy import compiled_modules
from buzon_host.virtual.interpreter import command

_SCRIPT = Path(__file__).with_name("session.py")
_HEAP = 192  # KB: room for the script itself, which is compiled there; the bounds are tested elsewhere


@functools.cache
def _firmware() -> Path:
    """Compiled once for each run of the tests: even finding that nothing changed takes most of a session's time."""
    return compiled_modules(paths.firmware())


def session(
    folder: Path, host: str, port: int, ca: Path | None, account: dict[str, Any], **options: Any
) -> dict[str, Any]:
    """One session; the mail lands below `folder`. Returns what the script reports.

    `options`: `asyncio` (the board's driver instead of the blocking one), `wait_ms`, `whole_ms`, `rx`, `heap` (KB), `cwd`.
    """
    cwd = options.pop("cwd", None)
    heap = options.pop("heap", _HEAP)
    job = {
        "mail": str(folder),
        "host": host,
        "port": port,
        "ca": str(ca),
        "account": {"keep": "delete", "delete_confirmed": True, **account},
        "wait_ms": 2000,
        **options,
    }
    done = subprocess.run(
        [*command(), "-X", f"heapsize={heap}k", str(_SCRIPT), str(_firmware())],
        input=json.dumps(job) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def stored(folder: Path) -> list[bytes]:
    """The messages that a session left, sorted."""
    return sorted(path.read_bytes() for path in (folder / "test").glob("*.eml"))
