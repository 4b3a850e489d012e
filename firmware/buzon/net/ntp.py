"""Asks an NTP server for the time (RFC 4330). Imported only then."""

import asyncio
import os
import socket

from micropython import const

from ..errors import E_NTP, LinkError
from .clock import heard, possible, sure

_NTP_TO_UNIX = const(2208988800)
_TRIES = const(3)
_WAIT_MS = const(2000)
_ANSWERS = const(3)


async def set_clock(host: str) -> None:
    """Ask until two answers agree, three times at most: a single answer may be wrong. Raises LinkError(E_NTP)."""
    for _ in range(_ANSWERS):
        epoch = await ask(host)
        if not epoch or heard(epoch):
            return


async def ask(host: str) -> int:
    """Seconds since 1970, in three tries of 2 s; 0: a PC has set the clock meanwhile. Raises LinkError(E_NTP)."""
    was_sure = sure()
    for _ in range(_TRIES):
        sock = None
        try:
            address = socket.getaddrinfo(host, 123, 0, socket.SOCK_DGRAM)[0][-1]
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            packet = bytearray(48)
            packet[0] = 0x23  # version 4, client
            # Random, and the server returns it: nobody can answer without having seen the question.
            packet[40:48] = os.urandom(8)
            sock.sendto(packet, address)
            for _ in range(_WAIT_MS // 100):
                await asyncio.sleep_ms(100)
                if sure() and not was_sure:
                    return 0
                try:
                    answer = sock.recv(64)
                except OSError:  # nothing yet
                    continue
                epoch = time_in(answer, packet)
                if epoch:
                    return epoch
        except (OSError, IndexError):
            await asyncio.sleep_ms(500)
        finally:
            if sock:
                sock.close()
    raise LinkError(E_NTP, host)


def time_in(answer: bytes, asked: "bytes | bytearray") -> int:
    """The time in an answer; 0 if this does not answer `asked`, the server does not know, or it is too early."""
    if (
        len(answer) < 48
        or answer[0] & 7 != 4  # not from a server
        or answer[0] >> 6 == 3  # from one that is not synchronized
        or not 0 < answer[1] < 16  # or that refuses (stratum 0)
        or answer[24:32] != asked[40:48]
    ):
        return 0
    epoch = (int.from_bytes(answer[40:44], "big") - _NTP_TO_UNIX) & 0xFFFFFFFF
    return epoch if possible(epoch) else 0
