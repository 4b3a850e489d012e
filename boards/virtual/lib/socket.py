"""`socket` that needs Wi-Fi: without it nothing resolves and nothing connects; when it drops all sockets die."""

import _hw
import usocket
from usocket import *  # noqa: F403


def _up():
    _hw.service()
    return _hw.wifi == _hw.STAT_GOT_IP and not _hw.dead


def getaddrinfo(host, port, *rest):
    if not _up():
        raise OSError(-202)  # what an ESP32 says when nothing resolves
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
