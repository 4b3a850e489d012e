"""The POP3 dialogue (RFC 1939, 2449, 2595) as generators over lent buffers. No sockets, files or clock.

Each command is a generator that yields READ, WRITE or STARTTLS to its driver and returns its result. Use
`yield from` inside a dialogue, or pass the generator to a driver's `run`.
"""

from micropython import const

from ..errors import (
    E_GREETING,
    E_IN_USE,
    E_INJECTION,
    E_LOCAL,
    E_LOGIN_DELAY,
    E_NO_STLS,
    E_PASSWORD,
    E_REFUSED,
    E_REMOTE,
    E_SYS_PERM,
    E_SYS_TEMP,
    LinkError,
    LocalProtocolError,
    RemoteProtocolError,
    ServerError,
)
from .dots import dot_reader
from .wire import READ, STARTTLS, WRITE, RxBuffer, TxBuffer

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Callable, Generator, TypeVar

    from .wire import Sink

    T = TypeVar("T")
    Dialogue = Generator[int, None, T]

_LINES = const(200000)  # in a listing; a server that sends more is not to be taken seriously
_CAPS = const(200)  # lines of CAPA
_READS = const(20000)  # for one line; a line that takes more is endless
_POSTED = const(20)  # octets of a command with a message number
_TEXT = const(100)  # octets of a reply's text that are kept for the person
_LINE = const(60)  # the same for a line that is not a reply

# The capabilities used here; a server may list any number of others.
_KNOWN = b" UIDL TOP USER PIPELINING SASL EXPIRE LOGIN-DELAY "

# States (RFC 1939 section 3): only what a state allows is sent.
_CONNECTED = const(0)
AUTHORIZATION = const(1)
TRANSACTION = const(2)
_ENDED = const(3)

# What is known of a server's replies to commands in flight. ONE: it gets one command at a time from now on. MAYBE: it
# does so until its sizes turn out to be wrong. ADVICE: they are wrong and prove nothing.
ONE = const(1)
MAYBE = const(2)
ADVICE = const(3)


def number(field: bytes) -> int:
    """A message number or a size in a listing, 0 to 2^31-1; -1 for anything else."""
    if not 0 < len(field) < 11 or not field.isdigit():
        return -1
    n = int(field)
    return n if n < 0x80000000 else -1


class Pop3:
    """One POP3 session. `rx` and `tx` are lent; nothing in it grows with the maildrop.

    Attributes after a reply: `text` (bytes, at most 100), `code` (the response code in upper case, or b"").
    After the greeting: `stamp` (APOP's timestamp or b""). After `capa`: `caps`, {name: arguments}, or None if
    the server refused it. `realm`: what `uidl` puts before each unique id; `due`: the number of replies not
    read yet.
    """

    def __init__(self, rx: RxBuffer, tx: TxBuffer) -> None:
        self.rx = rx
        self.tx = tx
        self.state = _CONNECTED
        self.text = b""
        self.code = b""
        self.stamp = b""
        self.realm = b""
        self.caps: "dict[bytes, bytes] | None" = None
        self._sent = b""  # the beginning of what was last sent that must not be shown
        self._secret = b""  # the same before its encoding
        self.due = 0

    # -- session

    def greeting(self) -> "Dialogue[None]":
        """Read the server's greeting. Raises RemoteProtocolError if it is no POP3 server, ServerError on -ERR."""
        self.need(_CONNECTED)
        try:
            line = yield from self.line()
            ok = self.judge(line)
        except RemoteProtocolError as err:
            raise RemoteProtocolError(E_GREETING, err.detail)
        if not ok:
            raise self.refusal(E_REFUSED)
        a = line.find(b"<")  # it may follow more text than `text` keeps
        b = line.find(b">", a)
        self.stamp = line[a : b + 1] if 0 <= a < b else b""
        self.state = AUTHORIZATION

    def capa(self) -> "Dialogue[bool]":
        """CAPA (RFC 2449). Returns False, with `caps` None, if the server does not know the command."""
        if self.state not in (AUTHORIZATION, TRANSACTION):
            raise LocalProtocolError(E_LOCAL, "CAPA")
        self.caps = None
        if not (yield from self.ask("CAPA")):
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
        """STLS (RFC 2595 section 4). If it fails, so does the session: no password goes out if it was stripped."""
        self.need(AUTHORIZATION)
        if not (yield from self.ask("STLS")):
            raise LinkError(E_NO_STLS, _printable(self.text))
        if self.rx.r != self.rx.w:  # somebody slipped in bytes before TLS: command injection
            raise LinkError(E_INJECTION)
        yield STARTTLS
        self.caps = None  # must be asked again

    def quit(self, before: "Dialogue[None] | None" = None) -> "Dialogue[bool]":
        """QUIT. True: the server has removed what was marked. False (-ERR): it has removed some or none of it.

        `before`: reads the replies to commands posted earlier; QUIT is posted along with them.
        """
        if self.state not in (AUTHORIZATION, TRANSACTION):
            raise LocalProtocolError(E_LOCAL, "QUIT")
        if before:
            yield from self.post("QUIT")
            yield from before
            self.due = 0
            ok = self.judge((yield from self.line()))
        else:
            ok = yield from self.ask("QUIT")
        self.state = _ENDED
        return ok

    # -- the maildrop

    def stat(self, posted: bool = False) -> "Dialogue[tuple[int, int]]":
        """STAT: (messages, octets), as the server counts them. Only advice; -1 where it gave no number.

        `posted`: the command has been posted already.
        """
        if not posted:
            yield from self.post("STAT")
        yield from self.reply()
        fields = self.text.split(None, 2)
        return (
            number(fields[0]) if fields else -1,
            number(fields[1]) if len(fields) > 1 else -1,
        )

    def list(self, each: "Callable[[int, int], object]", posted: bool = False) -> "Dialogue[None]":
        """LIST: calls `each(number, octets)` for every line that has both; other lines are skipped.

        `posted`: the command has been posted already.
        """
        if not posted:
            yield from self.post("LIST")
        yield from self.reply()

        def line(text: bytes) -> None:
            fields = text.split(None, 2)
            if len(fields) > 1:
                n = number(fields[0])
                size = number(fields[1])
                if n > 0 and size >= 0:
                    each(n, size)

        yield from self._listing(line)

    def uidl(self, each: "Callable[[int, bytes], object]", after: str = "") -> "Dialogue[bool]":
        """UIDL: calls `each(number, uid)` for every line with a number. False: the server refused the command.

        A uid is opaque bytes without blanks or controls; some servers exceed the RFC's 70, which is accepted.
        `realm` is put before each, as uids are unique only within a maildrop. b"": the line has none that can
        be used.
        `after`: a command to be posted along with UIDL.
        """
        yield from self.post("UIDL")
        if after:
            yield from self.post(after)
        try:
            yield from self.reply()
        except ServerError:
            return False

        def line(text: bytes) -> None:
            fields = text.split(None, 1)
            n = number(fields[0]) if fields else -1
            if n > 0:
                uid = fields[1].rstrip() if len(fields) > 1 else b""
                each(n, self.realm + uid if uid and _plain(uid) else b"")

        yield from self._listing(line)
        return True

    # -- several commands in flight (RFC 2449 section 6.6), only for a server that has PIPELINING

    def post(self, verb: str, arg: "int | None" = None) -> "Dialogue[None]":
        """Post a command whose reply is read later: call `reply` for each, in the order of posting."""
        self.need(TRANSACTION)
        tx = self.tx
        if tx.n > len(tx.buf) - _POSTED:
            yield WRITE
        tx.put(verb)
        tx.put("" if arg is None else str(arg))
        tx.put(b"\r\n")
        self.due += 1

    def reply(self) -> "Dialogue[None]":
        """Read the next reply to a posted command. Raises ServerError on -ERR."""
        if self.tx.n:
            yield WRITE
        self.due -= 1
        if not self.judge((yield from self.line())):
            raise self.refusal(E_REFUSED)

    def content(self, sink: "Sink") -> "Dialogue[None]":
        """Hand what follows the +OK of a RETR or TOP, un-stuffed, to `sink`.

        With other commands in flight this may be two messages and the reply between them: some servers send
        no line end before the final dot. With one command at a time, there is no next reply to be mistaken
        for content.
        """
        return dot_reader(self.rx, sink)

    # -- pieces, for dialogues that add commands

    def need(self, state: int) -> None:
        """Raises LocalProtocolError in any other state."""
        if self.state != state:
            raise LocalProtocolError(E_LOCAL, "state %d" % self.state)

    def do(self, verb: str, arg: "int | None" = None) -> "Dialogue[None]":
        """Send a command of the TRANSACTION state that must succeed. Raises ServerError on -ERR."""
        yield from self.post(verb, arg)
        yield from self.reply()

    def ask(self, verb: str, arg: "bytes | str" = "") -> "Dialogue[bool]":
        """Send a command and read its reply. True: +OK."""
        tx = self.tx
        tx.put(verb)
        tx.put(arg)
        tx.put(b"\r\n")
        yield WRITE
        return self.judge((yield from self.line()))

    def line(self) -> "Dialogue[bytes]":
        """The next line, without its end."""
        rx = self.rx
        for _ in range(_READS):
            line = rx.line()
            if line is not None:
                return line
            yield READ
        raise RemoteProtocolError(E_REMOTE, "endless line")

    def judge(self, line: bytes) -> bool:
        """Whether a reply is +OK or -ERR, in any case (some servers say +Ok). Keeps its response code and text.

        Raises RemoteProtocolError for any other line.
        """
        if line[:3].upper() == b"+OK":
            n = 3
        elif line[:4].upper() == b"-ERR":
            n = 4
        else:
            n = 0
        if not n or line[n : n + 1].isalpha():
            raise RemoteProtocolError(E_REMOTE, _printable(self._shown(line)[:_LINE]) or "a line not shown")
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
        self.text = text[:_TEXT] if len(text) > _TEXT else text
        return n == 3

    def hide(self, sent: bytes, secret: bytes = b"") -> None:
        """From now on, show nothing of a reply that contains the beginning of `sent` or of `secret`.

        `secret`: what `sent` encodes; once given, it stays in force.
        """
        self._sent = sent[:4].lower()
        if secret:
            self._secret = secret[:4].lower()

    def _shown(self, text: bytes) -> bytes:
        """`text`, or b"" if it holds a secret: some servers echo what they did not understand, even in capitals."""
        low = text.lower()
        hidden = (self._sent and self._sent in low) or (self._secret and self._secret in low)
        return b"" if hidden else text

    def refusal(self, code: int) -> ServerError:
        """The error for a -ERR. The reply's own response code says what is wrong; without one, `code` does."""
        codes = {  # RFC 2449 section 8, RFC 3206. Made here, as a module-level table would cost heap for good.
            "IN-USE": E_IN_USE,
            "LOGIN-DELAY": E_LOGIN_DELAY,
            "SYS/TEMP": E_SYS_TEMP,
            "SYS/PERM": E_SYS_PERM,
            "AUTH": E_PASSWORD,
        }
        code = codes.get(_printable(self.code), code)
        return ServerError(code, _printable(self.text or self.code or b"-ERR"))

    def _listing(self, each: "Callable[[bytes], object]", most: int = _LINES) -> "Dialogue[None]":
        for _ in range(most):
            line = yield from self.line()
            if line.startswith(b"."):
                if len(line) == 1:
                    return
                line = line[1:]
            each(line)
        raise RemoteProtocolError(E_REMOTE, "endless list")


def _plain(uid: bytes) -> bool:
    """Whether there are neither blanks nor controls in it."""
    return min(uid) > 32 and b"\x7f" not in uid


def _printable(data: bytes) -> str:
    """A server's text, made fit for a person: ASCII, one line."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in data)
