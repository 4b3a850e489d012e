"""The default app on a board's heap and file system, from its start to the moment when its first TLS handshake begins.

BUZON_FILES in the environment, in four lines: a littlefs image with the app, a certificate (DER), the settings (CBOR),
and the certificate's path in these.
Prints the reads and the bytes read from flash until the first page is on the display, and the bytes of heap in use at
the handshake.

What a board has in its ROM or outside the heap, and what this script itself has, counts nowhere. Its names are such as
MicroPython or the app have anyway, as far as they can be: more than 620 in all would double the table of names.
"""

import gc
import os
import ssl
import sys

import ffi
import uctypes
import vfs

system = ffi.open("libc.so.6")
count = [0, 0, 0]  # reads, bytes read, pictures sent to the display


class Flash:
    """Flash in memory outside the heap, under a real littlefs, as the docs of MicroPython have it ("Working with
    filesystems")."""

    def __init__(self, file):
        n = os.stat(file)[6]
        self.buf = uctypes.bytearray_at(system.func("p", "malloc", "i")(n), n)
        with open(file, "rb") as file:
            file.readinto(self.buf)

    def readblocks(self, n, buf, off=0):
        count[0] += 1
        count[1] += len(buf)
        n = n * 4096 + off
        for value in range(len(buf)):
            buf[value] = self.buf[n + value]

    def writeblocks(self, n, buf, off=0):
        n = n * 4096 + off
        for value in range(len(buf)):
            self.buf[n + value] = buf[value]

    def ioctl(self, key, value):
        return {4: len(self.buf) // 4096, 5: 4096, 6: 0}.get(key)


class Part:
    """Stands for a part of the chip: a pin, the bus of the display, the Wi-Fi, which takes a moment to join."""

    STA_IF = WDT_RESET = IN = PULL_UP = IRQ_FALLING = 0

    def __init__(self, *args, **value):
        self.n = 0

    def isconnected(self):
        self.n += 1
        return self.n > 10

    def status(self, *args):
        return 0

    def disconnect(self):
        pass

    active = connect = feed = status

    def writeto(self, key, buf):
        if len(buf) > 1000:
            count[2] += 1
            if count[2] == 2:  # the first one is empty
                print(count[0], count[1])

    def irq(self, *args, **value):
        pass

    @staticmethod
    def reset_cause():
        return 1


def wrap_socket(self, *args, **value):
    gc.collect()
    print(gc.mem_alloc() - start)
    system.func("v", "exit", "i")(0)


def keep(path, file):
    with open(path, "wb") as f:
        f.write(file)


names = os.getenv("BUZON_FILES").split("\n")
files = [open(name, "rb").read() for name in names[1:3]]
flash = Flash(names[0])
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(flash), "/")
keep("/settings.cbor", files[1])
try:
    os.mkdir("/certs")
except OSError:
    pass
keep(names[3], files[0])
del files, names
for name in ("machine", "network", "flashbdev"):
    sys.modules[name] = Part
Part.bdev = flash
Part.Pin = Part.I2C = Part.WDT = Part.WLAN = Part
ssl.SSLContext.wrap_socket = wrap_socket
sys.path[:] = ["", "/lib", ".frozen"]
with open("/main.py") as file:
    value = compile(file.read(), "/main.py", "exec")
file = None
count[:] = 0, 0, 0
gc.collect()
start = gc.mem_alloc()
exec(value, {})
