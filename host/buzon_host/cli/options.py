"""Options that verbs share, and how a verb gets its board."""

from typing import Annotated

import typer

from ..board.client import Client
from ..board.find import find
from ..errors import BuzonError, UsageError
from .output import Out

Port = Annotated[
    str | None,
    typer.Option(
        "--port",
        help="The board's serial port (default: the one in BUZON_PORTS, or the only board; buzon boards lists them).",
    ),
]
Ports = Annotated[
    list[str] | None,
    typer.Option(
        "--port",
        help="The board's serial port (default: the one in BUZON_PORTS, or the only board). For several boards "
        "repeat it, or list them in BUZON_PORTS.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is erased.")]


def connect(port: str | None, out: Out) -> Client:
    """The client of the board on `port`, or of the only one; hello has been said."""
    return Client.connect(find(port), on_notice=out.note)


NO_ACCOUNT = "There is no account on the board: run buzon provision."


def named_account(client: Client, account: str) -> str:
    """`account`, if it is on the board. Raises UsageError, which names those that are."""
    ids = [one.id for one in client.status().accounts]
    if not ids:
        raise BuzonError(NO_ACCOUNT)
    if account not in ids:
        raise UsageError(f"There is no account {account} on this board; there is: {', '.join(ids)}.")
    return account


def one_port(ports: list[str] | None) -> str | None:
    """The only port of `ports`, for commands that act on one board."""
    if ports and len(ports) > 1:
        raise UsageError("Several --port are for --fleet and for status --all: give one.")
    return ports[0] if ports else None
