"""Firmware files for the tests: real ones of an ESP32 and an ESP8266, and others that are put together here."""

import struct
from hashlib import md5
from pathlib import Path

import pytest
from buzon_host.build import uf2
from buzon_host.virtual.interpreter import VirtualBoardError, command

ROOT = Path(__file__).resolve().parents[2]
_REAL = ROOT / "build" / "esp32-firmware"
ESP32 = next(_REAL.glob("**/ESP32_GENERIC-20250415-v1.25.0.bin"), None)
ESP8266 = next(_REAL.glob("**/ESP8266_GENERIC-20250415-v1.25.0.bin"), None)
needs_firmware = pytest.mark.skipif(ESP32 is None, reason="make setup fetches the firmware")
try:
    command()
    _reason = ""
except VirtualBoardError as missing:
    _reason = str(missing)
needs_micropython = pytest.mark.skipif(bool(_reason), reason=_reason)


def partition_table(*entries: tuple[str, int, int, int, int]) -> bytes:
    """label, type, subtype, offset, size of each."""
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label.encode(), 0)
        for label, kind, subtype, offset, size in entries
    )
    return (table + b"\xeb\xeb" + b"\xff" * 14 + md5(table).digest()).ljust(0x1000, b"\xff")


VFS = ("vfs", 1, 0x81, 0x200000, 0x200000)
APP = ("factory", 0, 0, 0x10000, 0x1D0000)


def esp32_file(
    *more: tuple[str, int, int, int, int], chip: int = 5, boot: int = 0, version: str = "1.26.0"
) -> bytes:
    """A file as MicroPython's build makes them: bootloader, partition table, application. It would not run."""
    table = partition_table(("nvs", 1, 2, 0x9000, 0x6000), ("phy_init", 1, 1, 0xF000, 0x1000), APP, *more)
    head = b"\xe9\x04\x02\x20" + bytes(8) + struct.pack("<H", chip) + bytes(10)
    text = f"MicroPython v{version} on 2025-08-09; Generic".encode()
    made = head.ljust(0x8000 - boot, b"\x11") + table
    return made.ljust(0x10000 - boot, b"\xff") + (head + text).ljust(0x3000, b"\x22") + b"\x33" * 100


def uf2_file(family: int, size: int = 40_000, version: str = "1.26.0") -> bytes:
    """A UF2 firmware for an RP2."""
    data = f"MicroPython v{version} on 2025-08-09; Raspberry Pi".encode().ljust(size, b"\x44")
    blocks = list(uf2.blocks_of(data, 0, family))
    if family == 0xE48BFF59:  # as the Pico SDK does for an RP2350
        ignored = bytes.fromhex("04e35799")  # an extension: the chip ignores the block
        blocks.insert(0, uf2.Block(0x10FFFF00, b"\xef" * 256, 0xE48BFF57, 0xA000, ignored))
    return uf2.join(blocks, [])
