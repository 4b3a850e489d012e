"""`socket` that needs Wi-Fi: without it nothing resolves and no socket opens; when it drops all die."""

import _hw
import usocket
from usocket import *  # noqa: F403


def _need_wifi():
    _hw.service()
    if _hw.wifi != _hw.STAT_GOT_IP:
        raise OSError(118)  # EHOSTUNREACH, as lwIP numbers it


def getaddrinfo(host, port, *rest):
    try:
        _need_wifi()
    except OSError:
        raise OSError(-202)  # what an ESP32 says when nothing resolves
    return usocket.getaddrinfo(host, port, *rest)


def socket(*args):
    """A real socket. Without Wi-Fi it is none: here connecting fails that early."""
    _need_wifi()
    sock = usocket.socket(*args)
    _hw.fds[sock.fileno()] = 1
    return sock
