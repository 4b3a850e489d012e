"""`socket` that needs Wi-Fi: without it nothing resolves and nothing connects; when it drops all sockets die."""

import _hw
import usocket
import utime
from usocket import *  # noqa: F403

# What a board says when nothing resolves: lwIP's EAI_FAIL on an ESP32, a number of its own on an RP2 (modlwip.c).
_FAILED = -2 if _hw.config["port"] == "rp2" else -202


def _up():
    _hw.service()
    return _hw.wifi == _hw.STAT_GOT_IP and not _hw.dead


def getaddrinfo(host, port, *rest):
    if not _up():
        raise OSError(_FAILED)
    if _hw.dns_s and not host.replace(".", "").isdigit():
        utime.sleep(_hw.dns_s)
        raise OSError(_FAILED)
    return usocket.getaddrinfo(host, port, *rest)


def socket(*args):
    """A real socket; without Wi-Fi, as after it dropped, a dead one."""
    if not _up():
        return _hw.dead_socket()
    if _hw.ballast:
        _hw.release_ballast()  # before the number of a closed socket is given again
    sock = usocket.socket(*args)
    _hw.fds[sock.fileno()] = 1
    return sock
