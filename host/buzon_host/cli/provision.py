"""`buzon provision`: a settings file onto a board, tested there before it is in force."""

from pathlib import Path
from typing import Annotated

import typer

from ..provision import ca as certificates
from ..provision import schema, secrets, steps
from .options import Json, Port, connect
from .output import Out

File = Annotated[Path, typer.Argument(help="The settings, a TOML file.", metavar="SETTINGS.toml")]
Ca = Annotated[
    Path | None,
    typer.Option("--ca", help="The server's CA certificate, PEM or DER (default: the public CA is found)."),
]
YesDelete = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask before the board may delete mail from the server."),
]


def run(settings: File, port: Port = None, ca: Ca = None, yes: YesDelete = False, json: Json = False) -> None:
    """Put settings on a board: Wi-Fi, clock, CA, account. The board tests them first."""
    out = Out(json)
    tree = schema.load(settings)
    der = certificates.read(ca) if ca is not None else None
    tree = secrets.fill(tree)
    with connect(port, out) as client, out.progress() as bar:

        def confirm(question: str) -> bool:
            return yes or bar.pause(lambda: out.ask(question))

        result = steps.provision(client, tree, ca=der, confirm=confirm, progress=bar.say)
    out.document(
        {
            "ok": True,
            "board": result.board,
            "accounts": [
                {"id": one.account, "messages": one.messages, "bytes": one.bytes} for one in result.mailboxes
            ],
            "unconfirmed": result.unconfirmed,
        }
    )
    out.say(f"The settings are on the board ({result.board}) and in force.")
    for one in result.mailboxes:
        out.say(f"{one.account}: {steps.counted(one.messages)} on the server, {steps.human(one.bytes)}.")
    for account in result.unconfirmed:
        out.note(
            f"Nothing is deleted from the server of {account} until you confirm it: run provision again, "
            "with --yes if nobody can be asked."
        )
