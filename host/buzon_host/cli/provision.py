"""`buzon provision`: puts settings on a board, by a dialogue or from a file; the board tests them first."""

from pathlib import Path
from typing import Annotated

import typer

from ..board.find import find
from ..errors import BoardRefused, UsageError
from ..provision import ca as certificates
from ..provision import purpose as purposes
from ..provision import schema, secrets, steps
from ..provision.purpose import Purpose
from .ask import Terminal
from .options import Json, Ports, connect, one_port
from .output import Out

# Required: `buzon check` uses it.
File = Annotated[Path, typer.Argument(help="The settings, a TOML file.", metavar="SETTINGS.toml")]
MaybeFile = Annotated[
    Path | None,
    typer.Argument(help="The settings, a TOML file (default: they are asked for).", metavar="SETTINGS.toml"),
]
Ca = Annotated[
    Path | None,
    typer.Option("--ca", help="The server's CA certificate, PEM or DER (default: the public CA is found)."),
]
YesDelete = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask before the board may delete mail from the server."),
]
Email = Annotated[
    str | None, typer.Option("--email", help="The e-mail address, so that you are not asked for it.")
]
What = Annotated[
    Purpose | None,
    typer.Option(
        "--purpose",
        help="What the board is for. tell: mail stays on the server, and the newest is on the board. bring: mail comes "
        "to the board and is deleted from the server, once you agree. You are then not asked; with SETTINGS.toml it "
        "fills in what the file leaves out.",
    ),
]
Save = Annotated[
    Path | None,
    typer.Option("--save", help="Write the answers to this settings file, for the next board; no passwords."),
]
Fleet = Annotated[
    Path | None,
    typer.Option(
        "--fleet", help="A table of boards (CSV): all that are connected at once.", metavar="BOARDS.csv"
    ),
]
Template = Annotated[
    Path | None, typer.Option("--template", help="With --fleet: the settings that all boards share.")
]
Results = Annotated[
    Path | None, typer.Option("--results", help="With --fleet: the result file (default: BOARDS.result.csv).")
]
Again = Annotated[bool, typer.Option("--again", help="With --fleet: also the boards that are done.")]


def run(
    settings: MaybeFile = None,
    port: Ports = None,
    ca: Ca = None,
    yes: YesDelete = False,
    email: Email = None,
    purpose: What = None,
    save: Save = None,
    fleet: Fleet = None,
    template: Template = None,
    results: Results = None,
    again: Again = False,
    json: Json = False,
) -> None:
    """Put settings on a board: by questions, or from a file.

    Wi-Fi, clock, CA, account: the board tests them before they are in force. With --fleet on many boards at once.
    """
    out = Out(json)
    if fleet is not None:
        if settings is not None or email is not None or save is not None or purpose is not None:
            raise UsageError("With --fleet the settings come from the table and from --template alone.")
        from .fleet import provision_fleet

        return provision_fleet(fleet, template, results, port or [], ca, yes, again, out)
    if template is not None or results is not None or again:
        raise UsageError("--template, --results and --again are for --fleet.")
    if settings is not None:
        if email is not None or save is not None:
            raise UsageError("--email and --save are for provisioning without a settings file.")
        _from_file(settings, one_port(port), ca, yes, purpose, out)
    else:
        _wizard(one_port(port), ca, yes, email, purpose, save, out)


def _from_file(
    settings: Path, port: str | None, ca: Path | None, yes: bool, purpose: Purpose | None, out: Out
) -> None:
    tree = schema.load(settings)
    if purpose is not None:
        tree = purposes.filled(tree, purpose, str(settings))
    der = certificates.read(ca) if ca is not None else None
    tree = secrets.fill(tree)
    with connect(port, out) as client:
        try:
            with out.progress() as bar:

                def confirm(question: str) -> bool:
                    return yes or bar.pause(lambda: out.ask(question))

                result = steps.provision(client, tree, ca=der, confirm=confirm, progress=bar.say)
        except BoardRefused:
            if client.info is not None and client.info.configured:
                out.note("The board keeps the settings that it had.")
            raise
    _tell(out, result, purpose)


def _wizard(
    port: str | None,
    ca: Path | None,
    yes: bool,
    email: str | None,
    purpose: Purpose | None,
    save: Path | None,
    out: Out,
) -> None:
    ask = Terminal(out)
    # Loading these takes longer than most verbs.
    from ..provision import save as settings_file
    from ..provision import wizard
    from ..provision.ask import Options

    der = certificates.read(ca) if ca is not None else None
    if save is not None:
        settings_file.check(save)
    with connect(find(port), out) as client:
        outcome = wizard.run(client, ask, Options(email=email, purpose=purpose, ca=der, yes=yes))
    _tell(out, outcome.result, outcome.purpose, counts=False)
    if save is not None:
        own = outcome.pinned or der
        settings_file.write(save, outcome.settings, own)
        with_ca = f" --ca {settings_file.beside(save)}" if own is not None else ""
        out.note(f"The next board: buzon provision {save}{with_ca}")


def _tell(out: Out, result: steps.Result, purpose: Purpose | None, counts: bool = True) -> None:
    """`counts`: report what the test found on the server; the wizard has done so, and collected it."""
    out.document(
        {
            "ok": True,
            "board": result.board,
            "accounts": [
                {"id": one.account, "messages": one.messages, "bytes": one.bytes} for one in result.mailboxes
            ],
            "purpose": purpose,
            "unconfirmed": result.unconfirmed,
            "unnamed": result.unnamed,
        }
    )
    out.say(f"The settings are on the board ({result.board}) and in force.")
    for one in result.mailboxes if counts else ():
        stay = purpose is Purpose.tell and one.messages
        out.say(
            f"{one.account}: {steps.counted(one.messages)} on the server, {steps.human(one.bytes)}."
            + (" They stay there: the board shows what comes from now on." if stay else "")
        )
    for account, stored in result.unnamed.items():
        out.note(
            f"No account is called {account} any more: its mail ({steps.counted(stored)}) stays on the board. To read "
            f"it, or pull it, give an account that name again."
        )
    for account in result.unconfirmed:
        out.note(
            f"Nothing is deleted from the server of {account} until you confirm it: run provision again, "
            "with --yes if nobody can be asked."
        )
