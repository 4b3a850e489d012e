"""What a chip is like, as far as a virtual board can be like it: its memory, its flash, its port of MicroPython.

Figures are of the official ESP32_GENERIC 1.25.0 and RPI_PICO_W 1.26.1, measured in emulators with timed flash and
Wi-Fi, or of the flash chip's datasheet (W25Q16JV and W25Q32JV, Winbond: sector erase 45 ms, page program 0.4 ms, both
typical). No board is touched here.
"""

from dataclasses import dataclass
from typing import Literal

Port = Literal["virtual", "esp32", "rp2"]


@dataclass(frozen=True)
class Timing:
    """How long flash operations take. A read: `read_us` and `read_ns` for each byte; a program: `program_us` and
    `program_ns` for each byte; the erase of a block: `erase_us`."""

    read_us: int = 0
    read_ns: int = 0
    program_us: int = 0
    program_ns: int = 0
    erase_us: int = 0

    def words(self) -> list[int]:
        """As the virtual board's flash takes them."""
        return [self.read_us, self.read_ns, self.program_us, self.program_ns, self.erase_us]


@dataclass(frozen=True)
class Idf:
    """An ESP32's memory beside MicroPython's heap, in bytes.

    MicroPython's heap is a first area of `first`; when that is full, it takes a second one of `second` from the IDF,
    and then what is left in one piece. An area that is empty after a collection goes back. `free` and `largest`: (all,
    largest block) with the first area and no Wi-Fi; with the second area; with Wi-Fi too. `tls`: what an open
    connection keeps. A handshake needs `handshake` at its peak with one ECDSA certificate, `rsa` more if there is an
    RSA key in the chain, and `more` for each further certificate.
    """

    first: int
    second: int
    bare: tuple[int, int]
    grown: tuple[int, int]
    joined: tuple[int, int]
    tls: int
    handshake: int
    rsa: int
    more: int


@dataclass(frozen=True)
class Profile:
    """`heap_kib`: what MicroPython's heap can have at most, in 32-bit words. `watchdog_ms`: the longest watchdog, 0:
    any. `place`: where the firmware's code is: in a ROMFS, where it runs in place, or on the flash's file system, from
    which it is loaded into the heap as on stock firmware. `idf`: None where there is no memory beside the heap."""

    port: Port
    heap_kib: int
    timing: Timing
    place: Literal["rom", "flash"] = "flash"
    watchdog_ms: int = 0
    idf: Idf | None = None


KIB = 1024
# `statvfs` of 200 files is 9,746 reads and took 1.8 to 2.0 s, one pass over the folder 13,391 and 2.7 to 3.0 s; with
# readsize=256 (1,652 and 2,338 reads of ten times the size) both were 4 to 5 times faster.
_ESP32_FLASH = Timing(read_us=187, read_ns=180, program_us=187, program_ns=2700, erase_us=45_000)
# Memory-mapped reads. A rename in a folder of 15, 30, 45 files took 8, 40, 88 ms; a file of 4 KB 59 ms; 73 KB/s.
_RP2_FLASH = Timing(read_us=15, read_ns=20, program_us=5, program_ns=2700, erase_us=45_000)
_ESP32_IDF = Idf(
    first=56 * KIB,
    second=61 * KIB,
    bare=(142 * KIB, 110 * KIB),
    grown=(int(80.7 * KIB), 55 * KIB),
    joined=(int(38.3 * KIB), int(36.9 * KIB)),
    tls=int(25.4 * KIB),
    handshake=int(31.9 * KIB),
    rsa=int(6.9 * KIB),
    more=int(2.8 * KIB),
)
_ESP32 = Profile("esp32", 56 + 61 + 36, _ESP32_FLASH, idf=_ESP32_IDF)
# The RP2040's watchdog counts 24 bits of half microseconds (datasheet 4.7.2): machine.WDT refuses more than 8,388 ms.
_RP2 = Profile("rp2", 205, _RP2_FLASH, watchdog_ms=8388)

VIRTUAL = Profile("virtual", 136, Timing(), place="rom")
_PROFILES = {
    "virtual": VIRTUAL,
    "esp32": _ESP32,
    "esp32s3": _ESP32,
    "esp32c3": _ESP32,
    "rp2040": _RP2,
    "rp2350": Profile("rp2", 400, _RP2_FLASH, watchdog_ms=16_777),
}


def of(chip: str) -> Profile:
    """The profile of a chip, as `board.toml` names it. An S3 and a C3 are taken for an ESP32, which has less."""
    return _PROFILES[chip]
