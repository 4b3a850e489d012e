"""What all checks share: the board's port, its app or its prompt, a mail server for it, and a person to ask."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from ..board.client import Client, Screen
from ..install.plan import Facts
from ..install.transfer import Repl
from ..provision import schema, steps
from ..pull.maildir import Maildir
from ..pull.pull import pull
from ..server.run import LocalServer
from .report import Check

ACCOUNT = "qualify"
DEVICE = "buzon-qualify"
"""The name of the device in the settings of a run, by which they are known."""
START_S = 40.0
"""Seconds for a board to start its app: without a ROMFS it loads all its code from the flash."""
_IDLE_S = 20.0  # a reset leaves a connection open that the server should not wait for

Progress = Callable[[str, int, int], None]


class Ended(Exception):
    """A check has failed without which the others of its group, and what builds on them, make no sense."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.name)
        self.check = check


class Eyes(Protocol):
    """A person in front of the board."""

    def sees(self, question: str, screen: Screen | None = None) -> bool | None:
        """The answer to a question about what can be seen, with the picture that should be on the display;
        None: nobody looks."""
        ...

    def does(self, request: str) -> bool:
        """Asks for something to be done with the board; False: nobody is there."""
        ...


@dataclass(frozen=True)
class Amounts:
    """How much of everything: `messages`, `resets`, `polls`, and `flash_bytes` to be written."""

    messages: int
    resets: int
    polls: int
    flash_bytes: int


FULL = Amounts(200, 6, 100, 65536)
QUICK = Amounts(12, 2, 10, 16384)


@dataclass
class Stand:
    """`wifi`: networks as settings have them, with passwords; `host`: this PC's address for the board, on which
    the mail servers listen, or `listen`; `display`: settings of the board's own, or None; `certificates`: a folder
    that keeps the servers' CAs, so that the board gets no more files than needed."""

    port: str
    amounts: Amounts
    eyes: Eyes
    progress: Progress
    facts: Facts | None = None
    led: Any = None
    wifi: list[dict[str, Any]] = field(default_factory=list, repr=False)
    display: dict[str, Any] | None = None
    host: str = "127.0.0.1"
    listen: str = "127.0.0.1"
    certificates: Path | None = None
    _client: Client | None = None
    _repl: Repl | None = None

    def say(self, text: str) -> None:
        self.progress(text, 0, 0)

    def app(self) -> Client:
        """The board's app, which starts if the prompt was there; hello has been said."""
        if self._client is None:
            self.leave()
            self._client = Client.connect(self.port, timeout=START_S)
        return self._client

    def prompt(self) -> Repl:
        """The board's prompt, where no program runs."""
        if self._repl is None:
            self.leave()
            self._repl = Repl(self.port)
        return self._repl

    def restart(self) -> None:
        """Resets the chip."""
        repl, self._repl = self.prompt(), None
        repl.reset()

    def leave(self) -> None:
        """Lets go of the port. If the prompt was there, the board starts its app."""
        held: tuple[Client | Repl | None, ...] = (self._client, self._repl)
        self._client = self._repl = None
        for each in held:
            if each is not None:
                each.close()

    @contextmanager
    def server(self, content: Sequence[bytes] = (), **options: Any) -> Iterator[LocalServer]:
        """A mail server that the board can reach, with these messages."""
        options.setdefault("samples", False)
        if self.certificates is not None:
            rsa = str(options.get("certificate", "")).startswith("rsa")
            options["certificates"] = self.certificates / ("rsa" if rsa else "ecdsa")
        with LocalServer(host=self.listen, names=[self.host], idle_s=_IDLE_S, **options) as server:
            for each in content:
                server.deliver(each)
            yield server

    def settings(self, server: LocalServer, **changes: Any) -> schema.Settings:
        """The settings for that server; it polls only when it is asked to. `changes`: other tables."""
        tree: dict[str, Any] = {
            "device": {"name": DEVICE},
            "wifi": self.wifi,
            "account": [
                {
                    "id": ACCOUNT,
                    "host": self.host,
                    "port": server.pop3s,
                    "user": server.user,
                    "password": server.password,
                    "delete_confirmed": True,
                    "poll_s": 86400,
                }
            ],
            "time": {"ntp": self.host},  # nobody answers: the PC sets the clock
        }
        if self.display is not None:
            tree["display"] = self.display
        return schema.parse({**tree, **changes}, "The settings of the run")

    def provision(self, server: LocalServer, **changes: Any) -> None:
        """Puts them on the board, after the board's own test. Raises BuzonError."""
        steps.provision(
            self.app(),
            self.settings(server, **changes),
            ca=Path(server.ca_der).read_bytes(),
            confirm=lambda _: True,
            progress=self.say,
        )


def collected(stand: Stand, server: LocalServer, expected: "Counter[bytes]") -> str:
    """What is wrong with the mail on the board, as a sentence, or "". All of it is copied to this PC, compared
    byte for byte, and deleted on the board."""
    with TemporaryDirectory(prefix="buzon-") as folder:
        with Maildir(Path(folder, "mail")) as to:
            pulled = pull(stand.app(), ACCOUNT, to, stand.progress, move=True)
        have = Counter(path.read_bytes() for path in Path(folder, "mail", "new").iterdir())
    problems = [
        (len(pulled.failed), "came from the board damaged"),
        ((expected - have).total(), "are missing or not what was sent"),
        ((have - expected).total(), "are there twice or were never sent"),
        (server.left(), "are still on the server"),
    ]
    said = [f"{number} {what}" for number, what in problems if number]
    return f"Of {expected.total()} messages {', '.join(said)}." if said else ""
