"""The default app on a board's heap and file system, from its start to the moment when its first TLS handshake begins.

Arguments: a littlefs image with the app, a certificate (DER), the settings (CBOR), and its path in these.
Prints the reads and the bytes read from flash until the first page is on the display, the bytes of heap in use at the
handshake, then MicroPython's map of the heap and the bytes that were in use in it before the app.

What a board has in its ROM or outside the heap, and what this script itself has, counts nowhere.
"""

import gc
import os
import ssl
import sys

import ffi
import micropython
import uctypes
import vfs

_BLOCK = 4096
libc = ffi.open("libc.so.6")


class Flash:
    """Flash in memory outside the heap, under a real littlefs, as the docs of MicroPython have it ("Working with
    filesystems")."""

    def __init__(self, image):
        size = os.stat(image)[6]
        self.data = uctypes.bytearray_at(libc.func("p", "malloc", "i")(size), size)
        with open(image, "rb") as file:
            file.readinto(self.data)
        self.reads = self.octets = 0

    def readblocks(self, n, buf, off=0):
        self.reads += 1
        self.octets += len(buf)
        at = n * _BLOCK + off
        for i in range(len(buf)):
            buf[i] = self.data[at + i]

    def writeblocks(self, n, buf, off=0):
        at = n * _BLOCK + off
        for i in range(len(buf)):
            self.data[at + i] = buf[i]

    def ioctl(self, op, arg):
        return {4: len(self.data) // _BLOCK, 5: _BLOCK, 6: 0}.get(op)


class Part:
    """Stands for a part of the chip: a pin, the bus of the display, the Wi-Fi, which takes a moment to join."""

    STA_IF = WDT_RESET = IN = PULL_UP = IRQ_FALLING = 0

    def __init__(self, *args, **kw):
        self.asked = 0

    def isconnected(self):
        self.asked += 1
        return self.asked > 10

    def status(self, *args):
        return 0

    def disconnect(self):
        pass

    active = connect = feed = status

    def writeto(self, address, data):
        global shown
        if len(data) > 1000 and shown < 2:
            shown += 1
            if shown == 2:  # the first one is empty
                print(flash.reads, flash.octets)

    def irq(self, *args, **kw):
        pass

    @staticmethod
    def reset_cause():
        return 1


def wrap_socket(self, *args, **kw):
    gc.collect()
    print(gc.mem_alloc() - before)
    micropython.mem_info(1)
    print(before)
    libc.func("v", "exit", "i")(0)


def keep(path, source):
    with open(path, "wb") as file:
        file.write(source)


certificate, settings = [open(name, "rb").read() for name in sys.argv[2:4]]
flash = Flash(sys.argv[1])
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(flash), "/")
keep("/settings.cbor", settings)
try:
    os.mkdir("/certs")
except OSError:
    pass
keep(sys.argv[4], certificate)
del certificate, settings
for name in ("machine", "network"):
    sys.modules[name] = Part
Part.Pin = Part.I2C = Part.WDT = Part.WLAN = Part
ssl.SSLContext.wrap_socket = wrap_socket
shown = 0
sys.path[:] = ["", "/lib", ".frozen"]
gc.collect()
before = gc.mem_alloc()
flash.reads = flash.octets = 0
import asyncio  # noqa: F401

from buzon import boot

boot.start()
