"""The virtual board's flash: a NOR chip in a host file. Erase sets 0xFF, program only clears bits.

Operations are counted in a file of the runner's; the N-th program or erase may be cut in the middle.
"""

from array import array

import _hw
import utime
from micropython import const

BLOCK = const(4096)
_READS = const(0)
_PROGRAMS = const(1)
_ERASES = const(2)
_PROGRAMMED = const(3)
_READ = const(4)
_OPS = const(5)
_HEADER = const(64)


class Flash:
    """A block device for VfsLfs2 (the extended interface). `torn` in 0..255: how much of the cut operation
    is done before the power goes."""

    def __init__(self, path, stats, size, cut, torn, erase_us, program_us):
        self._f = open(path, "r+b")
        self._stats = open(stats, "r+b")
        self._blocks = size // BLOCK
        self._cut = cut
        self._torn = torn
        self._erase_us = erase_us
        self._program_us = program_us
        self._n = array("Q", (0, 0, 0, 0, 0, 0))
        self._stats.readinto(self._n)
        self._blank = b"\xff" * 256
        self._old = bytearray(128)
        self._ff = bytes(self._blank[:128])
        self._count = bytearray(4)

    # A board's flash driver is not interrupted by Ctrl-C: the operation is done again, and the runner is
    # asked to interrupt once more. `return` inside `try` leaves the interpreter no moment in between.
    def readblocks(self, block, buf, off=0):
        try:
            return self._read_at(block * BLOCK + off, buf)
        except KeyboardInterrupt:
            _hw.send(b"K")
            self._read_at(block * BLOCK + off, buf)

    def writeblocks(self, block, buf, off=0):
        try:
            return self._program(block * BLOCK + off, buf)
        except KeyboardInterrupt:
            _hw.send(b"K")
            self._program(block * BLOCK + off, buf)

    def ioctl(self, op, arg):
        try:
            return self._ioctl(op, arg)
        except KeyboardInterrupt:
            _hw.send(b"K")
            return self._ioctl(op, arg)

    def _ioctl(self, op, arg):
        if op == 6:
            self._erase(arg)
            return 0
        if op == 3:
            self._save()
        elif op == 4:
            return self._blocks
        elif op == 5:
            return BLOCK
        return 0

    def _save(self):
        self._stats.seek(0)
        self._stats.write(self._n)

    def _read_at(self, at, buf):
        n = self._n
        n[_READS] += 1
        n[_READ] += len(buf)
        self._f.seek(at)
        self._f.readinto(buf)

    def _program(self, at, buf):
        n = self._n
        f = self._f
        size = len(buf)
        n[_PROGRAMS] += 1
        n[_OPS] += 1
        if n[_OPS] == self._cut:
            size = size * self._torn >> 8
            buf = buf[:size]
        n[_PROGRAMMED] += size
        old = self._old
        if len(old) != size:
            self._old = old = bytearray(size)
            self._ff = b"\xff" * size
        f.seek(at)
        f.readinto(old)
        if old == self._ff:
            old = buf
        else:
            for i in range(size):
                old[i] &= buf[i]
        f.seek(at)
        f.write(old)
        if self._program_us:
            utime.sleep_us(self._program_us)
        if n[_OPS] == self._cut:
            self._power_cut()

    def _erase(self, block):
        n = self._n
        n[_ERASES] += 1
        n[_OPS] += 1
        end = BLOCK
        if n[_OPS] == self._cut:
            end = BLOCK * self._torn >> 8 & ~0xFF
        self._f.seek(block * BLOCK)
        for _ in range(0, end, 256):
            self._f.write(self._blank)
        stats = self._stats
        count = self._count
        stats.seek(_HEADER + 4 * block)
        stats.readinto(count)
        i = 0
        while i < 4:
            count[i] = (count[i] + 1) & 0xFF
            if count[i]:
                break
            i += 1
        stats.seek(_HEADER + 4 * block)
        stats.write(count)
        self._save()
        if self._erase_us:
            utime.sleep_us(self._erase_us)
        if n[_OPS] == self._cut:
            self._power_cut()

    def _power_cut(self):
        self._save()
        _hw.send(b"C")
        _hw.halt()


class Rom:
    """A host folder, read-only, without a way out of it: the firmware, as if frozen into the chip."""

    def __init__(self, fs):
        self._fs = fs

    def _inside(self, path):
        if ".." in path.split("/"):
            raise OSError(2)
        return path

    def mount(self, readonly, mkfs):
        self._fs.mount(True, False)

    def umount(self):
        pass

    def chdir(self, path):
        raise OSError(1)

    def stat(self, path):
        return self._fs.stat(self._inside(path))

    def ilistdir(self, path):
        return self._fs.ilistdir(self._inside(path))

    def open(self, path, mode):
        f = self._fs.open(self._inside(path), mode)
        _hw.fds[f.fileno()] = 0
        return f
