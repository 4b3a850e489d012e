"""`buzon check`: tests an account from the PC, without a board."""

from typing import Annotated

import typer

from ..check import check
from ..errors import BuzonError, UsageError
from ..provision import ca as certificates
from ..provision import schema, secrets, steps
from ..remedies import told
from .options import Json
from .output import Out
from .provision import Ca, File

Account = Annotated[str | None, typer.Option("--account", help="Only this account (its id in the settings).")]


def run(settings: File, account: Account = None, ca: Ca = None, json: Json = False) -> None:
    """Test the accounts of a settings file from this PC.

    Connection, certificate, login.
    """
    out = Out(json)
    tree = schema.load(settings)
    chosen = [one for one in tree.account if account in (None, one.id)]
    if not chosen:
        raise UsageError(f"There is no account {account} in {settings}.")
    der = certificates.read(ca) if ca is not None else None
    # The Wi-Fi password is not needed here, so nobody is asked for it.
    filled = secrets.fill(tree.model_copy(update={"wifi": [], "account": chosen}))
    found = []
    with out.progress() as bar:
        for one in filled.account:
            try:
                found.append((one.id, check(one, ca=der, progress=bar.say)))
            except BuzonError as error:
                raise BuzonError(f"{one.id}: {told(error)}", error.exit_code) from None
    out.document(
        {"ok": True, "accounts": [{"id": id, "messages": m.messages, "bytes": m.bytes} for id, m in found]}
    )
    for id, mailbox in found:
        out.say(f"{id}: the login works; {steps.counted(mailbox.messages)}, {steps.human(mailbox.bytes)}.")
