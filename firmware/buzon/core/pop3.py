"""The POP3 dialogue (RFC 1939, 2449, 2595) as generators over lent buffers. No sockets, files or clock.

Each command is a generator that yields READ, WRITE or STARTTLS to its driver and returns its result:
`yield from` it inside a dialogue, or give it to a driver's `run`.
"""

from binascii import a2b_base64, b2a_base64

from micropython import const

from ..errors import (
    E_GREETING,
    E_IN_USE,
    E_INJECTION,
    E_LOCAL,
    E_LOGIN,
    E_LOGIN_DELAY,
    E_NO_STLS,
    E_PASSWORD,
    E_REFUSED,
    E_REMOTE,
    E_SECRET_CHARS,
    E_SYS_PERM,
    E_SYS_TEMP,
    ConfigError,
    LinkError,
    LocalProtocolError,
    RemoteProtocolError,
    ServerError,
)
from .wire import READ, STARTTLS, TURN, WRITE, DotReader, RxBuffer, TxBuffer

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Callable, Generator, TypeVar

    from .sasl import Mechanism
    from .wire import Sink

    T = TypeVar("T")
    Dialogue = Generator[int, None, T]

_LINES = const(200000)  # in a listing; a server that sends more is not serious
_CAPS = const(200)  # lines of CAPA
_COMMAND = const(255)  # octets of a command line (RFC 2449 section 4)
_PART = const(90)  # bytes of an AUTH answer that are encoded at once: a multiple of 3
_READS = const(20000)  # for one line; one that takes more has no end
_POSTED = const(20)  # octets of a command with a message number
_MERGED = b".\r\n+OK"  # an end that is none, for want of a line end before it, and the next reply
_TEXT = const(100)  # of a reply's text, kept for the person

# The capabilities that somebody here asks for; a server may list any number of others.
_KNOWN = b" UIDL TOP USER PIPELINING SASL EXPIRE LOGIN-DELAY "

# States (RFC 1939 section 3): only what a state allows is sent.
_CONNECTED = const(0)
_AUTHORIZATION = const(1)
_TRANSACTION = const(2)
_ENDED = const(3)


def number(field: bytes) -> int:
    """A message number or a size in a listing, 0 to 2^31-1; -1 for anything else."""
    if not 0 < len(field) < 11 or not field.isdigit():
        return -1
    n = int(field)
    return n if n < 0x80000000 else -1


class Pop3:
    """One POP3 session. `rx` and `tx` are lent; nothing in it grows with the maildrop.

    Attributes after a reply: `text` (bytes, at most 100), `code` (the response code in upper case, or b"").
    After the greeting: `stamp` (APOP's timestamp or b""). After `capa`: `caps`, {name: arguments} or None
    when the server refused it.
    """

    def __init__(self, rx: RxBuffer, tx: TxBuffer) -> None:
        self.rx = rx
        self.tx = tx
        self.state = _CONNECTED
        self.text = b""
        self.code = b""
        self.stamp = b""
        self.caps: "dict[bytes, bytes] | None" = None
        self._secret = b""  # how what was sent last and must not be shown begins
        self._bare = b""  # and the same before its encoding
        self._dots = DotReader()
        self._due = 0  # replies to what was posted
        self._seen = 0  # bytes of _MERGED that what came last ends with

    # -- session

    def greeting(self) -> "Dialogue[None]":
        """The server speaks first. Raises RemoteProtocolError when it is no POP3 server, ServerError on -ERR."""
        self._need(_CONNECTED)
        try:
            line = yield from self._line()
            ok = self._judge(line)
        except RemoteProtocolError as err:
            raise RemoteProtocolError(E_GREETING, err.detail)
        if not ok:
            raise self._refusal(E_REFUSED)
        a = line.find(b"<")  # perhaps behind more text than is kept
        b = line.find(b">", a)
        self.stamp = line[a : b + 1] if 0 <= a < b else b""
        self.state = _AUTHORIZATION

    def capa(self) -> "Dialogue[bool]":
        """RFC 2449. False, and `caps` None: the server does not know the command."""
        if self.state not in (_AUTHORIZATION, _TRANSACTION):
            raise LocalProtocolError(E_LOCAL, "CAPA")
        self.caps = None
        if not (yield from self._ask("CAPA")):
            return False
        caps: "dict[bytes, bytes]" = {}

        def each(line: bytes) -> None:
            name, _, args = line.partition(b" ")
            name = name.upper()
            if name and (b" %s " % name) in _KNOWN:
                caps[name] = args.strip().upper()[:_TEXT]

        yield from self._listing(each, _CAPS)
        self.caps = caps
        return True

    def stls(self) -> "Dialogue[None]":
        """RFC 2595 section 4. It happens or the session fails: no password ever goes over what was stripped."""
        self._need(_AUTHORIZATION)
        if not (yield from self._ask("STLS")):
            raise LinkError(E_NO_STLS, _printable(self.text))
        if self.rx.r != self.rx.w:  # somebody put bytes before TLS: command injection
            raise LinkError(E_INJECTION)
        yield STARTTLS
        self.caps = None  # must be asked again

    def login(self, user: str, password: str) -> "Dialogue[None]":
        """USER and PASS. Raises ConfigError before anything is sent when they hold CR, LF or NUL."""
        self._need(_AUTHORIZATION)
        name = credential(user, "user")
        secret = credential(password, "password")
        if not (yield from self._ask("USER ", name)):
            raise self._refusal(E_LOGIN)
        self._hide(secret)
        if not (yield from self._ask("PASS ", secret)):
            raise self._refusal(E_LOGIN)
        self.state = _TRANSACTION

    def apop(self, user: str, digest: bytes) -> "Dialogue[None]":
        """APOP (RFC 1939 section 7); `digest`: of `sasl.apop`."""
        self._need(_AUTHORIZATION)
        if not (yield from self._ask("APOP ", credential(user, "user") + b" " + digest)):
            raise self._refusal(E_LOGIN)
        self.state = _TRANSACTION

    def auth(self, name: str, mechanism: "Mechanism", secret: bytes = b"") -> "Dialogue[None]":
        """AUTH with a mechanism of `sasl` (RFC 5034). The initial response goes along when the line stays short.

        `secret`: what no reply may show, the password or token.
        """
        self._need(_AUTHORIZATION)
        self._bare = secret[:4].lower()
        tx = self.tx
        answer = mechanism.send(None)
        first = None if answer is None else b2a_base64(answer).rstrip() or b"="
        if first and len(first) > 1:
            self._hide(first)
        tx.put("AUTH ")
        tx.put(name)
        if first is not None and len(name) + len(first) < _COMMAND - 8:
            tx.put(" ")
            tx.put(first)
            answer = None
        while True:
            tx.put("\r\n")
            yield WRITE
            line = yield from self._line()
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
            self._hide(b2a_base64(answer[:_PART]).rstrip())
            for at in range(0, len(answer), _PART):  # a token may be longer than the buffer
                tx.put(b2a_base64(answer[at : at + _PART]).rstrip())
                yield WRITE
            answer = None
        if not self._judge(line):
            raise self._refusal(E_LOGIN)
        try:  # the mechanism may know that this server is none (SCRAM)
            mechanism.send(None)
        except StopIteration:
            pass
        self.state = _TRANSACTION

    def quit(self) -> "Dialogue[bool]":
        """True: the server has removed what was marked. False (-ERR): some or none of it."""
        if self.state not in (_AUTHORIZATION, _TRANSACTION):
            raise LocalProtocolError(E_LOCAL, "QUIT")
        ok = yield from self._ask("QUIT")
        self.state = _ENDED
        return ok

    # -- the maildrop

    def stat(self) -> "Dialogue[tuple[int, int]]":
        """(messages, octets), as the server counts them: advice; -1 where it gave no number."""
        yield from self._do("STAT")
        fields = self.text.split(None, 2)
        return (
            number(fields[0]) if fields else -1,
            number(fields[1]) if len(fields) > 1 else -1,
        )

    def list(self, each: "Callable[[int, int], object]") -> "Dialogue[None]":
        """LIST: `each(number, octets)` for every line that has both; other lines are skipped."""
        yield from self._do("LIST")

        def line(text: bytes) -> None:
            fields = text.split(None, 2)
            if len(fields) > 1:
                n = number(fields[0])
                size = number(fields[1])
                if n > 0 and size >= 0:
                    each(n, size)

        yield from self._listing(line)

    def list_one(self, n: int) -> "Dialogue[int]":
        """LIST n: octets, or -1."""
        yield from self._do("LIST ", n)
        fields = self.text.split(None, 2)
        return number(fields[1]) if len(fields) > 1 and number(fields[0]) == n else -1

    def uidl(self, each: "Callable[[int, bytes], object]") -> "Dialogue[bool]":
        """UIDL: `each(number, uid)` for every line that has both. False: the server refused the command.

        A uid is opaque bytes without controls; longer ones than the RFC's 70 are real and accepted.
        """
        self._need(_TRANSACTION)
        if not (yield from self._ask("UIDL")):
            return False

        def line(text: bytes) -> None:
            fields = text.split(None, 1)
            if len(fields) > 1:
                n = number(fields[0])
                uid = fields[1].rstrip()
                if n > 0 and uid and _plain(uid):
                    each(n, uid)

        yield from self._listing(line)
        return True

    def uidl_one(self, n: int) -> "Dialogue[bytes]":
        """UIDL n: the uid, or b""."""
        yield from self._do("UIDL ", n)
        fields = self.text.split(None, 2)
        return fields[1] if len(fields) > 1 and number(fields[0]) == n and _plain(fields[1]) else b""

    def retr(self, n: int, sink: "Sink") -> "Dialogue[None]":
        """RETR n: the message, un-stuffed, to `sink`. ServerError on -ERR: nothing reached the sink."""
        yield from self._do("RETR ", n)
        yield from self.content(sink)

    def top(self, n: int, lines: int, sink: "Sink") -> "Dialogue[None]":
        """TOP n lines: header and first lines of the body. A preview: never the message."""
        yield from self._do("TOP %d " % n, lines)
        yield from self.content(sink)

    def dele(self, n: int) -> "Dialogue[None]":
        """DELE n: marked; gone only when `quit` returns True."""
        yield from self._do("DELE ", n)

    def noop(self) -> "Dialogue[None]":
        yield from self._do("NOOP")

    def rset(self) -> "Dialogue[None]":
        yield from self._do("RSET")

    # -- several commands in flight (RFC 2449 section 6.6), only for a server that has PIPELINING

    def post(self, verb: str, arg: "int | None" = None) -> "Dialogue[None]":
        """A command, its reply to be read later: `reply` for each, in the order they were posted."""
        self._need(_TRANSACTION)
        tx = self.tx
        if tx.n > len(tx.buf) - _POSTED:
            yield WRITE
        tx.put(verb)
        tx.put("" if arg is None else str(arg))
        tx.put("\r\n")
        self._due += 1

    def reply(self) -> "Dialogue[None]":
        """The next reply to what was posted. Raises ServerError on -ERR."""
        if self.tx.n:
            yield WRITE
        self._due -= 1
        if not (yield from self._status()):
            raise self._refusal(E_REFUSED)

    def content(self, sink: "Sink") -> "Dialogue[None]":
        """What follows the +OK of a RETR or TOP, un-stuffed, to `sink`.

        Raises RemoteProtocolError when it seems to run on into the next reply, with other commands in flight: some
        servers send no line end before the last line's, and one at a time there is no next reply to be taken for it.
        """
        dots = self._dots
        rx = self.rx
        dots.reset()
        self._seen = 0
        while True:
            r = rx.r
            ended = dots.feed(rx, sink)
            if self._due and self._runs_on(r, rx.r):
                raise RemoteProtocolError(E_REMOTE, "two messages in one")
            if ended:
                return
            yield READ

    # -- pieces

    def _need(self, state: int) -> None:
        if self.state != state:
            raise LocalProtocolError(E_LOCAL, "state %d" % self.state)

    def _do(self, verb: str, arg: "int | None" = None) -> "Dialogue[None]":
        """A command of the TRANSACTION state that must succeed."""
        yield from self.post(verb, arg)
        yield from self.reply()

    def _runs_on(self, r: int, w: int) -> bool:
        """Whether _MERGED ends in the received bytes r to w; what ends with its beginning is remembered."""
        buf = self.rx.buf
        n = self._seen
        while r < w and n and buf[r] == _MERGED[n]:
            r += 1
            n += 1
            if n == len(_MERGED):
                return True
        if r < w:
            if buf.find(_MERGED, r, w) >= 0:
                return True
            n = 0
            at = buf.rfind(b".", max(r, w - len(_MERGED) + 1), w)
            while 0 <= at + n < w and at >= 0 and buf[at + n] == _MERGED[n]:
                n += 1
            if at + n < w:
                n = 0
        self._seen = n
        return False

    def _ask(self, verb: str, arg: "bytes | str" = "") -> "Dialogue[bool]":
        tx = self.tx
        tx.put(verb)
        tx.put(arg)
        tx.put("\r\n")
        yield WRITE
        return (yield from self._status())

    def _line(self) -> "Dialogue[bytes]":
        rx = self.rx
        for _ in range(_READS):
            line = rx.line()
            if line is not None:
                return line
            yield READ
        raise RemoteProtocolError(E_REMOTE, "endless line")

    def _status(self) -> "Dialogue[bool]":
        return self._judge((yield from self._line()))

    def _judge(self, line: bytes) -> bool:
        """Exactly +OK or -ERR begins a reply; the response code and the text are kept."""
        if line.startswith(b"+OK"):
            n = 3
        elif line.startswith(b"-ERR"):
            n = 4
        else:
            n = 0
        if not n or line[n : n + 1].isalpha():
            raise RemoteProtocolError(E_REMOTE, _printable(self._shown(line)[:40]))
        text = line[n:].strip()
        self.code = b""
        if text.startswith(b"["):
            end = text.find(b"]")
            if end > 0:
                self.code = text[1:end].upper()
                text = text[end + 1 :].strip()
        if n == 4:
            self.code = self._shown(self.code)
            text = self._shown(text)
        self.text = text[:_TEXT]
        return n == 3

    def _hide(self, secret: bytes) -> None:
        """From now on nothing of a reply is shown that has the beginning of `secret` in it."""
        self._secret = secret[:4].lower()

    def _shown(self, text: bytes) -> bytes:
        """Some servers repeat what they did not understand, in capitals even."""
        low = text.lower()
        hidden = (self._secret and self._secret in low) or (self._bare and self._bare in low)
        return b"" if hidden else text

    def _refusal(self, code: int) -> ServerError:
        """The reply's own code says what is wrong; without one it stays what the caller thinks."""
        codes = {  # RFC 2449 section 8, RFC 3206. Made here: a table at hand would cost heap for good.
            "IN-USE": E_IN_USE,
            "LOGIN-DELAY": E_LOGIN_DELAY,
            "SYS/TEMP": E_SYS_TEMP,
            "SYS/PERM": E_SYS_PERM,
            "AUTH": E_PASSWORD,
        }
        code = codes.get(_printable(self.code), code)
        return ServerError(code, _printable(self.text or self.code))

    def _listing(self, each: "Callable[[bytes], object]", most: int = _LINES) -> "Dialogue[None]":
        for _ in range(most):
            line = yield from self._line()
            if line.startswith(b"."):
                if len(line) == 1:
                    return
                line = line[1:]
            each(line)
        raise RemoteProtocolError(E_REMOTE, "endless list")


def credential(text: str, what: str) -> bytes:
    """User or password as sent. Raises ConfigError when it holds CR, LF or NUL: it would be another command."""
    data = text.encode()
    if not data or b"\r" in data or b"\n" in data or b"\0" in data:
        raise ConfigError(E_SECRET_CHARS, what)
    return data


def _plain(uid: bytes) -> bool:
    """Neither blanks nor controls in it."""
    return min(uid) > 32 and b"\x7f" not in uid


def _printable(data: bytes) -> str:
    """A server's text for a person: ASCII, one line."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in data)
