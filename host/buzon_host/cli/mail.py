"""`buzon mail`: lists, shows and deletes messages on the board."""

import base64
import sys
from typing import Annotated

import typer

from ..board.client import Client
from ..errors import BuzonError, UsageError
from ..provision.steps import human
from .options import Json, Port, Yes, connect
from .output import Out, plain, when

group = typer.Typer(
    help="List, show and delete messages on the board.", no_args_is_help=True, rich_markup_mode=None
)

Account = Annotated[str | None, typer.Option("--account", help="Account (default: the only one there is).")]
Id = Annotated[
    str, typer.Argument(help="The message's id, as `mail list` shows it; its beginning is enough.")
]
Raw = Annotated[bool, typer.Option("--raw", help="The bytes as they are stored, unchanged.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, newest first.")]


@group.command("list")
def list_(port: Port = None, account: Account = None, limit: Limit = None, json: Json = False) -> None:
    """List the messages on the board, newest first."""
    out = Out(json)
    with connect(port, out) as client:
        items = []
        ids = [_account(client, account)] if account else [one.id for one in client.status().accounts]
        for id in ids:
            for number, item in enumerate(client.list_all(id)):
                if limit is not None and number >= limit:
                    break
                items.append((id, item))
    out.document({"ok": True, "messages": [{"account": id, **plain(item)} for id, item in items]})
    if not items:
        out.say("There is no message on the board.")
        return
    out.table(
        ("id", "account", "new", "from", "subject", "size", "stored"),
        [
            (
                item.id,
                id,
                "" if item.seen else "*",
                item.from_,
                item.subject,
                human(item.size),
                when(item.time),
            )
            for id, item in items
        ],
        right=(5,),
        fold=(3, 4),
    )


@group.command()
def show(id: Id, port: Port = None, account: Account = None, raw: Raw = False, json: Json = False) -> None:
    """Show one message as it is stored; control characters are escaped unless --raw."""
    out = Out(json)
    with connect(port, out) as client:
        account = _account(client, account)
        id = _full_id(client, account, id)
        parts = []
        with out.progress() as bar:
            bar.say("Reading the message")
            for part in client.read_message(account, id):
                parts.append(part)
    data = b"".join(parts)
    # Base64, because a message is bytes and not always text.
    out.document(
        {
            "ok": True,
            "account": account,
            "id": id,
            "size": len(data),
            "base64": base64.b64encode(data).decode(),
        }
    )
    if raw and not json:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        out.lines(data.decode("utf-8", "backslashreplace").removesuffix("\r\n"))


@group.command()
def delete(id: Id, port: Port = None, account: Account = None, yes: Yes = False, json: Json = False) -> None:
    """Delete one message from the board."""
    out = Out(json)
    with connect(port, out) as client:
        account = _account(client, account)
        id = _full_id(client, account, id)
        if not out.must_ask(f"Message {id} is deleted from the board. Go on?", yes):
            raise BuzonError("Nothing was deleted.")
        client.delete_message(account, id)
    out.document({"ok": True, "deleted": id})
    out.say("Deleted.")


def _account(client: Client, account: str | None) -> str:
    ids = [one.id for one in client.status().accounts]
    if account is not None:
        if account not in ids:
            raise UsageError(
                f"There is no account {account} on this board; there is: {', '.join(ids) or 'none'}."
            )
        return account
    if len(ids) != 1:
        raise UsageError(
            f"Choose an account with --account: {', '.join(ids) or 'there is none on this board'}."
        )
    return ids[0]


def _full_id(client: Client, account: str, start: str) -> str:
    """The whole id; a beginning must fit one message only."""
    start = start.lower()
    if not start:
        raise UsageError("The id is empty: give one that buzon mail list shows, or its beginning.")
    if len(start) == 16:
        return start
    found = [item.id for item in client.list_all(account) if item.id.startswith(start)]
    if len(found) != 1:
        raise UsageError(f"{len(found)} messages have an id that begins with {start}: see buzon mail list.")
    return found[0]
