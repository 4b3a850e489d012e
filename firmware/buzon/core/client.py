"""POP3 one command at a time, for scripts: the commands that collecting a whole mailbox does without."""

from micropython import const

from .pop3 import Pop3

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .pop3 import Dialogue
    from .wire import Sink


class Pop3Client(Pop3):
    """Pop3 with what single messages need: in TRANSACTION state only, and ServerError on -ERR."""

    def login(self, user: str, password: str) -> "Dialogue[None]":
        """USER and PASS. Raises ConfigError before anything is sent when they hold CR, LF or NUL.

        The ways that do not show the password are chosen by `login.login`.
        """
        from .login import credential, user_pass

        yield from user_pass(self, credential(user, "user"), credential(password, "password"))

    def retr(self, n: int, sink: "Sink") -> "Dialogue[None]":
        """RETR n: the message, un-stuffed, to `sink`. After -ERR nothing has reached it."""
        yield from self.do("RETR ", n)
        yield from self.content(sink)

    def top(self, n: int, lines: int, sink: "Sink") -> "Dialogue[None]":
        """TOP n lines: header and first lines of the body. A preview: never the message."""
        yield from self.do("TOP %d " % n, lines)
        yield from self.content(sink)

    def dele(self, n: int) -> "Dialogue[None]":
        """DELE n: marked; gone only when `quit` returns True."""
        yield from self.do("DELE ", n)

    def noop(self) -> "Dialogue[None]":
        """NOOP: so that the server does not close while something else takes long."""
        yield from self.do("NOOP")

    def rset(self) -> "Dialogue[None]":
        """RSET: nothing is marked any more."""
        yield from self.do("RSET")
