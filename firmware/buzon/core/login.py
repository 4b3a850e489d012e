"""Chooses how to log in. Under TLS the cheapest way; without it nothing that shows the password while there is another.

Never sends a password that the account's settings do not allow on this connection. No sockets, files or clock.
Needed at the beginning of a session only: where the heap is small it may be unloaded after.
"""

from binascii import a2b_base64, b2a_base64

from micropython import const

from ..errors import (
    E_LOGIN,
    E_NO_MECHANISM,
    E_REMOTE,
    E_SECRET_CHARS,
    ConfigError,
    RemoteProtocolError,
    ServerError,
)
from .pop3 import AUTHORIZATION, TRANSACTION
from .wire import TURN, WRITE

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from .pop3 import Dialogue, Pop3
    from .sasl import Mechanism

_HIDDEN = ("scram-sha-256", "scram-sha-1", "cram-md5", "apop")  # what does not show the password, best first
_SHOWN = ("plain", "login")
_DELAY_MAX_S = const(3600)  # of a server's LOGIN-DELAY
_COMMAND = const(255)  # octets of a command line (RFC 2449 section 4)
_PART = const(90)  # bytes of an AUTH answer that are encoded at once: a multiple of 3


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
    token = account.get("oauth")
    if token:
        secret = credential(token, "oauth")
    else:
        secret = credential(account["password"], "password")
    if pop.caps is None:
        yield from pop.capa()
    caps = pop.caps or {}
    name = choose(account, caps.get(b"SASL", b""), pop.stamp, not caps or b"USER" in caps)
    if name == "user":
        yield from user_pass(pop, account["user"], account["password"])
    elif name == "plain":
        yield from auth(pop, "PLAIN", plain(user, secret), secret)
    elif name == "apop":
        from . import sasl

        yield from apop(pop, account["user"], sasl.apop(pop.stamp, secret))
    else:
        yield from auth(pop, name.upper(), _mechanism(name, user, secret, account, nonce, cache), secret)


def choose(account: "Dict[str, Any]", offered: bytes, stamp: bytes, user: bool = True) -> str:
    """The way in: a SASL mechanism in lower case, `apop` or `user`. `offered`: CAPA's SASL arguments; `user`: whether
    the server may take USER and PASS."""
    have = offered.lower().split()  # bytes: a server may say anything
    wanted = account.get("auth", "auto")
    if wanted not in ("auto", "apop"):
        return wanted  # type: ignore[no-any-return]
    if stamp and (wanted == "apop" or account.get("tls") == "none"):
        from . import sasl

        if sasl.apop(stamp, b""):
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


def user_pass(pop: "Pop3", user: str, password: str) -> "Dialogue[None]":
    """USER and PASS. Raises ConfigError before anything is sent when they hold CR, LF or NUL."""
    pop.need(AUTHORIZATION)
    name = credential(user, "user")
    secret = credential(password, "password")
    if not (yield from pop.ask("USER ", name)):
        raise pop.refusal(E_LOGIN)
    pop.hide(secret)
    if not (yield from pop.ask("PASS ", secret)):
        raise pop.refusal(E_LOGIN)
    pop.state = TRANSACTION


def apop(pop: "Pop3", user: str, digest: bytes) -> "Dialogue[None]":
    """APOP (RFC 1939 section 7); `digest`: of `sasl.apop`."""
    pop.need(AUTHORIZATION)
    if not (yield from pop.ask("APOP ", credential(user, "user") + b" " + digest)):
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


def plain(user: bytes, password: bytes) -> "Mechanism":
    """RFC 4616. Here, because it is what nearly all need: the others are imported when they are."""
    yield b"\0" + user + b"\0" + password


def _mechanism(
    name: str, user: bytes, secret: bytes, account: "Dict[str, Any]", nonce: bytes, cache: "Dict[Any, Any]"
) -> "Mechanism":
    from . import sasl

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


def credential(text: str, what: str) -> bytes:
    """User or password as sent. Raises ConfigError when it holds CR, LF or NUL: it would be another command."""
    data = text.encode()
    if not data or b"\r" in data or b"\n" in data or b"\0" in data:
        raise ConfigError(E_SECRET_CHARS, what)
    return data
