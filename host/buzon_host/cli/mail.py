"""`buzon mail`: lists, searches, shows, completes, flags, copies and deletes messages on the board."""

import base64
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import tzinfo
from pathlib import Path
from typing import Annotated

import typer

from ..board.client import E_FLASH_FULL, Client, Item
from ..errors import BuzonError, UsageError
from ..message import Message, read
from ..provision.steps import human
from ..pull.maildir import Maildir
from ..pull.mbox import Mbox
from ..pull.pull import Pulled
from ..pull.pull import pull as copy
from ..pull.target import Target
from . import own
from .options import NO_ACCOUNT, Json, Port, Yes, connect, named_account
from .output import Out, plain, when

group = typer.Typer(
    help="Messages on the board: list, search, show, copy and more.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Account = Annotated[
    str | None, typer.Option("--account", help="Only this account, its id on the board (default: all).")
]
Id = Annotated[
    str, typer.Argument(help="The message's id, as `mail list` shows it; its beginning is enough.")
]
Raw = Annotated[
    bool,
    typer.Option("--raw", help="The bytes as they are stored, for a file or a pipe; nothing is decoded."),
]
Peek = Annotated[bool, typer.Option("--peek", help="Do not mark the message as read.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, newest first.")]


From = Annotated[
    str, typer.Option("--from", help="Only messages whose sender (name or address) contains this text.")
]
Subject = Annotated[str, typer.Option("--subject", help="Only messages whose subject contains this text.")]
Text = Annotated[str, typer.Argument(help="What the sender or the subject must contain.")]
Read = Annotated[
    bool | None, typer.Option("--read/--unread", help="Mark it as seen, or as new again.", show_default=False)
]
ToMaildir = Annotated[Path | None, typer.Option("--maildir", metavar="DIR", help="Copy to this Maildir.")]
ToMbox = Annotated[Path | None, typer.Option("--mbox", metavar="FILE", help="Copy to this mbox file.")]
Move = Annotated[
    bool,
    typer.Option("--move", help="Delete each message from the board once its copy here is verified."),
]

_ID = 16  # letters of a whole id
_MOST = 64  # bytes of a search text: it travels in one frame


@group.command("list")
def list_(
    port: Port = None,
    account: Account = None,
    sender: From = "",
    subject: Subject = "",
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List the messages on the board, newest first."""
    find = {name: text for name, text in (("from", sender), ("subject", subject)) if text}
    _list(Out(json), port, account, find, limit)


@group.command()
def search(
    text: Text, port: Port = None, account: Account = None, limit: Limit = None, json: Json = False
) -> None:
    """List the messages whose sender or subject contains TEXT.

    Newest first. Capitals and accents do not matter.
    """
    if not text.strip():
        raise UsageError("There is nothing to look for: give a part of a sender or a subject.")
    _list(Out(json), port, account, {"text": text}, limit)


def _list(
    out: Out, port: str | None, account: str | None, find: Mapping[str, str], limit: int | None
) -> None:
    find = {name: unicodedata.normalize("NFC", text) for name, text in find.items()}
    if sum(len(text.encode("utf-8", "replace")) for text in find.values()) > _MOST:
        raise UsageError(f"That is too long to look for: {_MOST} bytes at most, a part of it will do.")
    items: list[tuple[str, Item]] = []
    with connect(port, out) as client, out.progress() as bar:
        bar.say("Searching" if find else "Listing")
        accounts = _accounts(client, account)
        for id in accounts:
            for number, item in enumerate(client.list_all(id, find=find)):
                if limit is not None and number >= limit:
                    break
                items.append((id, item))
        zone = own.zone(own.settings(client)) if items and not out.as_json else None
    out.document({"ok": True, "messages": [{"account": id, **plain(item)} for id, item in items]})
    if not accounts:
        out.say(NO_ACCOUNT)
    elif not items:
        out.say("No message on the board matches." if find else "There is no message on the board.")
    else:
        _table(out, items, zone)


def _table(out: Out, items: Sequence[tuple[str, Item]], zone: tzinfo | None) -> None:
    """Everything if it goes into a pipe; on a terminal what a person needs, one line for each message."""
    brief = out.stdout.is_terminal
    letters = _letters([item.id for _, item in items]) if brief else 16
    heads = ["id", "account", "new", "from", "subject", "size", "stored"]
    if brief and len({id for id, _ in items}) == 1:
        heads.remove("account")
    rows = [
        {
            "id": item.id[:letters],
            "account": id,
            "new": "" if item.seen else "*",
            "from": item.from_,
            "subject": item.subject,
            "size": f"{human(item.octets)}, header only" if item.part else human(item.size),
            "stored": when(item.time, "minutes" if brief else "seconds", zone),
        }
        for id, item in items
    ]
    out.table(
        heads,
        [[row[head] for head in heads] for row in rows],
        right=(heads.index("size"),),
        crop=(heads.index("from"), heads.index("subject")),
    )


def _letters(ids: Sequence[str]) -> int:
    """How many letters tell the ids apart, at least eight."""
    return next((n for n in range(8, 16) if len({id[:n] for id in ids}) == len(ids)), 16)


@group.command()
def show(
    id: Id,
    port: Port = None,
    account: Account = None,
    peek: Peek = False,
    raw: Raw = False,
    json: Json = False,
) -> None:
    """Show one message: its text, and what is attached. It then counts as read; with --peek it stays as it was.

    Sender, date and subject come first. HTML is shown as text, and control characters are escaped. With --raw come
    the stored bytes instead, to a terminal too; with --raw --json as base64.
    """
    out = Out(json)
    with connect(port, out) as client:
        account, id, headers = _found(client, account, id)
        parts = []
        with out.progress() as bar:
            bar.say("Reading the message")
            for part in client.read_message(account, id, peek=peek):
                parts.append(part)
    data = b"".join(parts)
    named = {"ok": True, "account": account, "id": id, "size": len(data)}
    if not raw:
        message = read(data)
        fields = {name.removesuffix("_"): value for name, value in asdict(message).items()}
        out.document({**named, **fields})
        _tell(out, message, id if headers else "")
    elif json:
        # Base64, because a message is bytes and not always text.
        out.document({**named, "base64": base64.b64encode(data).decode()})
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _tell(out: Out, message: Message, part: str) -> None:
    """`part`: its id, if its headers alone are on the board."""
    fields = (
        ("From", message.from_),
        ("To", message.to),
        ("Date", message.date),
        ("Subject", message.subject),
    )
    for name, value in fields:
        out.say(f"{name + ':':<9}{value or '-'}", indent=9)
    out.say()
    if message.note:
        out.say(message.note)
        out.say()
    if message.text:
        out.lines(message.text)
    elif part:
        out.say(f"The board has only its headers; buzon mail fetch {part[:8]} brings the rest.")
    elif not message.attachments:
        out.say("It has no text. If only its headers are on the board, buzon mail fetch brings the rest.")
    if message.attachments and message.text:
        out.say()
    for one in message.attachments:
        size = "unknown size" if one.size is None else human(one.size)
        out.say(f"Attached: {one.name or 'without a name'} ({one.type}, {size})")


@group.command()
def fetch(id: Id, port: Port = None, account: Account = None, json: Json = False) -> None:
    """Have the board collect all of a message.

    For a message of which the board has only the headers.
    """
    out = Out(json)
    with connect(port, out) as client:
        account, id = _located(client, account, id)
        wanted = client.fetch_message(account, id)
    out.document({"ok": True, "id": id, "wanted": wanted})
    out.say("The board collects it now." if wanted else "All of it is on the board.")


@group.command()
def flag(id: Id, read: Read = None, port: Port = None, account: Account = None, json: Json = False) -> None:
    """Mark one message as read or unread."""
    if read is None:
        raise UsageError("Say which: --read or --unread.")
    out = Out(json)
    with connect(port, out) as client:
        account, id = _located(client, account, id)
        client.flag_message(account, id, seen=read)
    out.document({"ok": True, "id": id, "seen": read})
    out.say("Marked as read." if read else "Marked as unread.")


@group.command()
def delete(id: Id, port: Port = None, account: Account = None, yes: Yes = False, json: Json = False) -> None:
    """Delete one message from the board."""
    out = Out(json)
    with connect(port, out) as client:
        account, id = _located(client, account, id)
        if not out.must_ask(f"Message {id} will be deleted from the board. Go on?", yes):
            raise BuzonError("Nothing was deleted.")
        client.delete_message(account, id)
    out.document({"ok": True, "deleted": id})
    out.say("Deleted.")


@group.command()
def pull(
    maildir: ToMaildir = None,
    mbox: ToMbox = None,
    move: Move = False,
    port: Port = None,
    account: Account = None,
    json: Json = False,
) -> None:
    """Copy all messages to a Maildir or an mbox file. With --move the board is then free for new mail.

    Each is copied once. If you stop it, the next run continues where it was. What was moved does not come to the board
    again.
    """
    out = Out(json)
    path = maildir or mbox
    if path is None or (maildir and mbox):
        raise UsageError("Say where to copy to: --maildir DIR or --mbox FILE, one of them.")
    done = []
    target: Target = Maildir(path) if maildir else Mbox(path)
    with connect(port, out) as client:
        ids = _accounts(client, account)
        if not ids:
            raise BuzonError(NO_ACCOUNT)
        with target, out.progress() as bar:

            def progress(text: str, have: int, total: int) -> None:
                bar.say(text)
                bar.at(have, total)

            for id in ids:
                done.append(copy(client, id, target, progress, move=move))
        if move:
            _go_on(client, done)
    failed = sum(len(one.failed) for one in done)
    kept = sum(len(one.kept) for one in done)
    out.document({"ok": not (failed or kept), "to": str(path), "accounts": [asdict(one) for one in done]})
    for one in done:
        out.say(_sentence(one))
    if failed:
        damaged = ", ".join(id for one in done for id in one.failed[:4])
        raise BuzonError(
            f"{failed} of the messages came damaged or are too large, and were not copied ({damaged}): look at them "
            "with buzon mail show."
        )
    if kept:
        changed = ", ".join(id for one in done for id in one.kept[:4])
        raise BuzonError(
            f"{kept} of the messages stay on the board, as their copies here were changed ({changed}): move them to "
            "another Maildir or mbox file, or delete them with buzon mail delete."
        )


def _go_on(client: Client, done: Sequence[Pulled]) -> None:
    """Has accounts collect what they had no room for."""
    moved = {one.account for one in done if one.moved}
    for one in client.status().accounts:
        if one.id in moved and one.error is not None and one.error.code == E_FLASH_FULL:
            client.sync(one.id)


def _sentence(one: Pulled) -> str:
    text = f"{one.account}: {one.copied} copied, {one.there} were there already"
    if one.moved:
        text += f", {one.moved} deleted from the board"
    if one.part:
        text += f", {one.part} not copied as only their headers are on the board"
    if one.gone:
        text += f", {one.gone} deleted on the board meanwhile"
    return text + "."


def _accounts(client: Client, account: str | None) -> list[str]:
    """The named account, or all."""
    return [named_account(client, account)] if account else [one.id for one in client.status().accounts]


def _located(client: Client, account: str | None, start: str) -> tuple[str, str]:
    """The account and full id of the one message whose id begins with `start`, in `account` or in any."""
    account, id, _ = _found(client, account, start)
    return account, id


def _found(client: Client, account: str | None, start: str) -> tuple[str, str, bool]:
    """As `_located`, and whether the list says that its headers alone are on the board."""
    start = start.lower()
    if not start:
        raise UsageError("The id is empty: give one that buzon mail list shows, or its beginning.")
    accounts = _accounts(client, account)
    if not accounts:
        raise BuzonError(NO_ACCOUNT)
    if len(start) == _ID and len(accounts) == 1:
        return accounts[0], start, False
    found = [
        (id, item.id, item.part)
        for id in accounts
        for item in client.list_all(id, brief=True)
        if item.id.startswith(start)
    ]
    if not found:
        raise UsageError(f"No message on the board has an id that begins with {start}: see buzon mail list.")
    if len(found) != 1:
        where = {id for id, _, _ in found}
        more = f" Choose an account with --account: {', '.join(sorted(where))}." if len(where) > 1 else ""
        raise UsageError(
            f"{len(found)} messages have an id that begins with {start}: see buzon mail list.{more}"
        )
    return found[0]
