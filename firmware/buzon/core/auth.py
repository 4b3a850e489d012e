"""Logging in by any way but the usual ones: the choice among them, AUTH's exchange, APOP. Imported only then.

Under TLS the cheapest way; without it nothing that shows the password while there is another. No sockets, files or
clock.
"""

from binascii import a2b_base64, b2a_base64

from micropython import const

from ..errors import E_LOGIN, E_NO_MECHANISM, E_REMOTE, RemoteProtocolError, ServerError
from . import sasl
from .pop3 import AUTHORIZATION, TRANSACTION
from .wire import TURN, WRITE

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from .pop3 import Dialogue, Pop3
    from .sasl import Mechanism

_HIDDEN = ("scram-sha-256", "scram-sha-1", "cram-md5", "apop")  # what does not show the password, best first
_SHOWN = ("plain", "login")
_COMMAND = const(255)  # octets of a command line (RFC 2449 section 4)
_PART = const(90)  # bytes of an AUTH answer that are encoded at once: a multiple of 3


def negotiate(
    pop: "Pop3", account: "Dict[str, Any]", user: bytes, secret: bytes, nonce: bytes, cache: "Dict[Any, Any]"
) -> "Dialogue[bool]":
    """Log in as the settings say or the server offers. False: what is left are USER and PASS.

    `secret`: the password or token; the others as `login.login` has them.
    """
    caps = pop.caps or {}
    name = choose(account, caps.get(b"SASL", b""), pop.stamp, not caps or b"USER" in caps)
    if name == "user":
        return False
    if name == "apop":
        yield from apop(pop, user, sasl.apop(pop.stamp, secret))
    else:
        yield from auth(pop, name.upper(), _mechanism(name, user, secret, account, nonce, cache), secret)
    return True


def choose(account: "Dict[str, Any]", offered: bytes, stamp: bytes, user: bool = True) -> str:
    """The way in: a SASL mechanism in lower case, `apop` or `user`. `offered`: CAPA's SASL arguments; `user`: whether
    the server may take USER and PASS."""
    have = offered.lower().split()  # bytes: a server may say anything
    wanted = account.get("auth", "auto")
    if wanted not in ("auto", "apop"):
        return wanted  # type: ignore[no-any-return]
    if stamp and (wanted == "apop" or account.get("tls") == "none") and sasl.apop(stamp, b""):
        have.append(b"apop")
    if wanted == "apop":
        if b"apop" not in have:
            raise ServerError(E_NO_MECHANISM, wanted)
        return "apop"
    if account.get("oauth"):
        for name in ("oauthbearer", "xoauth2"):
            if name.encode() in have:
                return name
        raise ServerError(E_NO_MECHANISM, "oauth")
    if account.get("tls", "implicit") == "none":
        ways: "tuple[str, ...]" = _HIDDEN + _SHOWN
    else:
        ways = _SHOWN + (() if user else _HIDDEN)
    for name in ways:
        if name.encode() in have:
            return name
    return "user"


def apop(pop: "Pop3", user: bytes, digest: bytes) -> "Dialogue[None]":
    """APOP (RFC 1939 section 7); `digest`: of `sasl.apop`."""
    pop.need(AUTHORIZATION)
    if not (yield from pop.ask("APOP ", user + b" " + digest)):
        raise pop.refusal(E_LOGIN)
    pop.state = TRANSACTION


def auth(pop: "Pop3", name: str, mechanism: "Mechanism", secret: bytes = b"") -> "Dialogue[None]":
    """AUTH with a mechanism of `sasl` (RFC 5034). The initial response goes along when the line stays short.

    `secret`: what no reply may show, the password or token.
    """
    pop.need(AUTHORIZATION)
    pop.hide(b"", secret)
    tx = pop.tx
    answer = mechanism.send(None)
    first = None if answer is None else b2a_base64(answer).rstrip() or b"="
    if first and len(first) > 1:
        pop.hide(first)
    tx.put("AUTH ")
    tx.put(name)
    if first is not None and len(name) + len(first) < _COMMAND - 8:
        tx.put(" ")
        tx.put(first)
        answer = None
    while True:
        tx.put("\r\n")
        yield WRITE
        line = yield from pop.line()
        if not line.startswith(b"+ ") and line != b"+":
            break
        if answer is None:
            try:
                answer = mechanism.send(a2b_base64(line[2:]))
            except (ValueError, StopIteration):
                raise RemoteProtocolError(E_REMOTE, "AUTH challenge")
            while answer is None:
                yield TURN
                answer = mechanism.send(None)
        pop.hide(b2a_base64(answer[:_PART]).rstrip())
        for at in range(0, len(answer), _PART):  # a token may be longer than the buffer
            tx.put(b2a_base64(answer[at : at + _PART]).rstrip())
            yield WRITE
        answer = None
    if not pop.judge(line):
        raise pop.refusal(E_LOGIN)
    try:  # the mechanism may know that this server is none (SCRAM)
        mechanism.send(None)
    except StopIteration:
        pass
    pop.state = TRANSACTION


def _mechanism(
    name: str, user: bytes, secret: bytes, account: "Dict[str, Any]", nonce: bytes, cache: "Dict[Any, Any]"
) -> "Mechanism":
    if name == "plain":
        return sasl.plain(user, secret)
    if name == "login":
        return sasl.login(user, secret)
    if name == "cram-md5":
        return sasl.cram_md5(user, secret)
    if name == "xoauth2":
        return sasl.xoauth2(user, secret)
    if name == "oauthbearer":
        return sasl.oauthbearer(user, secret, account["host"], account.get("port", 995))
    if name in ("scram-sha-1", "scram-sha-256"):
        keys = cache.setdefault("scram", {})  # one of its own: it is emptied when the salt changes
        return sasl.scram("sha1" if name == "scram-sha-1" else "sha256", user, secret, nonce, keys)
    raise ServerError(E_NO_MECHANISM, name)
