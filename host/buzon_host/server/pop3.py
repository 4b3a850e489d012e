"""The POP3 server: RFC 1939, CAPA (RFC 2449), STLS (RFC 2595), AUTH PLAIN (RFC 5034), true PIPELINING.

It serves one maildrop from a Maildir, byte for byte and with bounded memory. It never changes a message, and
deletes only at QUIT. There is one Twisted protocol per connection; they share the `Maildrop`.
"""

# Twisted's protocol classes are not annotated.
# mypy: allow-untyped-calls

import base64
import binascii
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, BinaryIO

from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from .. import __version__
from .content import dot_stuffed, first_bytes, read_chunks, top, with_crlf
from .maildir import Message
from .maildrop import Maildrop

_MAX_COMMAND = 255  # octets with CRLF: RFC 2449 section 4
_MAX_SASL = 12288  # octets: RFC 5034 section 4
_MAX_FAILURES = 3
_LINGER_S = 5

_BEFORE_LOGIN = (b"CAPA", b"STLS", b"USER", b"PASS", b"AUTH", b"QUIT")
_AFTER_LOGIN = (b"CAPA", b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"NOOP", b"RSET", b"QUIT")


@implementer(IPullProducer)
class _Download:
    """Hands a file's content to the transport, one chunk whenever it has room."""

    def __init__(
        self, session: "Pop3", file: BinaryIO, chunks: Iterator[bytes], then: Callable[[], None]
    ) -> None:
        self._session = session
        self._file = file
        self._chunks = chunks
        self._then = then

    def resumeProducing(self) -> None:
        try:
            chunk = next(self._chunks, None)
        except OSError:
            # Only the end of the connection tells the client that the message is incomplete.
            self._end()
            self._session.close()
            return
        if chunk is None:
            self._end()
            self._then()
        else:
            self._session.resetTimeout()
            self._session.transport.write(chunk)

    def stopProducing(self) -> None:
        self._file.close()

    def _end(self) -> None:
        self._file.close()
        self._session.transport.unregisterProducer()


class Pop3(LineReceiver, TimeoutMixin):
    """One connection."""

    delimiter = b"\r\n"
    MAX_LENGTH = _MAX_SASL
    transport: Any
    factory: Any

    def __init__(self, maildrop: Maildrop, tls: object | None, in_tls: bool) -> None:
        self._maildrop = maildrop
        self._tls = tls
        self._in_tls = in_tls
        self._user: bytes | None = None
        self._sasl = False
        self._silent = False
        self._failures = 0
        self._in_session = False
        self._messages: list[Message] = []
        self._deleted: set[int] = set()
        self._lingering: Any = None

    # What Twisted calls

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.setTimeout(self._maildrop.idle_s)
        self._ok(b"Buzon POP3 server ready")

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.setTimeout(None)
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        self._unlock()

    def timeoutConnection(self) -> None:
        self.transport.abortConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        self._err(b"line too long")
        self.close()

    def lineReceived(self, line: bytes) -> None:
        if self._silent:
            return
        self.resetTimeout()
        if self._sasl:
            self._sasl = False
            self._auth_plain(line)
            return
        if len(line) + 2 > _MAX_COMMAND:
            self._err(b"command too long")
            return
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        if verb in (_AFTER_LOGIN if self._in_session else _BEFORE_LOGIN):
            getattr(self, "_do_" + verb.decode("ascii").lower())(argument)
        elif verb in _BEFORE_LOGIN or verb in _AFTER_LOGIN:
            self._err(b"not in this state")
        else:
            self._err(b"unknown command")

    def close(self) -> None:
        """End the session; close once everything is sent, even if the peer ignores TLS's closing alert."""
        self._silent = True
        self._unlock()
        if self.paused:
            self.resumeProducing()  # to notice that the peer closes too
        self.transport.loseConnection()
        if self._lingering is None:
            self._lingering = self.callLater(_LINGER_S, self.transport.abortConnection)

    # Answers

    def _ok(self, text: bytes = b"") -> None:
        self.sendLine(b"+OK " + text if text else b"+OK")

    def _err(self, text: bytes) -> None:
        self.sendLine(b"-ERR " + text)

    def _many(self, text: bytes, lines: list[bytes]) -> None:
        self._ok(text)
        self.transport.write(b"".join(line + b"\r\n" for line in lines) + b".\r\n")

    # Any state

    def _do_capa(self, _argument: bytes) -> None:
        lines = [b"TOP", b"UIDL", b"USER", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE", b"SASL PLAIN"]
        if self._may_stls():
            lines.append(b"STLS")
        lines.append(b"IMPLEMENTATION Buzon-" + __version__.encode("ascii"))
        self._many(b"capabilities", lines)

    def _do_quit(self, _argument: bytes) -> None:
        failed = 0
        for index in sorted(self._deleted):
            try:
                self._messages[index].path.unlink(missing_ok=True)
            except OSError:
                failed += 1
        self._unlock()  # first: a client that has the answer may log in again at once
        if failed:
            self._err(b"[SYS/TEMP] %d of %d messages could not be deleted" % (failed, len(self._deleted)))
        else:
            self._ok(b"bye")
        self.close()

    # Before the login

    def _may_stls(self) -> bool:
        return self._tls is not None and not self._in_tls and not self._in_session

    def _do_stls(self, _argument: bytes) -> None:
        if not self._may_stls():
            self._err(b"TLS is active already, or not to be had")
            return
        # Plain text that came after STLS may not be from the client that will speak TLS.
        self.clearLineBuffer()
        self._user = None
        self._in_tls = True
        self._ok(b"begin TLS")
        self.transport.startTLS(self._tls)

    def _do_user(self, argument: bytes) -> None:
        if not argument:
            self._err(b"USER needs a name")
            return
        self._user = argument
        self._ok(b"now PASS")

    def _do_pass(self, argument: bytes) -> None:
        if self._user is None:
            self._err(b"USER comes first")
            return
        user, self._user = self._user, None
        self._login(user, argument)

    def _do_auth(self, argument: bytes) -> None:
        mechanism, _, initial = argument.partition(b" ")
        if mechanism.upper() != b"PLAIN":
            self._err(b"unknown mechanism: use PLAIN")
        elif initial:
            self._auth_plain(b"" if initial == b"=" else initial)
        else:
            self._sasl = True
            self.sendLine(b"+ ")

    def _auth_plain(self, response: bytes) -> None:
        if response == b"*":
            self._err(b"cancelled")
            return
        try:
            _authorize, user, password = base64.b64decode(response, validate=True).split(b"\0")
        except (binascii.Error, ValueError):
            self._err(b"malformed PLAIN response")
            return
        self._login(user, password)

    def _login(self, user: bytes, password: bytes) -> None:
        drop = self._maildrop.login(user, password)
        if drop is None:
            self._failures += 1
            self._err(b"[AUTH] wrong user or password")
            if self._failures >= _MAX_FAILURES:
                self.close()
            return
        if drop.locked:
            self._err(b"[IN-USE] another session has this maildrop open")
            return
        try:
            self._messages = drop.maildir.messages()
        except OSError:
            self._err(b"[SYS/TEMP] the maildrop cannot be read")
            return
        self._maildrop = drop
        drop.locked = self._in_session = True
        self._ok(b"%d messages" % len(self._messages))

    def _unlock(self) -> None:
        if self._in_session:
            self._in_session = self._maildrop.locked = False

    # After the login

    def _number(self, argument: bytes) -> int | None:
        """Index of the message with this number (from 1), or None after an -ERR."""
        if not argument.isdigit() or len(argument) > 10:
            self._err(b"a message number is needed")
            return None
        index = int(argument) - 1
        if index < 0 or index >= len(self._messages):
            self._err(b"no such message")
        elif index in self._deleted:
            self._err(b"this message is marked as deleted")
        else:
            return index
        return None

    def _left(self) -> list[int]:
        return [index for index in range(len(self._messages)) if index not in self._deleted]

    def _do_stat(self, _argument: bytes) -> None:
        left = self._left()
        self._ok(b"%d %d" % (len(left), sum(self._messages[index].size for index in left)))

    def _do_list(self, argument: bytes) -> None:
        self._listing(argument, lambda message: b"%d" % message.size)

    def _do_uidl(self, argument: bytes) -> None:
        self._listing(argument, lambda message: message.uidl.encode("ascii"))

    def _listing(self, argument: bytes, value: Callable[[Message], bytes]) -> None:
        def line(index: int) -> bytes:
            return b"%d %s" % (index + 1, value(self._messages[index]))

        if not argument:
            left = self._left()
            self._many(b"%d messages" % len(left), [line(index) for index in left])
        elif (index := self._number(argument)) is not None:
            self._ok(line(index))

    def _do_dele(self, argument: bytes) -> None:
        if (index := self._number(argument)) is not None:
            self._deleted.add(index)
            self._ok(b"marked as deleted")

    def _do_noop(self, _argument: bytes) -> None:
        self._ok()

    def _do_rset(self, _argument: bytes) -> None:
        self._deleted.clear()
        self._ok(b"%d messages" % len(self._messages))

    def _do_retr(self, argument: bytes) -> None:
        if (index := self._number(argument)) is None:
            return
        fault = self._maildrop.next_fault()
        if fault == "refuse_retr":
            self._err(b"[SYS/TEMP] this message cannot be read now")
        else:
            self._download(self._messages[index], None, fault)

    def _do_top(self, argument: bytes) -> None:
        number, _, lines = argument.partition(b" ")
        if not lines.isdigit() or len(lines) > 10:
            self._err(b"TOP needs a message number and a number of lines")
        elif (index := self._number(number)) is not None:
            self._download(self._messages[index], int(lines), "")

    def _download(self, message: Message, lines: int | None, fault: str) -> None:
        try:
            file = self._maildrop.maildir.open(message)
        except OSError:
            self._err(b"[SYS/TEMP] this message cannot be read")
            return
        content = with_crlf(read_chunks(file))
        if lines is not None:
            content = top(content, lines)
        chunks: Iterator[bytes] = dot_stuffed(content)
        then: Callable[[], None] = self.resumeProducing
        if fault:
            chunks = first_bytes(chunks, max(message.size // 2, 1))
            then = self.close if fault == "close_in_message" else self._stall
        else:
            chunks = chain(chunks, (b".\r\n",))
        self._ok(b"%d octets" % message.size if lines is None else b"the top follows")
        # Later commands wait in TCP, not in memory, until this message is out.
        self.pauseProducing()
        self.transport.registerProducer(_Download(self, file, chunks, then), False)

    def _stall(self) -> None:
        """Send nothing more, but notice when the client leaves."""
        self._silent = True
        self.resumeProducing()


class Pop3Factory(Factory):
    """Makes the connections of one port. `tls`: for STLS, or None; `in_tls`: the port already speaks TLS."""

    noisy = False

    def __init__(self, maildrop: Maildrop, tls: object | None, *, in_tls: bool) -> None:
        self._arguments = (maildrop, tls, in_tls)

    def buildProtocol(self, addr: object) -> Pop3:
        protocol = Pop3(*self._arguments)
        protocol.factory = self
        return protocol
