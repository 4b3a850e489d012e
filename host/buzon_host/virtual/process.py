"""One run of the interpreter, from a start to the next reset: its terminal, its pipes, its process."""

import json
import os
import pty
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import paths
from ..build.mpy import compiled_library
from . import serial
from .interpreter import VirtualBoardError
from .profile import Profile, Timing

_BOOT = "from _boot import start;start()"
# GC bookkeeping: 3 bits for each block of four words.
_GC_BITS = 3
_MEASURE_KIB = 1024
_MEASURE_S = 10.0


@dataclass(frozen=True)
class Machine:
    """What stays the same from one start to the next. `maps`: the command maps the flash into memory; `narrow`: its
    words have 32 bits; `firmware`: a ROMFS, None without one; `real_time`: what the flash does takes its time."""

    command: list[str]
    maps: bool
    narrow: bool
    profile: Profile
    flash: Path
    flash_size: int
    stats: Path
    firmware: Path | None
    unique_id: bytes
    env: Mapping[str, str]
    timing: Timing
    real_time: bool = False


class Process:
    """A running interpreter. `heap`: its limit in bytes; the fakes get `boot` besides what `machine` says."""

    def __init__(self, machine: Machine, heap: int, boot: Mapping[str, object]) -> None:
        self.master, self.slave = pty.openpty()
        serial.make_raw(self.slave, marker=True)
        os.set_blocking(self.master, False)
        self.bus, bus = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bus.setblocking(False)
        wire, self._wire = os.pipe()
        os.set_blocking(wire, False)
        os.set_blocking(self._wire, False)
        self.life, life = os.pipe()
        config = {
            "in": wire,
            "out": bus.fileno(),
            "tty": os.ttyname(self.slave),
            "flash": str(machine.flash),
            "size": machine.flash_size,
            "stats": str(machine.stats),
            "rom": str(machine.firmware) if machine.firmware else None,
            "rom_size": machine.firmware.stat().st_size if machine.firmware else 0,
            "id": machine.unique_id.hex(),
            "timing": machine.timing.words(),
            "real_time": machine.real_time,
            "port": machine.profile.port,
            "watchdog_ms": machine.profile.watchdog_ms,
            "idf": asdict(machine.profile.idf) if machine.profile.idf else None,
            "words": 1 if machine.narrow else 2,
            "cut": 0,
            "torn": 0,
            "main": True,
            "measure": False,
            **boot,
        }
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "TZ": "UTC",
            **machine.env,
            "MICROPYPATH": f"{fakes(machine.narrow)}:.frozen",
            "BUZON_HW": json.dumps(config),
        }
        if machine.maps:
            env["BUZON_MAPS"] = os.pathsep.join(
                str(p) for p in (machine.flash, machine.stats, machine.firmware) if p
            )
        try:
            self.process = subprocess.Popen(
                [*machine.command, "-X", f"heapsize={heap}", "-i", "-c", _BOOT],
                stdin=self.slave,
                stdout=self.slave,
                stderr=self.slave,
                cwd="/",
                env=env,
                pass_fds=(wire, bus.fileno(), life),
                start_new_session=True,
            )
        except OSError as error:
            self._close()
            raise VirtualBoardError(f"MicroPython does not start: {error.strerror}.") from None
        finally:
            os.close(wire)
            bus.close()
            os.close(life)

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_us(self) -> int:
        """Microseconds of processor time so far; 0 where the system does not say."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) // 1000
        except (OSError, ValueError, IndexError):
            return 0

    def type(self, data: bytes) -> None:
        """Send bytes to the board's serial input, regardless of its ring."""
        os.write(self.master, data)

    def record(self, data: bytes) -> None:
        """Send a record to the board; lost if the board does not read them (the pipe holds thousands)."""
        try:
            os.write(self._wire, data)
        except OSError:
            pass

    def packets(self) -> list[bytes]:
        """What has come from the board since the last call."""
        found = []
        while True:
            try:
                found.append(self.bus.recv(65536))
            except OSError:
                return found

    def output(self) -> bytes:
        """What the board has printed since the last call."""
        found = b""
        while len(found) < 65536:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            found += data
        return found

    def kill(self) -> None:
        """Cut the power, and close everything. Harmless if the process has already ended."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        self.bus.close()
        for fd in (self.master, self.slave, self._wire, self.life):
            os.close(fd)


def fakes(narrow: bool = False) -> Path:
    """The compiled stand-ins for a board's modules. Their machine code is for x86, `narrow` with 32 bits."""
    return compiled_library(paths.boards() / "virtual" / "lib", march="x86" if narrow else "x64")


_shares: dict[tuple[str, ...], int] = {}


def hardware_heap(machine: Machine, boot: Mapping[str, object]) -> int:
    """Bytes of heap the virtual hardware takes (fakes, mounted flash), measured by a boot that stops there.

    Measured once for each interpreter and set of fakes. Raises VirtualBoardError if it does not boot.
    """
    lib = fakes(machine.narrow)
    stamps = [str(path.stat().st_mtime_ns) for path in sorted(lib.glob("*.mpy"))]
    key = (*machine.command, machine.profile.port, str(lib), *stamps)
    if key in _shares:
        return _shares[key]
    with tempfile.TemporaryDirectory(prefix="buzon-") as scratch:
        stats = Path(scratch, "stats")
        stats.write_bytes(machine.stats.read_bytes())
        process = Process(
            Machine(**{**machine.__dict__, "stats": stats}), _MEASURE_KIB * 1024, {**boot, "measure": True}
        )
        try:
            end = time.monotonic() + _MEASURE_S
            printed = b""
            while time.monotonic() < end:
                for packet in process.packets():
                    if packet[:1] == b"H":
                        _shares[key] = int.from_bytes(packet[2:6], "little")
                        return _shares[key]
                printed += process.output()
                if process.process.poll() is not None or b">>> " in printed:
                    break
                time.sleep(0.001)
        finally:
            process.kill()
    text = printed.decode("utf-8", "replace").strip().splitlines()
    raise VirtualBoardError(f"The virtual board does not boot: {text[-1] if text else 'no sign of life'}.")


def heap_size(heap_kib: int, share: int, narrow: bool) -> int:
    """What `-X heapsize` must be so that the firmware gets `heap_kib`."""
    block = 16 if narrow else 32
    return heap_kib * 1024 + share * (8 * block + _GC_BITS) // (8 * block) + block
