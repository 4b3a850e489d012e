"""`buzon sync`: collects mail now."""

from typing import Annotated

import typer

from ..board.follow import follow
from .options import Json, Port, connect, named_account
from .output import Out

Account = Annotated[str | None, typer.Option("--account", help="Only this account (its id on the board).")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until it is done (default), or only start it.")
]


def run(port: Port = None, account: Account = None, wait: Wait = True, json: Json = False) -> None:
    """Collect mail now, and follow it until it is done."""
    out = Out(json)
    with connect(port, out) as client:
        if account is not None:
            named_account(client, account)
        if not wait:
            client.sync(account)
            out.document({"ok": True, "started": True})
            out.say("The board collects its mail now.")
            return
        with out.progress() as bar:

            def progress(text: str, done: int, total: int) -> None:
                bar.say(text)
                bar.at(done, total)

            done = follow(client, account, progress=progress)
    out.document(
        {
            "ok": True,
            "accounts": [{"id": one.id, "fetched": one.fetched, "stored": one.stored} for one in done],
        }
    )
    for one in done:
        out.say(f"{one.id}: {one.fetched} fetched, {one.stored} stored on the board.")
