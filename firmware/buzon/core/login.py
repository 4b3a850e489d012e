"""Chooses how to log in. Under TLS the cheapest way; without it nothing that shows the password while there is another.

Never sends a password that the account's settings do not allow on this connection. No sockets, files or clock.
"""

from micropython import const

from ..errors import E_NO_MECHANISM, ServerError
from .pop3 import credential

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from .pop3 import Dialogue, Pop3
    from .sasl import Mechanism

_HIDDEN = ("scram-sha-256", "scram-sha-1", "cram-md5", "apop")  # what does not show the password, best first
_SHOWN = ("plain", "login")


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
        yield from pop.login(account["user"], account["password"])
    elif name == "plain":
        yield from pop.auth("PLAIN", plain(user, secret), secret)
    elif name == "apop":
        from . import sasl

        yield from pop.apop(account["user"], sasl.apop(pop.stamp, secret))
    else:
        yield from pop.auth(name.upper(), _mechanism(name, user, secret, account, nonce, cache), secret)


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
