"""`buzon check`: tests an account from the PC, without a board."""

from pathlib import Path
from typing import Annotated

import typer

from ..check import check
from ..errors import BuzonError, ServerRefused, UsageError
from ..provision import ca as certificates
from ..provision import schema, secrets, steps, words
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
        there = ", ".join(one.id for one in tree.account)
        raise UsageError(f"There is no account {account} in {settings}; there is: {there}.")
    der = certificates.read(ca) if ca is not None else None
    # The Wi-Fi password is not needed here, so nobody is asked for it.
    filled = secrets.fill(tree.model_copy(update={"wifi": [], "account": chosen}))
    found = []
    with out.progress() as bar:
        for one in filled.account:
            try:
                found.append((one.id, check(one, ca=der, progress=bar.say)))
            except BuzonError as error:
                said = _said(error, settings, tree, one.id)
                raise BuzonError(f"{one.id}: {said}", error.exit_code) from None
    out.document(
        {"ok": True, "accounts": [{"id": id, "messages": m.messages, "bytes": m.bytes} for id, m in found]}
    )
    for id, mailbox in found:
        out.say(f"{id}: the login works; {steps.counted(mailbox.messages)}, {steps.human(mailbox.bytes)}.")


def _said(error: BuzonError, file: Path, tree: schema.Settings, id: str) -> str:
    """The error's sentence, with what to correct in the file, and with the command to run if there is one."""
    if not isinstance(error, ServerRefused):
        return told(error)
    number = [one.id for one in tree.account].index(id)
    account = tree.account[number]

    def named(setting: str) -> str:
        if setting != "password":
            return schema.where(file, f"account[{number}].{setting}")
        if account.secret is not None:
            return schema.where(file, f"account[{number}].{'oauth' if account.oauth else 'password'}")
        return secrets.source(account) or "it"

    said = words.of_check(error, named, account.tls)
    return told(ServerRefused(error.code, said, error.detail))
