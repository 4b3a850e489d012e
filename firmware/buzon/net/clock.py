"""The board's clock: set from the PC or by NTP (RFC 4330). Without it no certificate can be checked."""

import asyncio
import socket
import time

from micropython import const

from ..errors import E_CLOCK, LinkError

_NTP_TO_UNIX = const(2208988800)
_TRIES = const(3)
_WAIT_MS = const(2000)
_EARLIEST = const(2026)  # the year this was written: a clock before it is not set

# Boards count from 2000, the unix port from 1970.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


def valid() -> bool:
    """Whether the clock has been set since the board started."""
    return time.gmtime()[0] >= _EARLIEST


def now() -> int:
    """Seconds since 1970, UTC; 0 when the clock is not set."""
    return int(time.time()) + _EPOCH if valid() else 0


def set_to(epoch: int) -> None:
    """Set the clock; `epoch`: seconds since 1970, UTC."""
    from machine import RTC

    t = time.gmtime(epoch - _EPOCH)
    RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


async def ask_ntp(host: str) -> None:
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
                try:
                    answer = sock.recv(48)
                except OSError:
                    continue
                if len(answer) == 48 and answer[0] & 7 == 4 and answer[1]:
                    epoch = (int.from_bytes(answer[40:44], "big") - _NTP_TO_UNIX) & 0xFFFFFFFF
                    set_to(epoch)
                    if valid():
                        return
        except (OSError, IndexError):
            await asyncio.sleep_ms(500)
        finally:
            if sock:
                sock.close()
    raise LinkError(E_CLOCK)
