"""What runs on the board during an install: MicroPython source; nothing here runs on the PC.

An install is a redo log: `PART` is filled with what is new, in folders as they are at `/`, and renamed to
`NEW`. From then on `APPLY`, which is in it, moves file after file to its place, however often it is
restarted: `main.py` runs it at each start, before it loads anything else. So a power cut leaves all of the
old version, or all that the new one needs.
"""

PART = "/buzon.part"
"""The folder while it is being filled. A power cut leaves it; the next install continues with it."""
NEW = "/buzon.new"
"""The folder once it is complete."""
GONE = "gone"
"""The file in it that lists what the firmware no longer has."""
APPLY_NAME = "apply.py"

# main.py is renamed first: from then on even a board that started something else finishes the update.
APPLY = f"""\
import os

NEW = "{NEW}"


def move(folder):
    for entry in list(os.ilistdir(NEW + folder)):
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            try:
                os.mkdir(path)
            except OSError:
                pass  # it is there
            move(path)
            os.rmdir(NEW + path)
        elif path != "/{APPLY_NAME}" and path != "/{GONE}":
            os.rename(NEW + path, path)


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


if exists(NEW + "/main.py"):
    os.rename(NEW + "/main.py", "/main.py")
move("")
if exists(NEW + "/{GONE}"):
    with open(NEW + "/{GONE}") as f:
        for line in f:
            path = line.strip()
            if exists(path):
                os.remove(path)
            try:
                os.rmdir(path.rpartition("/")[0])
            except OSError:
                pass  # there is more in it
    os.remove(NEW + "/{GONE}")
os.remove(NEW + "/{APPLY_NAME}")
os.rmdir(NEW)
"""

TOOLS = """\
import os


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def files(path):
    try:
        entries = list(os.ilistdir(path))
    except OSError:
        return
    for entry in entries:
        if entry[1] == 0x4000:
            yield from files(path + "/" + entry[0])
        else:
            yield path + "/" + entry[0]


def clear(path):
    for entry in list(os.ilistdir(path)):
        if entry[1] == 0x4000:
            clear(path + "/" + entry[0])
        else:
            os.remove(path + "/" + entry[0])
    os.rmdir(path)


def folder(path):
    at = 0
    while at >= 0:
        at = path.find("/", at + 1)
        part = path if at < 0 else path[:at]
        if not exists(part):
            os.mkdir(part)


def hashes(paths):
    import hashlib, json
    from binascii import hexlify

    block = bytearray(512)
    view = memoryview(block)
    for path in paths:
        if exists(path):
            hash = hashlib.sha256()
            with open(path, "rb") as f:
                while True:
                    n = f.readinto(block)
                    if not n:
                        break
                    hash.update(view[:n])
            print(json.dumps([path, str(hexlify(hash.digest()), "utf-8")]))
"""
"""Helpers that are defined once per session."""

FACTS = f"""\
def facts():
    import json, sys

    info = sys.implementation
    path = sys.path[:]
    sys.path[:] = [".frozen"]
    try:
        import buzon
        frozen = True
    except ImportError:
        frozen = False
    sys.path[:] = path
    fs = os.statvfs("/")
    ours = False
    if exists("/main.py"):
        with open("/main.py", "rb") as f:
            ours = b"Starts Buz" in f.read(64)
    print(json.dumps({{
        "version": list(info.version)[:3],
        "mpy": getattr(info, "_mpy", 0),
        "build": getattr(info, "_build", ""),
        "machine": getattr(info, "_machine", ""),
        "block": fs[0],
        "free": fs[0] * (fs[3] if fs[3] <= fs[2] else 0),
        "total": fs[0] * fs[2],
        "rom": exists("/rom/buzon") or exists("/rom/lib/buzon"),
        "frozen": frozen,
        "shadow": [path for path in ("/buzon", "/buzon.py", "/buzon.mpy") if exists(path)],
        "main": exists("/main.py"),
        "ours": ours,
        "pending": exists("{NEW}/{APPLY_NAME}"),
    }}))
facts()
"""
"""Prints the board's facts as one line of JSON."""
