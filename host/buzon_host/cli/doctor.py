"""`buzon doctor`: what keeps a board from its work, and what to do about it."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ..board.find import find
from ..errors import DONE, NO_BOARD, NoBoard, UsageError
from ..provision import ca as certificates
from .options import Json, Port
from .output import Out
from .provision import Ca

Account = Annotated[
    str | None, typer.Option("--account", help="Test only this account (its id on the board).")
]
Bundle = Annotated[
    bool,
    typer.Option("--bundle", help="Write a report to give away to FILE: no passwords and no mail are in it."),
]
File = Annotated[
    Path | None,
    typer.Argument(
        help="With --bundle: a new file (default: buzon-report-DATE-TIME.txt in this folder).", metavar="FILE"
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        help="The account's mail server, as your provider names it: to compare, the password in BUZON_PASSWORD may be "
        "sent there from this PC (default: you are asked).",
    ),
]

_STYLES = {"ok": "green", "warn": "yellow", "failed": "bold red"}


def run(
    file: File = None,
    port: Port = None,
    account: Account = None,
    bundle: Bundle = False,
    host: Host = None,
    ca: Ca = None,
    json: Json = False,
) -> None:
    """Find out why a board does not collect its mail.

    From the cable to the mailbox, up to the first step that fails.
    """
    out = Out(json)
    from .. import bundle as report_file
    from .. import doctor

    if file is not None and not bundle:
        raise UsageError(f"{file} is for the report: add --bundle.")
    if bundle:
        file = file or report_file.new_name(datetime.now())
        report_file.check(file)
    der = certificates.read(ca) if ca is not None else None

    def show(check: doctor.Check) -> None:
        where = f" ({check.account})" if check.account else ""
        out.say(
            f"{check.result:<8}{check.name + where:<22}{check.text}", style=_STYLES[check.result], indent=30
        )
        if check.result == "warn" and check.remedy:
            out.say(f"{'':30}{check.remedy}", indent=30)

    try:
        where = find(port)
    except NoBoard as error:
        report = doctor.Report("-", [doctor.Check("serial", "failed", *doctor.parted(str(error)))])
        report.exit_code = NO_BOARD
        show(report.checks[0])
    else:
        with out.progress() as bar:

            def below(check: doctor.Check) -> None:
                """Prints a line while the bar is off the screen, so that they do not mix."""

                def once() -> bool:
                    show(check)
                    return True

                bar.pause(once)

            def confirm(question: str) -> bool:
                return bar.pause(lambda: out.ask(question))

            report = doctor.examine(
                where, account=account, ca=der, host=host, confirm=confirm, show=below, say=bar.say
            )
    if file is not None:
        report_file.write(file, report)
        out.note(f"The report is in {file.absolute()}: read it through before you give it away.")
    failed = report.failed
    out.document(
        {
            "ok": failed is None,
            "port": report.port,
            "board": report.hello.board if report.hello else None,
            "id": report.hello.id if report.hello else None,
            "checks": [asdict(check) for check in report.checks],
            "bundle": str(file) if file is not None else None,
            **({"error": failed.text, "exit_code": report.exit_code} if failed else {}),
        }
    )
    if failed is None:
        out.say("All is well.")
    elif report.exit_code != DONE:
        out.note(f"{failed.text} {failed.remedy}".strip() if json else failed.remedy or failed.text)
        raise typer.Exit(report.exit_code)
