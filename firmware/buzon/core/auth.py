"""The less usual ways to log in: choosing among them, AUTH's exchange, APOP. Imported only when needed.

Under TLS it takes the cheapest way; without TLS, none that shows the password while there is another. No
sockets, files or clock.
"""

from binascii import a2b_base64, b2a_base64

from micropython import const

from ..errors import E_LOGIN, E_NO_MECHANISM, E_SERVER_UNKNOWN, RemoteProtocolError, ServerError
from . import sasl
from .pop3 import AUTHORIZATION, TRANSACTION
from .wire import TURN, WRITE

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .pop3 import Dialogue, Pop3
    from .sasl import Mechanism

_HIDDEN = ("scram-sha-256", "scram-sha-1", "cram-md5", "apop")  # these do not show the password; best first
_SHOWN = ("plain", "login")
_WAYS = const(3)  # tried in one session: some servers lock out a user who fails often
_COMMAND = const(255)  # octets of a command line (RFC 2449 section 4)
_PART = const(90)  # bytes of an AUTH answer that are encoded at once: a multiple of 3


def negotiate(
    pop: "Pop3",
    account: "Dict[str, Any]",
    user: bytes,
    secret: bytes,
    nonce: bytes,
    cache: "Dict[Any, Any]",
    refused: "ServerError | None" = None,
) -> "Dialogue[None]":
    """Log in as the settings say or the server offers. `secret`: the password or token; `refused`: the
    refusal of another way in this session; the other parameters are those of `login.login`.

    A few ways are tried: a refusal without a reason may be the fault of the way, and the stamp in a greeting
    does not mean that APOP works. Ways that have failed since the last login are left out. Raises ServerError
    with the ways that were tried.
    """
    from .learn import shut
    from .login import plain, user_pass

    caps = pop.caps or {}
    wanted = account.get("auth", "auto")
    any_way = wanted == "auto" and not account.get("oauth")
    ways = choose(account, caps.get(b"SASL", b""), pop.stamp, not caps or b"USER" in caps)
    if any_way:
        if cache.get("way") in ways:
            ways.remove(cache["way"])
            ways.insert(0, cache["way"])
        left = [way for way in ways if way not in cache.get("shut", "").split()]
        if not left and not refused:  # all have had their turn: start again with the first
            cache.pop("shut")
            left = ways
        ways = left
    most = _WAYS
    if refused:
        most -= 1
        refused = cache["refused"] = _tried(refused, cache)
    for way in ways[:most]:
        if any_way and not refused:  # else the earlier refusal may be why the server hangs up
            cache["asked"] = way
        try:
            if way == "user":
                yield from user_pass(pop, user, secret)
            elif way == "plain":
                yield from plain(pop, user, secret)
            elif way == "apop":
                yield from apop(pop, user, sasl.apop(pop.stamp, secret))
            else:
                yield from auth(
                    pop, way.upper(), _mechanism(way, user, secret, account, nonce, cache), secret
                )
            cache.pop("asked", None)
            cache.pop("refused", None)
            if cache.pop("shut", ""):
                cache["way"] = way
            return
        except ServerError as err:
            cache.pop("asked", None)
            cache.pop("refused", None)
            if err.code != E_LOGIN or not any_way:
                raise
            shut(cache, way)
            refused = cache["refused"] = _tried(err, cache)
    cache.pop("refused", None)
    if len(ways) <= most:  # next time, start again with the first
        cache.pop("shut", None)
    raise refused or ServerError(E_NO_MECHANISM, wanted)


def _tried(err: ServerError, cache: "Dict[Any, Any]") -> ServerError:
    """The refusal, with the ways that were tried if there were several."""
    ways = cache["shut"].upper().split()
    return ServerError(
        err.code, "%s; tried: %s" % (err.detail, ", ".join(ways)) if len(ways) > 1 else err.detail
    )


def choose(account: "Dict[str, Any]", offered: bytes, stamp: bytes, user: bool = True) -> "List[str]":
    """The ways to log in, best first: SASL mechanisms in lower case, `apop`, `user`. Raises
    ServerError(E_NO_MECHANISM). `offered`: CAPA's SASL arguments; `user`: whether the server says that it takes
    USER and PASS."""
    have = offered.lower().split()  # bytes: a server may say anything
    wanted = account.get("auth", "auto")
    if wanted not in ("auto", "apop"):
        return [wanted]
    bare = account.get("tls", "implicit") == "none"
    if stamp and (wanted == "apop" or bare) and sasl.apop(stamp, b""):
        have.append(b"apop")
    if wanted == "apop":
        if b"apop" not in have:
            raise ServerError(E_NO_MECHANISM, wanted)
        return ["apop"]
    if account.get("oauth"):
        for name in ("oauthbearer", "xoauth2"):
            if name.encode() in have:
                return [name]
        raise ServerError(E_NO_MECHANISM, "oauth")
    if bare:
        ways: "tuple[str, ...]" = _HIDDEN + _SHOWN + ("user",)
    elif not user:
        ways = _SHOWN + _HIDDEN + ("user",)
    elif b"plain" in have:
        ways = ("plain", "user", "login") + _HIDDEN  # where PLAIN fails, AUTH itself is mostly the cause
    else:
        ways = ("login", "user") + _HIDDEN
    return [name for name in ways if name == "user" or name.encode() in have]


def apop(pop: "Pop3", user: bytes, digest: bytes) -> "Dialogue[None]":
    """APOP (RFC 1939 section 7); `digest` comes from `sasl.apop`."""
    pop.need(AUTHORIZATION)
    if not (yield from pop.ask("APOP ", user + b" " + digest)):
        raise pop.refusal(E_LOGIN)
    pop.state = TRANSACTION


def auth(pop: "Pop3", name: str, mechanism: "Mechanism", secret: bytes = b"") -> "Dialogue[None]":
    """AUTH with a mechanism of `sasl` (RFC 5034). The initial response goes on the same line if that stays short.

    `secret`: the password or token, which must not be shown even if a reply contains it.
    """
    pop.need(AUTHORIZATION)
    pop.hide(b"", secret)
    tx = pop.tx
    answer = mechanism.send(None)
    first = None if answer is None else b2a_base64(answer).rstrip() or b"="
    if first and len(first) > 1:
        pop.hide(first)
    again = None
    tx.put("AUTH ")
    tx.put(name)
    if first is not None and len(name) + len(first) < _COMMAND - 8:
        tx.put(" ")
        tx.put(first)
        again = answer
        answer = None
    while True:
        tx.put("\r\n")
        yield WRITE
        line = yield from pop.line()
        if not line.startswith(b"+ ") and line != b"+":
            break
        if answer is None and again and not line[2:]:
            answer = again  # the server takes no initial response
        elif answer is None:
            try:
                answer = mechanism.send(a2b_base64(line[2:]))
            except (ValueError, StopIteration):
                pop.judge(line)  # raises
            while answer is None:
                yield TURN
                answer = mechanism.send(None)
        again = None
        pop.hide(b2a_base64(answer[:_PART]).rstrip())
        for at in range(0, len(answer), _PART):  # a token may be longer than the buffer
            tx.put(b2a_base64(answer[at : at + _PART]).rstrip())
            yield WRITE
        answer = None
    if not pop.judge(line):
        raise pop.refusal(E_LOGIN)
    try:  # the mechanism may know that the server is not genuine (SCRAM)
        mechanism.send(None)
    except StopIteration:
        pass
    except RemoteProtocolError:
        raise RemoteProtocolError(E_SERVER_UNKNOWN, name)
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
        keys = cache.setdefault("scram", {})  # a dict of its own: it is emptied when the salt changes
        return sasl.scram("sha1" if name == "scram-sha-1" else "sha256", user, secret, nonce, keys)
    raise ServerError(E_NO_MECHANISM, name)
