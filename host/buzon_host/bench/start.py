"""The default app's start from files on a 32-bit MicroPython, up to its first TLS handshake: flash reads, and heap.

An ESP32's heap begins with an area of 56 KB, of which FIRST can be used. What does not fit goes into a second one,
which the app keeps small (`buzon.boot`), as it is taken from the memory that TLS needs.
"""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cbor2

from .. import boards, demo
from ..build import image
from ..errors import BuzonError
from ..provision.schema import to_cbor
from ..server.run import LocalServer
from ..virtual.interpreter import VirtualBoardError, narrow_program
from .interpreter import SCRIPTS
from .rows import Bench, Goal, Row

FIRST = 56 * 1024 * 125 // 128
"""Bytes of the first area of an ESP32's heap, without its allocation table (2 bits for each 16 bytes, and 1 more)."""
GROUP = "start"
ACCOUNT_FILES = ("board.img", "server.der", "settings.cbor")
_CA = f"/certs/{demo.ACCOUNT}.der"
_WAIT_S = 60


def rows(bench: Bench) -> Iterator[Row]:
    """Reads of flash and their bytes until the first page; heap in use at the handshake."""
    found = {
        "reads of flash until the first page, 32 bits": Row(GROUP, "", None, "reads"),
        "bytes read from flash until the first page, 32 bits": Row(GROUP, "", None, "bytes"),
        "heap at a TLS handshake, 32 bits": Row(GROUP, "", None, "bytes", goal=Goal(high=FIRST)),
    }
    for name, row in found.items():
        row.name = name
    bench.say("The app's start, up to a TLS handshake")
    try:
        figures = handshake(bench)
    except VirtualBoardError as error:
        for row in found.values():
            row.missing = str(error)
    else:
        for row, figure in zip(found.values(), figures, strict=True):
            row.ours = figure
    yield from found.values()


def handshake(bench: Bench) -> tuple[int, int, int]:
    """The figures, in the order of the rows. Raises BuzonError."""
    program = narrow_program()
    files = [bench.folder / name for name in ACCOUNT_FILES]
    files[0].write_bytes(image.build(boards.load("ESP32_GENERIC")).filesystem.data)
    with LocalServer(samples=False) as server:
        files[1].write_bytes(Path(server.ca_der).read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = demo.settings("127.0.0.1", listener.getsockname()[1], server.user, server.password)
        tree = cbor2.loads(to_cbor(settings))
        tree["account"][0]["ca"] = _CA
        tree["time"].pop("ntp", None)
        files[2].write_bytes(cbor2.dumps(tree))
        process = subprocess.Popen(
            [program, "-X", "heapsize=1024k", SCRIPTS / "handshake.py"],
            # Not as arguments, as those become names.
            env=os.environ | {"BUZON_FILES": "\n".join(map(str, (*files, _CA)))},
            stdin=subprocess.PIPE,  # the serial port, on which nobody says anything
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = process.stdout.read() if process.stdout else ""
            process.wait(_WAIT_S)
        finally:
            process.kill()
            process.communicate()
    numbers = [[int(n) for n in line.split()] for line in said.splitlines() if re.fullmatch(r"[\d ]+", line)]
    if len(numbers) != 2:
        raise BuzonError(f"The app did not come to a TLS handshake: {said[-300:]}")
    (reads, octets), (used,) = numbers
    return reads, octets, used
