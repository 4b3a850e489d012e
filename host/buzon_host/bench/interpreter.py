"""Runs a script on the real MicroPython, with compiled modules in its path."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import BuzonError
from ..virtual.interpreter import command, mapping_command

SCRIPTS = Path(__file__).with_name("scripts")


def from_files(
    script: Path,
    arguments: Iterable[str] = (),
    *,
    modules: Path,
    folder: Path | None = None,
    heap_kib: int = 1024,
    timeout: float = 120,
    program: Sequence[str] = (),
) -> "subprocess.CompletedProcess[str]":
    """Run `script` in `folder` until it ends, well or badly; `program`: another interpreter. Raises BuzonError after
    `timeout` seconds."""
    return _run(
        program or command(),
        script,
        arguments,
        {"MICROPYPATH": f"{modules}:.frozen"},
        folder,
        heap_kib,
        timeout,
    )


def from_rom(
    script: Path, *, rom: Path, folder: Path, heap_kib: int = 1024, timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    """The same with compiled modules that run in place from the ROMFS image `rom`, which is mapped into
    memory as a board has it in its address space. Also raises BuzonError where that is not possible."""
    launch, mapped = mapping_command()
    if not mapped:
        raise BuzonError("A ROMFS needs the installed package's MicroPython: leave BUZON_MICROPYTHON unset.")
    start = folder / "start.py"
    start.write_text((SCRIPTS / "rom.py").read_text("utf-8") + script.read_text("utf-8"), "utf-8")
    env = {"BUZON_MAPS": str(rom), "BUZON_ROM_SIZE": str(rom.stat().st_size)}
    return _run(launch, start, (), env, folder, heap_kib, timeout)


def _run(
    launch: Sequence[str],
    script: Path,
    arguments: Iterable[str],
    env: dict[str, str],
    folder: Path | None,
    heap_kib: int,
    timeout: float,
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            [*launch, "-X", f"heapsize={heap_kib}k", str(script), *arguments],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise BuzonError(f"{script.name} did not end within {timeout:.0f} s.") from None


def lines(script: str, arguments: Iterable[str], *, modules: Path, program: Sequence[str] = ()) -> list[str]:
    """What one of our scripts prints. Raises BuzonError with its last line when it fails."""
    done = from_files(SCRIPTS / script, arguments, modules=modules, program=program)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise BuzonError(f"{script} failed: {said[-1] if said else 'no reason given'}.")
    return done.stdout.splitlines()
