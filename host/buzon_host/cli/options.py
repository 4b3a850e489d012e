"""Options that verbs share, and how a verb gets its board."""

from typing import Annotated

import typer

from ..board.client import Client
from ..board.find import find
from ..errors import UsageError
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
        help="The board's serial port (default: the one in BUZON_PORTS, or the only board). For several boards give "
        "it several times, or list them in BUZON_PORTS.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is erased.")]


def connect(port: str | None, out: Out) -> Client:
    """The client of the board on `port`, or of the only one; hello has been said."""
    return Client.connect(find(port), on_notice=out.note)


def one_port(ports: list[str] | None) -> str | None:
    """The only port of `ports`, for commands that act on one board."""
    if ports and len(ports) > 1:
        raise UsageError("Several --port are for --fleet and for status --all: give one.")
    return ports[0] if ports else None
