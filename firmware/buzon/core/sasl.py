"""SASL mechanisms as generators, for any protocol that has AUTH. Pure: no sockets, files or clock.

A mechanism yields its initial response (None: it has none), then is sent each challenge and yields its
answer. None instead of an answer lets other tasks have a turn while it computes: send it None. When the
server says that the login succeeded, send it None once more: a mechanism that disagrees raises
RemoteProtocolError.
"""

import hashlib
from binascii import a2b_base64, b2a_base64, hexlify

from micropython import const

from ..errors import E_REMOTE, E_SERVER_UNKNOWN, RemoteProtocolError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Generator, Optional

    Mechanism = Generator[Optional[bytes], Optional[bytes], None]

_ROUNDS_MAX = const(65536)  # of PBKDF2: more would take a board minutes
_ROUNDS_MIN = const(4096)  # RFC 7677 section 4: fewer would make guessing cheap
_ROUNDS_A_TURN = const(64)
_BLOCK = const(64)  # bytes in a block of MD5, SHA-1 and SHA-256


def plain(user: bytes, password: bytes) -> "Mechanism":
    """RFC 4616."""
    yield b"\0" + user + b"\0" + password


def login(user: bytes, password: bytes) -> "Mechanism":
    """The LOGIN mechanism (draft-murchison-sasl-login): the user comes first, whatever the prompts say."""
    yield None
    yield user
    yield password


def cram_md5(user: bytes, password: bytes) -> "Mechanism":
    """RFC 2195."""
    challenge = yield None
    yield user + b" " + hexlify(_hmac(_pads(hashlib.md5, password), challenge or b""))


def xoauth2(user: bytes, token: bytes) -> "Mechanism":
    """Google's and Microsoft's XOAUTH2, in two steps, as Microsoft requires. A second challenge is the JSON
    of an error: the empty answer to it fetches the -ERR."""
    yield None
    yield b"user=" + user + b"\1auth=Bearer " + token + b"\1\1"
    yield b""


def oauthbearer(user: bytes, token: bytes, host: str, port: int) -> "Mechanism":
    """RFC 7628. A challenge is the JSON of an error: the answer to it is a single ^A (section 3.2.3)."""
    name = user.replace(b"=", b"=3D").replace(b",", b"=2C")
    yield b"n,a=%s,\1host=%s\1port=%d\1auth=Bearer %s\1\1" % (name, host.encode(), port, token)
    yield b"\1"


def scram(
    hash_name: str, user: bytes, password: bytes, nonce: bytes, cache: "Dict[bytes, Any]"
) -> "Mechanism":
    """RFC 5802 and 7677, without channel binding. `hash_name`: `sha1` or `sha256`; `nonce`: printable, random.

    `cache` keeps the salted password for the next login; empty it when the password changes.
    Raises RemoteProtocolError for a challenge that makes no sense or a server that does not know the password.
    """
    new = getattr(hashlib, hash_name)
    bare = b"n=" + user.replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=" + nonce
    first = yield b"n,," + bare
    fields = _fields(first)
    salt = _decoded(fields.get(b"s", b""))
    rounds = fields.get(b"i", b"")
    whole = fields.get(b"r", b"")
    if (
        not salt
        or not rounds.isdigit()
        or len(rounds) > 8
        or not whole.startswith(nonce)
        or len(whole) == len(nonce)
    ):
        raise RemoteProtocolError(E_REMOTE, "SCRAM challenge")
    if not _ROUNDS_MIN <= int(rounds) <= _ROUNDS_MAX:
        raise RemoteProtocolError(E_REMOTE, "SCRAM, %d rounds" % int(rounds))
    key = hash_name.encode() + b":" + salt + b":" + rounds
    salted = cache.get(key)
    if salted is None:
        salted = yield from _salted(new, password, salt, int(rounds))
        cache.clear()
        cache[key] = salted
    pads = _pads(new, salted)
    client = _hmac(pads, b"Client Key")
    final = b"c=biws,r=" + whole
    signed = b",".join((bare, first or b"", final))
    signature = _hmac(_pads(new, new(client).digest()), signed)
    proof = bytes(a ^ b for a, b in zip(client, signature))
    outcome = yield final + b",p=" + b2a_base64(proof).rstrip()
    wanted = _hmac(_pads(new, _hmac(pads, b"Server Key")), signed)
    if outcome is None or _decoded(_fields(outcome).get(b"v", b"")) != wanted:
        raise RemoteProtocolError(E_SERVER_UNKNOWN)
    yield b""


def apop(stamp: bytes, password: bytes) -> bytes:
    """APOP's digest (RFC 1939 section 7); b"" if the stamp is not a msg-id.

    A man in the middle who could choose any stamp would learn the password bit by bit (CVE-2007-1558).
    """
    local, at, domain = stamp[1:-1].partition(b"@")
    if stamp[:1] != b"<" or stamp[-1:] != b">" or not local or not at or not domain:
        return b""
    for c in local + domain:
        if not 32 < c < 127 or c in b'<>()[]@,;:\\"':
            return b""
    return hexlify(hashlib.md5(stamp + password).digest())


def _fields(message: "bytes | None") -> "Dict[bytes, bytes]":
    return {part[:1]: part[2:] for part in (message or b"").split(b",") if part[1:2] == b"="}


def _decoded(text: bytes) -> bytes:
    try:
        return a2b_base64(text)
    except ValueError:
        return b""


def _pads(new: "Callable[..., Any]", key: bytes) -> "tuple[Any, bytes, bytes]":
    """A key prepared for HMAC (RFC 2104): the hash, the inner pad and the outer pad."""
    if len(key) > _BLOCK:
        key = new(key).digest()
    key = key + bytes(_BLOCK - len(key))
    return new, bytes(c ^ 0x36 for c in key), bytes(c ^ 0x5C for c in key)


def _hmac(pads: "tuple[Any, bytes, bytes]", data: bytes) -> bytes:
    new, inner, outer = pads
    hashed = new(inner)
    hashed.update(data)
    whole = new(outer)
    whole.update(hashed.digest())
    return whole.digest()  # type: ignore[no-any-return]


def _salted(
    new: "Callable[..., Any]", password: bytes, salt: bytes, rounds: int
) -> "Generator[Optional[bytes], Optional[bytes], bytes]":
    """PBKDF2's first block (RFC 5802 section 2.2, Hi). Takes seconds on a board, so other tasks get turns."""
    pads = _pads(new, password)
    last = _hmac(pads, salt + b"\0\0\0\1")
    total = int.from_bytes(last, "big")
    for i in range(1, rounds):
        last = _hmac(pads, last)
        total ^= int.from_bytes(last, "big")
        if i % _ROUNDS_A_TURN == 0:
            yield None
    return total.to_bytes(len(last), "big")
