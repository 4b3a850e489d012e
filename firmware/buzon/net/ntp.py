"""Sets the clock from an NTP server (RFC 4330). Imported only then."""

import asyncio
import socket

from micropython import const

from ..errors import E_CLOCK, LinkError
from .clock import set_to, valid

_NTP_TO_UNIX = const(2208988800)
_TRIES = const(3)
_WAIT_MS = const(2000)


async def ask(host: str) -> None:
    """Set the clock from an NTP server: three tries, 2 s each. Raises LinkError(E_CLOCK)."""
    for _ in range(_TRIES):
        sock = None
        try:
            address = socket.getaddrinfo(host, 123, 0, socket.SOCK_DGRAM)[0][-1]
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            packet = bytearray(48)
            packet[0] = 0x23  # version 4, client
            sock.sendto(packet, address)
            for _ in range(_WAIT_MS // 100):
                await asyncio.sleep_ms(100)
                if valid():  # by the answer, or by the PC
                    return
                try:
                    answer = sock.recv(48)
                except OSError:
                    continue
                if len(answer) == 48 and answer[0] & 7 == 4 and answer[1]:
                    epoch = (int.from_bytes(answer[40:44], "big") - _NTP_TO_UNIX) & 0xFFFFFFFF
                    set_to(epoch)
        except (OSError, IndexError):
            await asyncio.sleep_ms(500)
        finally:
            if sock:
                sock.close()
    if not valid():
        raise LinkError(E_CLOCK)
