"""`buzon doctor`: what keeps a board from its work, and what to do about it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..board.find import find
from ..errors import DONE, NO_BOARD, NoBoard
from ..provision import ca as certificates
from .options import Json, Port
from .output import Out
from .provision import Ca

Account = Annotated[str | None, typer.Option("--account", help="Test only this account.")]
Bundle = Annotated[
    Path | None,
    typer.Option("--bundle", help="Write a report to this file, to give away: no passwords, no mail."),
]

_STYLES = {"ok": "green", "warn": "yellow", "failed": "bold red"}


def run(
    port: Port = None,
    account: Account = None,
    bundle: Bundle = None,
    ca: Ca = None,
    json: Json = False,
) -> None:
    """Find out why a board does not collect its mail.

    From the cable to the mailbox, up to the first step that fails.
    """
    out = Out(json)
    from .. import bundle as report_file
    from .. import doctor

    if bundle is not None:
        report_file.check(bundle)
    der = certificates.read(ca) if ca is not None else None

    def show(check: doctor.Check) -> None:
        where = f" ({check.account})" if check.account else ""
        out.say(f"{check.result:<8}{check.name + where:<22}{check.text}", style=_STYLES[check.result])
        if check.result == "warn" and check.remedy:
            out.say(f"{'':30}{check.remedy}")

    try:
        where = find(port)
    except NoBoard as error:
        report = doctor.Report("-", [doctor.Check("serial", "failed", *doctor.parted(str(error)))])
        report.exit_code = NO_BOARD
        show(report.checks[0])
    else:
        with out.progress() as bar:

            def below(check: doctor.Check) -> None:
                """A line while the bar is off the screen, or it would be in the middle of it."""

                def once() -> bool:
                    show(check)
                    return True

                bar.pause(once)

            report = doctor.examine(where, account=account, ca=der, show=below, say=bar.say)
    if bundle is not None:
        report_file.write(bundle, report)
        out.note(f"The report is in {bundle}: read it through before you give it away.")
    failed = report.failed
    out.document(
        {
            "ok": failed is None,
            "port": report.port,
            "board": report.hello.board if report.hello else None,
            "id": report.hello.id if report.hello else None,
            "checks": [asdict(check) for check in report.checks],
            "bundle": str(bundle) if bundle is not None else None,
            **({"error": failed.text, "exit_code": report.exit_code} if failed else {}),
        }
    )
    if failed is None:
        out.say("All is well.")
    elif report.exit_code != DONE:
        out.note(f"{failed.text} {failed.remedy}".strip() if json else failed.remedy or failed.text)
        raise typer.Exit(report.exit_code)
