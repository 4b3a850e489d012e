"""Looks with OpenSSL at a POP3 server's TLS: who vouches for it, what it shows. It sends no password."""

import contextlib
import poplib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..board.printable import escape
from ..deadline import within
from ..errors import BuzonError

_T = TypeVar("_T")
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
NOBODY = "no authority that this PC knows vouches for it"
_UNKNOWN = (18, 19, 20, 21)  # OpenSSL: self-signed, its own root, a missing issuer


class UnknownCa(BuzonError):
    """No known CA vouches for the server: it may have its own, or somebody is in the middle. `why`: the end of a
    short sentence about its certificate."""

    def __init__(self, message: str, why: str = NOBODY) -> None:
        super().__init__(message)
        self.why = why


class NoConnection(BuzonError):
    """Nothing answers there, or not with TLS, or too slowly."""


class NoSuchHost(NoConnection):
    """DNS knows no such server."""


def looked(
    host: str, port: int, tls: str, context: ssl.SSLContext, timeout: float, look: Callable[[Any], _T]
) -> _T:
    """What `look` finds at the TLS socket of a POP3 session that has been greeted, within `timeout` seconds in all."""

    def job() -> _T:
        with _session(host, port, tls, context, timeout) as secure:
            return look(secure)

    return within(timeout, job, NoConnection(no_connection(host, port, "it takes too long to answer")))


@contextlib.contextmanager
def _session(host: str, port: int, tls: str, context: ssl.SSLContext, timeout: float) -> Iterator[Any]:
    """The TLS socket of a POP3 session that has been greeted; every failure is a BuzonError."""
    session: poplib.POP3 | None = None
    try:
        if tls == "starttls":
            session = poplib.POP3(host, port, timeout=timeout)
            _stls(session, context)
        else:
            session = poplib.POP3_SSL(host, port, timeout=timeout, context=context)
        yield session.sock
    except ssl.SSLCertVerificationError as error:
        unknown = error.verify_code in _UNKNOWN
        why = NOBODY if unknown else escape(error.verify_message)
        raise (UnknownCa if unknown else BuzonError)(
            f"The certificate of {host}:{port} was not accepted ({why}): if the server has a CA of its own, give it "
            "with --ca FILE."
        ) from None
    except poplib.error_proto as error:
        what = "offers no STLS: use its port for TLS, mostly 995 (tls = implicit)."
        if session is None:
            line = _line(error)
            what = f"greeted with a line that is not POP3 ({line}): check what answers on this port."
            if line[:4].upper() == "-ERR":
                what = f"lets nobody in now ({line}): try again in a few minutes."
        raise BuzonError(f"The server {host}:{port} {what}") from None
    except socket.gaierror:
        raise no_such_host(host) from None
    except (OSError, ValueError, EOFError) as error:  # a ValueError: not a possible name
        raise NoConnection(no_connection(host, port, _why(error))) from None
    finally:
        if session is not None:
            with contextlib.suppress(OSError):  # a failed handshake has closed it already
                session.close()


def _stls(session: Any, context: ssl.SSLContext) -> None:
    """Asks for TLS whatever CAPA says, as the board does; poplib's own `stls` needs CAPA to name it."""
    session._shortcmd("STLS")
    session.sock = context.wrap_socket(session.sock, server_hostname=session.host)
    session.file = session.sock.makefile("rb")


def _line(error: poplib.error_proto) -> str:
    """What the server said instead of a greeting, cut to fit into a sentence."""
    said = error.args[0] if error.args else b""
    text = said.decode("latin-1") if isinstance(said, bytes) else str(said)
    return escape(text[:60]) or "an empty line"


def no_such_host(host: str) -> NoSuchHost:
    return NoSuchHost(f"There is no server {escape(host)}: check its name, and this PC's network.")


def no_connection(host: str, port: int, why: str) -> str:
    return f"No secure connection to {escape(host)}:{port} ({why}): check the server's name and port."


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "there is no server at that port"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "it does not speak TLS at that port"
    if isinstance(error, ConnectionError | EOFError):
        return "it closed the connection"
    if isinstance(error, ValueError):
        return "that is no name of a server"
    return escape(getattr(error, "strerror", None) or str(error))


def unverified() -> ssl.SSLContext:
    """A context for looking at what a server shows, without trusting it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def chain(secure: Any) -> list[bytes]:
    """The certificates as the server sent them, DER: public since Python 3.13, before on the inner object."""
    if hasattr(secure, "get_unverified_chain"):
        return [bytes(one) for one in secure.get_unverified_chain()]
    return [bytes(one.public_bytes(2)) for one in secure._sslobj.get_unverified_chain() or ()]  # 2: DER
