"""An emulated ESP32 in its ROM loader, on a pty: what esptool talks to with `--no-stub`. Its flash is a file.

The loader's commands and their SLIP packets are those of esptool's documentation, "Serial Protocol". The flash
behaves like NOR flash: erasing sets a sector to 0xFF, programming only clears bits. It can be made to fail: see
`RomLoader`.
"""

import os
import pty
import select
import struct
import threading
import tty
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

_SECTOR = 4096
_FLASH_BEGIN, _FLASH_DATA, _FLASH_END = 0x02, 0x03, 0x04
_SYNC, _WRITE_REG, _READ_REG = 0x08, 0x09, 0x0A
_SPI_SET_PARAMS, _SPI_ATTACH, _READ_FLASH, _CHANGE_BAUD = 0x0B, 0x0D, 0x0E, 0x0F
_MD5, _SECURITY_INFO = 0x13, 0x14
_OK, _INVALID, _BAD_CHECKSUM, _WRITE_FAILED = b"\0\0\0\0", b"\x01\x05\0\0", b"\x01\x07\0\0", b"\x01\x08\0\0"
_RDID = 0x9F
_MAGIC_REG = 0x40001000

# Number in GET_SECURITY_INFO (None: no such command), magic, SPI1's base, W0 and USR2, and the MAC's fuses.
_CHIPS = {
    "esp32": (None, 0x00F01D83, 0x3FF42000, 0x80, 0x24, 0x3FF5A004),
    "esp32s3": (9, 0x9, 0x60002000, 0x58, 0x20, 0x60007044),
    "esp32c3": (5, 0x1B31506F, 0x60002000, 0x58, 0x20, 0x60008844),
    "esp32c6": (13, 0x2CE0806F, 0x60003000, 0x58, 0x20, 0x600B0844),
}
MAC = "24:0a:c4:12:34:56"
_CLOCK = {0x3FF40014: 347}  # an ESP32's UART divides 40 MHz by this for 115,200 baud


class RomLoader:
    """A chip that waits for a download. `port` is its serial port; use it with `with`.

    `chip`: esp32, esp32s3, esp32c3 or esp32c6. `flash`: the file; its size is the flash's (1 MB times a power of two).
    `pull_at`: the cable is pulled at this block of data (counted from 1). `fail_at`: programming this block
    and all later ones fails. `stuck`: a byte of the flash whose lowest bit stays 0. `silent`: it does not
    answer. `link`: another name for the port. `blocks` counts the blocks of data that were received.
    """

    def __init__(
        self,
        chip: str,
        flash: Path,
        *,
        pull_at: int = 0,
        fail_at: int = 0,
        stuck: int | None = None,
        silent: bool = False,
        link: Path | None = None,
    ) -> None:
        self._number, self._magic, self._spi, self._w0, self._usr2, fuses = _CHIPS[chip]
        self._file = flash
        self.flash = bytearray(flash.read_bytes())
        self._pull_at, self._fail_at, self._stuck, self._silent = pull_at, fail_at, stuck, silent
        self.blocks = 0
        self.commands: list[int] = []
        mac = int(MAC.replace(":", ""), 16)
        self._registers: dict[int, int] = {
            **_CLOCK,
            _MAGIC_REG: self._magic,
            fuses: mac & 0xFFFFFFFF,
            fuses + 4: mac >> 32,
        }
        self._at = self._left = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._link = link
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.port)
            self.port = str(link)
        self._stop_in, self._stop_out = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "RomLoader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_out, b"x")
        self._thread.join()
        self._pull()
        for handle in (self._stop_in, self._stop_out):
            os.close(handle)
        self._file.write_bytes(self.flash)

    def _pull(self) -> None:
        """Take the port away."""
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        for handle in (self._slave, self._master):
            try:
                os.close(handle)
            except OSError:
                pass
        self._slave = self._master = -1

    def _run(self) -> None:
        pending = b""
        while self._master >= 0:
            ready = select.select([self._master, self._stop_in], [], [])[0]
            if self._stop_in in ready:
                return
            try:
                pending += os.read(self._master, 65536)
            except OSError:
                return
            while b"\xc0" in pending:
                packet, _, pending = pending.partition(b"\xc0")
                packet = packet.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                if len(packet) >= 8 and packet[0] == 0 and not self._silent:
                    self._command(packet)
                if self._master < 0:
                    return

    def _command(self, packet: bytes) -> None:
        op, size, check = struct.unpack_from("<xBHI", packet)
        data = packet[8 : 8 + size]
        self.commands.append(op)
        value, answer = 0, _OK
        known: dict[int, Callable[[bytes, int], tuple[int, bytes]]] = {
            _READ_REG: self._read_register,
            _WRITE_REG: self._write_register,
            _FLASH_BEGIN: self._begin,
            _FLASH_DATA: self._program,
            _READ_FLASH: self._read_flash,
            _MD5: self._md5,
            _SECURITY_INFO: self._security_info,
        }
        if op in known:
            value, answer = known[op](data, check)
        elif op == _SYNC:
            for _ in range(7):
                self._answer(op, 0x20120707, _OK)
            value = 0x20120707
        elif op not in (_SPI_SET_PARAMS, _SPI_ATTACH, _CHANGE_BAUD, _FLASH_END):
            answer = _INVALID
        if self._master >= 0:
            self._answer(op, value, answer)

    def _answer(self, op: int, value: int, data: bytes) -> None:
        packet = struct.pack("<BBHI", 1, op, len(data), value) + data
        packet = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        os.write(self._master, b"\xc0" + packet + b"\xc0")

    def _read_register(self, data: bytes, _: int) -> tuple[int, bytes]:
        address = struct.unpack("<I", data)[0]
        # The command register is 0 when a command is done, which is at once. Unblown fuses are 0.
        return (0 if address == self._spi else self._registers.get(address, 0)), _OK

    def _write_register(self, data: bytes, _: int) -> tuple[int, bytes]:
        address, value = struct.unpack_from("<II", data)
        self._registers[address] = value
        if address == self._spi and self._registers.get(self._spi + self._usr2, 0) & 0xFF == _RDID:
            capacity = len(self.flash).bit_length() - 1
            self._registers[self._spi + self._w0] = 0x40EF | capacity << 16
        return 0, _OK

    def _security_info(self, data: bytes, _: int) -> tuple[int, bytes]:
        if self._number is None:
            return 0, _INVALID
        return 0, struct.pack("<IB7sII", 0, 0, bytes(7), self._number, 0) + _OK

    def _begin(self, data: bytes, _: int) -> tuple[int, bytes]:
        size, _, _, at = struct.unpack_from("<4I", data)
        first, end = at // _SECTOR * _SECTOR, -(-(at + size) // _SECTOR) * _SECTOR
        if end > len(self.flash):
            return 0, _WRITE_FAILED
        self.flash[first:end] = b"\xff" * (end - first)
        self._at = at
        return 0, _OK

    def _program(self, data: bytes, check: int) -> tuple[int, bytes]:
        self.blocks += 1
        size = struct.unpack_from("<I", data)[0]
        block = data[16 : 16 + size]
        state = 0xEF
        for byte in block:
            state ^= byte
        if state != check & 0xFF or len(block) != size:
            return 0, _BAD_CHECKSUM
        if self.blocks == self._pull_at:
            self._write(block[: size // 2])  # the power went with the cable
            self._pull()
            return 0, _OK
        if self._fail_at and self.blocks >= self._fail_at:
            return 0, _WRITE_FAILED
        self._write(block)
        self._at += size
        return 0, _OK

    def _write(self, block: bytes) -> None:
        old = self.flash[self._at : self._at + len(block)]
        number = int.from_bytes(old, "little") & int.from_bytes(block, "little")
        self.flash[self._at : self._at + len(block)] = number.to_bytes(len(block), "little")
        if self._stuck is not None:
            self.flash[self._stuck] &= 0xFE

    def _read_flash(self, data: bytes, _: int) -> tuple[int, bytes]:
        at, size = struct.unpack_from("<II", data)
        return 0, bytes(self.flash[at : at + size]).ljust(64, b"\0") + _OK

    def _md5(self, data: bytes, _: int) -> tuple[int, bytes]:
        at, size = struct.unpack_from("<II", data)
        return 0, md5(self.flash[at : at + size]).hexdigest().encode() + _OK
