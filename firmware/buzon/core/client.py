"""POP3 one command at a time, for scripts: the commands that are not needed to collect a whole mailbox."""

from micropython import const

from .pop3 import Pop3

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .pop3 import Dialogue
    from .wire import Sink


class Pop3Client(Pop3):
    """Pop3 with commands for single messages: in TRANSACTION state only; they raise ServerError on -ERR."""

    def login(self, user: str, password: str) -> "Dialogue[None]":
        """USER and PASS. Raises ConfigError before anything is sent if either holds CR, LF or NUL.

        For the ways that do not show the password, use `login.login`.
        """
        from .login import credential, user_pass

        yield from user_pass(self, credential(user, "user"), credential(password, "password"))

    def retr(self, n: int, sink: "Sink") -> "Dialogue[None]":
        """RETR n: the message, un-stuffed, to `sink`. After -ERR nothing has reached it."""
        yield from self.do("RETR ", n)
        yield from self.content(sink)

    def top(self, n: int, lines: int, sink: "Sink") -> "Dialogue[None]":
        """TOP n lines: the header and the first lines of the body. A preview, never the whole message."""
        yield from self.do("TOP %d " % n, lines)
        yield from self.content(sink)

    def dele(self, n: int) -> "Dialogue[None]":
        """DELE n: marks the message, which is gone only when `quit` returns True."""
        yield from self.do("DELE ", n)

    def noop(self) -> "Dialogue[None]":
        """NOOP: keeps the server from closing the connection while something else takes long."""
        yield from self.do("NOOP")

    def rset(self) -> "Dialogue[None]":
        """RSET: unmarks all messages."""
        yield from self.do("RSET")
