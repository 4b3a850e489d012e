"""The blocking driver: the same dialogues for scripts, on MicroPython and CPython. No asyncio.

Every wait but the one for DNS ends after `wait_ms` without progress.
"""

import errno
import socket
import ssl
import sys

from micropython import const

from ..core.wire import READ, STARTTLS, WRITE, RxBuffer, TxBuffer
from ..errors import E_CLOSED, E_CONNECT, E_DNS, E_TIMEOUT, E_TLS_LOST, LinkError
from .tls import Tls, explain

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue

_POLLIN = const(1)
_POLLOUT = const(4)
_MICROPYTHON = sys.implementation.name == "micropython"


class BlockingLink:
    """One connection at a time. `rx` and `tx` are lent; without them it makes its own."""

    def __init__(
        self, rx: "RxBuffer | None" = None, tx: "TxBuffer | None" = None, wait_ms: int = 45000
    ) -> None:
        self.rx = rx or RxBuffer(bytearray(512))
        self.tx = tx or TxBuffer(bytearray(256))
        self.wait_ms = wait_ms
        self.host = ""
        self._raw: "Any" = None
        self._stream: "Any" = None
        self._poller: "Any" = None  # for this stream
        self._tls: "Tls | None" = None
        self._shaking = False  # TLS has begun and nothing has come through it yet

    def open(self, host: str, port: int, tls: "Tls | None", implicit: bool = True) -> None:
        """Connect, and start TLS at once unless `implicit` is False. `tls` None: no TLS. Raises LinkError."""
        self.close()
        self.rx.clear()
        self.tx.clear()
        self.host = host
        self._tls = tls
        self._shaking = False
        try:
            family = socket.AF_INET if _MICROPYTHON else 0  # boards speak IPv4
            address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
        except (OSError, IndexError, UnicodeError):
            raise LinkError(E_DNS, host)
        try:
            self._raw = socket.socket(address[0], socket.SOCK_STREAM)
            self._raw.settimeout(self.wait_ms / 1000)
            self._raw.connect(address[-1])
            self._stream = self._as_stream(self._raw)
        except OSError as err:
            self.close()
            raise LinkError(E_CONNECT, "%s:%d, %s" % (host, port, _name(err)))
        if tls and implicit:
            self._handshake()

    def run(self, dialogue: "Dialogue[Any]") -> "Any":
        """Drive a dialogue to its end and return its result. Raises what it raises, or LinkError."""
        rx = self.rx
        tx = self.tx
        stream = self._stream
        if stream is None:
            raise LinkError(E_CLOSED, "not open")
        try:
            while True:
                need = dialogue.send(None)
                if need == READ:
                    n = stream.readinto(rx.space() if rx.w else rx.buf)
                    while not n:
                        if n is not None:
                            raise (
                                LinkError(E_TLS_LOST, self.host)
                                if self._shaking
                                else LinkError(E_CLOSED, "reply")
                            )
                        self._wait(_POLLIN)
                        n = stream.readinto(rx.space())
                    rx.w += n
                    self._shaking = False
                elif need == WRITE:
                    data = memoryview(tx.buf)[: tx.n]
                    while data:
                        n = stream.write(data)
                        if n is None:
                            self._wait(_POLLOUT)
                        else:
                            data = data[n:]
                    tx.clear()
                elif need == STARTTLS:
                    self._handshake()
                    stream = self._stream
        except StopIteration as end:
            return end.value
        except (OSError, ValueError) as err:
            self.close()
            if "timed out" in str(err):  # CPython's words; there is no common type
                raise LinkError(E_TIMEOUT, "reply")
            if self._shaking:
                raise explain(err, self.host, self._tls)
            raise LinkError(E_CLOSED, _name(err))
        finally:
            dialogue.close()  # MicroPython's collector does not run a generator's `finally`

    def close(self) -> None:
        """Drop the connection. May be called at any time."""
        for each in (self._stream, self._raw):
            if each is not None:
                try:
                    each.close()
                except OSError:
                    pass
        self._stream = self._raw = self._poller = None

    def _handshake(self) -> None:
        if self._tls is None:
            raise LinkError(E_CLOSED, "no TLS")
        try:
            ctx: "Any" = self._tls.context()
            self._shaking = True
            self._poller = None
            if _MICROPYTHON:  # the first read or write begins it
                self._stream = ctx.wrap_socket(
                    self._raw, server_hostname=self.host, do_handshake_on_connect=False
                )
            else:
                look = self._tls.look
                if look and look.pin:  # the pin is compared below, and nothing else counts
                    ctx.check_hostname = False
                    ctx.verify_mode = ssl.CERT_NONE
                self._raw = ctx.wrap_socket(self._raw, server_hostname=self.host)
                if look and look.pin and look.at(self._raw.getpeercert(True), 0):
                    raise OSError(1)  # as Mbed TLS does
                self._stream = self._as_stream(self._raw)
        except (ValueError, OSError) as err:
            self.close()
            if "timed out" in str(err):
                raise LinkError(E_TIMEOUT, "TLS")
            raise explain(err, self.host, self._tls)

    def _as_stream(self, sock: "Any") -> "Any":
        """Something whose `readinto` returns what there is; on MicroPython only a non-blocking socket does that."""
        if _MICROPYTHON:
            sock.setblocking(False)
            return sock
        return sock.makefile("rwb", buffering=0)

    def _wait(self, event: int) -> None:
        if self._poller is None:
            import select

            self._poller = select.poll()
        self._poller.register(self._stream, event)
        for _ in self._poller.ipoll(self.wait_ms):  # allocates nothing
            return
        raise LinkError(E_TIMEOUT, "reply")


def _name(err: Exception) -> str:
    """`ECONNRESET` or the like, or Mbed TLS's words without the number before them."""
    if not err.args:
        return str(err)
    return str(errno.errorcode.get(err.args[0], err.args[-1]))
