"""Runs a script on the real MicroPython, with compiled modules in its path."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..errors import BuzonError
from ..virtual.interpreter import command

SCRIPTS = Path(__file__).with_name("scripts")


def run(
    script: Path,
    arguments: Iterable[str] = (),
    *,
    modules: Path,
    folder: Path | None = None,
    heap_kib: int = 1024,
    timeout: float = 120,
) -> "subprocess.CompletedProcess[str]":
    """Run `script` in `folder` until it ends, well or not. Raises BuzonError after `timeout` seconds."""
    try:
        return subprocess.run(
            [*command(), "-X", f"heapsize={heap_kib}k", str(script), *arguments],
            cwd=folder,
            env={"MICROPYPATH": f"{modules}:.frozen"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise BuzonError(f"{script.name} did not end within {timeout:.0f} s.") from None


def lines(script: str, arguments: Iterable[str], *, modules: Path) -> list[str]:
    """What a script of ours prints. Raises BuzonError with its last words when it fails."""
    done = run(SCRIPTS / script, arguments, modules=modules)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise BuzonError(f"{script} failed: {said[-1] if said else 'no reason given'}.")
    return done.stdout.splitlines()
