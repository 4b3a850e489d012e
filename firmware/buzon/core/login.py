"""Logs in. What most servers take is here, PLAIN in one round trip under TLS, or USER and PASS; the rest is in `auth`.

Never sends a password that the account's settings do not allow on this connection. No sockets, files or clock.
Needed at the beginning of a session only: where the heap is small it may be unloaded after.
"""

from binascii import b2a_base64

from micropython import const

from ..errors import E_LOGIN, E_SECRET_CHARS, ConfigError
from .pop3 import AUTHORIZATION, TRANSACTION

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from .pop3 import Dialogue, Pop3

_DELAY_MAX_S = const(3600)  # of a server's LOGIN-DELAY
_PLAIN = const(240)  # octets of an initial response that fits a command line (RFC 2449 section 4: 255)


def enter(pop: "Pop3", account: "Dict[str, Any]", nonce: bytes, memory: "Dict[Any, Any]") -> "Dialogue[None]":
    """Greeting to TRANSACTION state. `memory`: kept by the caller from session to session: `caps`, `delay` (its
    LOGIN-DELAY in seconds), keys of SCRAM.

    What the server can is asked once, and again when it refused somebody.
    """
    yield from pop.greeting()
    if account.get("tls") == "starttls":
        yield from pop.stls()
    else:
        saved = memory.get("caps")
        if saved is not None:
            pop.caps = {line[:16].rstrip(): line[16:] for line in saved.split(b"\n") if line}
    known = pop.caps is not None
    memory.pop("caps", None)
    yield from login(pop, account, nonce, memory)
    caps = pop.caps
    if not known and caps is not None and not (b"UIDL" in caps and b"PIPELINING" in caps and b"TOP" in caps):
        yield from pop.capa()  # some say all of it only now
    caps = pop.caps = pop.caps or {}
    memory["caps"] = b"\n".join(b"%-16s%s" % (name, caps[name]) for name in caps)  # a dict takes much more
    delay = caps.get(b"LOGIN-DELAY", b"").split(b" ")[0]  # kept apart: `caps` is forgotten by a refused login
    if delay.isdigit():
        memory["delay"] = min(int(delay), _DELAY_MAX_S)


def login(pop: "Pop3", account: "Dict[str, Any]", nonce: bytes, cache: "Dict[Any, Any]") -> "Dialogue[None]":
    """Greeting is over, TLS (if any) is up. `account`: user, password or oauth, auth, tls, host, port.

    `nonce`: random printable bytes, for SCRAM; `cache`: kept from login to login, SCRAM puts its keys there.
    `pop.caps` is asked for if it is not known. Raises ConfigError before anything is sent,
    ServerError(E_NO_MECHANISM) or what the server's refusal says.
    """
    user = credential(account["user"], "user")
    what = "oauth" if account.get("oauth") else "password"
    secret = credential(account[what], what)
    if pop.caps is None:
        yield from pop.capa()
    way = account.get("auth", "auto")
    if way == "auto" and what == "password" and account.get("tls") != "none":
        offered = (pop.caps or {}).get(b"SASL", b"").lower().split()  # bytes: a server may say anything
        way = "user" if not offered else "plain" if b"plain" in offered else way
    pop.need(AUTHORIZATION)
    if way == "plain":
        first = b2a_base64(b"\0%s\0%s" % (user, secret)).rstrip()
        if len(first) <= _PLAIN:
            pop.hide(first, secret)
            yield from _step(pop, "AUTH PLAIN ", first)
            pop.state = TRANSACTION
            return
    if way != "user":
        from .auth import negotiate

        if (yield from negotiate(pop, account, user, secret, nonce, cache)):
            return
    yield from user_pass(pop, user, secret)


def user_pass(pop: "Pop3", user: bytes, secret: bytes) -> "Dialogue[None]":
    """USER and PASS, of `credential`s."""
    pop.need(AUTHORIZATION)
    yield from _step(pop, "USER ", user)
    pop.hide(secret)
    yield from _step(pop, "PASS ", secret)
    pop.state = TRANSACTION


def _step(pop: "Pop3", verb: str, arg: bytes) -> "Dialogue[None]":
    if not (yield from pop.ask(verb, arg)):
        raise pop.refusal(E_LOGIN)


def credential(text: str, what: str) -> bytes:
    """User or password as sent. Raises ConfigError when it holds CR, LF or NUL: it would be another command."""
    data = text.encode()
    if not data or b"\r" in data or b"\n" in data or b"\0" in data:
        raise ConfigError(E_SECRET_CHARS, what)
    return data
