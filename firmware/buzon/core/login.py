"""Logs in. The ways that most servers take are here: PLAIN in one round trip under TLS, or USER and PASS; the
others are in `auth`.

Never sends a password that the account's settings do not allow on this connection. No sockets, files or clock.
Needed only at the beginning of a session: where the heap is small it may be unloaded afterwards.
"""

from binascii import b2a_base64

from micropython import const

from ..errors import E_LOGIN, E_SECRET_CHARS, ConfigError, ServerError
from .pop3 import AUTHORIZATION, TRANSACTION
from .wire import WRITE

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from .pop3 import Dialogue, Pop3

_DELAY_MAX_S = const(3600)  # bound on a server's LOGIN-DELAY
_PLAIN = const(240)  # octets of an initial response that fits a command line (RFC 2449 section 4: 255)
_HANGS_UP = const(2)  # after the server hung up at CAPA so often in a row, it is not asked any more


def enter(pop: "Pop3", account: "Dict[str, Any]", nonce: bytes, memory: "Dict[Any, Any]") -> "Dialogue[None]":
    """From the greeting to TRANSACTION state. The caller keeps `memory` from session to session: `caps`,
    `delay` (the server's LOGIN-DELAY in seconds), SCRAM's keys, `way` (the way that the last login succeeded
    with, if it was not the first one tried), and what `learn.failed` learned from the last session.

    The capabilities are asked for once, and again after a refused login; not right after the server hung up
    at CAPA.
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
    shuts = memory.get("capa", 0)
    bare = memory.pop("bare", False) or shuts >= _HANGS_UP
    if not known and not bare:
        memory["asked"] = "capa"
        yield from pop.capa()
        memory.pop("asked")
    known = known or bare
    asks = not known and pop.caps is not None
    pop.caps = pop.caps or {}
    yield from login(pop, account, nonce, memory)
    caps = pop.caps
    if asks and not (b"UIDL" in caps and b"PIPELINING" in caps and b"TOP" in caps):
        memory["asked"] = "capa"
        yield from pop.capa()  # some servers tell all of it only now
        memory.pop("asked")
        caps = pop.caps = pop.caps or caps
    if not known:
        memory.pop("capa", None)
    if not bare or shuts >= _HANGS_UP:
        memory["caps"] = b"\n".join(
            b"%-16s%s" % (name, caps[name]) for name in caps
        )  # a dict would take much more memory
    if bare and "expire" not in memory:  # nothing says that it keeps what was retrieved
        memory["expire"] = True
    if caps:
        memory["expire"] = caps.get(b"EXPIRE", b"").startswith(b"0")
    delay = caps.get(b"LOGIN-DELAY", b"").split(b" ")[0]  # kept apart: a refused login forgets `caps`
    if delay.isdigit():
        memory["delay"] = min(int(delay), _DELAY_MAX_S)


def login(pop: "Pop3", account: "Dict[str, Any]", nonce: bytes, cache: "Dict[Any, Any]") -> "Dialogue[None]":
    """Log in after the greeting, with TLS (if any) up. `account`: user, password or oauth, auth, tls, host, port.

    `nonce`: random printable bytes, for SCRAM; `cache`: kept from login to login (the `memory` of `enter`).
    Asks for `pop.caps` if they are not known. If a way is refused without a code that blames the password,
    the next one is tried, unless the settings name one. Raises ConfigError before anything is sent,
    ServerError(E_NO_MECHANISM), or the server's refusal with the ways that were tried.
    """
    user = credential(account["user"], "user")
    what = "oauth" if account.get("oauth") else "password"
    secret = credential(account[what], what)
    if pop.caps is None:
        yield from pop.capa()
    pop.need(AUTHORIZATION)
    way = account.get("auth", "auto")
    any_way = way == "auto" and what == "password"
    if any_way:
        way = cache.get("way", way)
        if way == "auto" and account.get("tls") != "none" and not cache.get("shut"):
            offered = (pop.caps or {}).get(b"SASL", b"").lower().split()  # bytes: a server may say anything
            way = "user" if not offered else "plain" if b"plain" in offered else way
    refused = None
    if way in ("plain", "user"):
        if any_way:
            cache["asked"] = way
        try:
            if way == "plain":
                yield from plain(pop, user, secret)
            else:
                yield from user_pass(pop, user, secret)
            cache.pop("asked", None)
            return
        except ServerError as err:
            cache.pop("asked", None)
            if not any_way or err.code != E_LOGIN:
                raise
            from .learn import shut

            shut(cache, way)
            refused = err
    from .auth import negotiate

    yield from negotiate(pop, account, user, secret, nonce, cache, refused)


def plain(pop: "Pop3", user: bytes, secret: bytes) -> "Dialogue[None]":
    """AUTH PLAIN (RFC 4616) in one round trip; in two if the initial response would be too long (RFC 5034
    section 4) or the server asks for it."""
    pop.need(AUTHORIZATION)
    first = b2a_base64(b"\0%s\0%s" % (user, secret)).rstrip()
    pop.hide(first, secret)
    tx = pop.tx
    tx.put("AUTH PLAIN\r\n" if len(first) > _PLAIN else b"AUTH PLAIN %s\r\n" % first)
    yield WRITE
    line = yield from pop.line()
    if line[:1] == b"+" and line[1:2] in b" ":
        for at in range(0, len(first), _PLAIN):  # it may be longer than the buffer
            tx.put(first[at : at + _PLAIN])
            yield WRITE
        tx.put("\r\n")
        yield WRITE
        line = yield from pop.line()
    if not pop.judge(line):
        raise pop.refusal(E_LOGIN)
    pop.state = TRANSACTION


def user_pass(pop: "Pop3", user: bytes, secret: bytes) -> "Dialogue[None]":
    """USER and PASS. `user` and `secret` come from `credential`."""
    pop.need(AUTHORIZATION)
    yield from _step(pop, "USER ", user)
    pop.hide(secret)
    yield from _step(pop, "PASS ", secret)
    pop.state = TRANSACTION


def _step(pop: "Pop3", verb: str, arg: bytes) -> "Dialogue[None]":
    if not (yield from pop.ask(verb, arg)):
        raise pop.refusal(E_LOGIN)


def credential(text: str, what: str) -> bytes:
    """User or password as sent. Raises ConfigError if it is empty or holds CR, LF or NUL, which could make it
    another command."""
    data = text.encode()
    if not data or b"\r" in data or b"\n" in data or b"\0" in data:
        raise ConfigError(E_SECRET_CHARS, what)
    return data
