"""What runs on the board at its prompt: MicroPython source, with `install/scripts.py`'s helpers; each call prints
one line of JSON. Nothing here runs on the PC."""

OWNED = """\
def owned():
    for path in ("/settings.cbor", "/settings.new", "/clock"):
        if exists(path):
            yield path
    for folder in ("/mail", "/certs"):
        for path in files(folder):
            if path != "/mail/reserve.bin":  # only room that the firmware keeps
                yield path


def some(n):
    for path in walk:
        yield path
        n -= 1
        if not n:
            return


walk = owned()
"""
"""`some(n)`: the next n paths of what belongs to a person: settings, mail, certificates, the last good time."""

TIDY = """\
def tidy():
    for path in ("/qualify.tmp", "/qualify.new", "/qualify.part"):
        if exists(path):
            os.remove(path)
    for folder in ("/qualify.dir", "/mail/qualify"):
        if exists(folder):
            clear(folder)
tidy()
"""
"""Removes what a run has made."""

MEMORY = """\
def memory():
    import gc, json

    gc.collect()
    idf = None
    try:
        import esp32

        found = esp32.idf_heap_info(esp32.HEAP_DATA)
        idf = [sum(r[1] for r in found), max(r[2] for r in found)]
    except (ImportError, AttributeError):
        pass
    print(json.dumps([gc.mem_free(), gc.mem_free() + gc.mem_alloc(), idf]))
memory()
"""
"""[free, total] of the heap, and of an ESP32's memory outside it [free, largest block] or null; bytes."""

FLASH = """\
def flash(size):
    import json, time
    from binascii import crc32

    ms, diff = time.ticks_ms, time.ticks_diff
    block = bytearray(bytes(range(256)) * 4)
    crc = 0
    at = [ms()]
    with open("/qualify.tmp", "wb") as f:
        for n in range(size // 1024):
            block[0] = n & 255
            f.write(block)
            crc = crc32(block, crc)
    at.append(ms())
    back = 0
    with open("/qualify.tmp", "rb") as f:
        while True:
            n = f.readinto(block)
            if not n:
                break
            back = crc32(memoryview(block)[:n], back)
    at.append(ms())
    os.rename("/qualify.tmp", "/qualify.new")
    at.append(ms())
    os.statvfs("/")
    at.append(ms())
    os.remove("/qualify.new")
    os.mkdir("/qualify.dir")
    at.append(ms())
    for n in range(16):
        with open("/qualify.dir/%d" % n, "wb") as f:
            f.write(block[:200])
    at.append(ms())
    count = sum(1 for _ in os.ilistdir("/qualify.dir"))
    at.append(ms())
    clear("/qualify.dir")
    print(json.dumps([back == crc, count, [diff(b, a) for a, b in zip(at, at[1:])]]))
"""
"""`flash(size)` prints [read back as written, files found (16), ms for: writing, reading, rename, statvfs, -, 16
small files, listing them]."""

LED = """\
def led(pin, times):
    import json, time
    from machine import Pin

    out = Pin(pin, Pin.OUT)
    for n in range(2 * times):
        out.value(n & 1 ^ 1)
        time.sleep_ms(250)
    print(json.dumps(True))
"""
