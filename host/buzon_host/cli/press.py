"""`buzon press`: presses a button of a virtual board, and says what that changed."""

import os
import time
from typing import Annotated

import typer

from ..board.client import Client
from ..board.find import find, virtual_at
from ..board.link import no_port
from ..errors import BuzonError, NoBoard, UsageError
from .options import Json, Port
from .output import Out

Button = Annotated[
    int | None, typer.Argument(min=0, max=63, help="The button's pin (default: the board's button).")
]
Hold = Annotated[float, typer.Option("--hold", min=0.02, max=60, help="Seconds to hold it.")]

_HELLO_S = 5.0
_EFFECT_S = 1.0  # the board looks at its button ten times a second
_MOST_S = 10.0
_POLL_S = 0.1
_PAGES = {
    "idle": "its idle page",
    "alert": "new mail",
    "notice": "a notice",
    "progress": "how much mail has come",
}


def run(button: Button = None, hold: Hold = 0.15, port: Port = None, json: Json = False) -> None:
    """Press a button of a virtual board."""
    out = Out(json)
    where = find(port)
    control = virtual_at(where)
    if control is None:
        if os.name == "posix" and not os.path.exists(where):
            raise NoBoard(no_port(where))
        raise UsageError(f"{where} is no virtual board: press the button on the board itself.")
    with control:
        client = None if control.entry.bare else _client(where)
        try:
            before = _new(client)
            pin = control.press(button, hold)
            after, page = _effect(client, before)
        finally:
            if client is not None:
                client.close()
    seen = None if before is None or after is None else max(0, before - after)
    out.document({"ok": True, "pressed": pin, "seen": seen, "page": page})
    out.say(f"Pressed the button on pin {pin}{_what(before, after)}.")
    if page in _PAGES:
        shown = "that nothing is new" if page == "idle" and after == 0 else _PAGES[page]
        out.say(f"The display shows {shown}: buzon screen draws it.")


def _what(before: int | None, after: int | None) -> str:
    """What became of the new messages, as the end of a sentence; empty if the board does not say."""
    if before is None or after is None:
        return ""
    if not before:
        return ": no message was new"
    seen = max(0, before - after)
    said = [f"{_messages(seen)} marked as seen"] if seen else []
    if after:
        said.append(f"{_messages(after)} still new")
    return f": {', '.join(said)}"


def _messages(number: int) -> str:
    return "1 message is" if number == 1 else f"{number} messages are"


def _client(port: str) -> Client | None:
    """The board's own word about its mail; None if it cannot be had now, as when another program has the port."""
    try:
        return Client.connect(port, timeout=_HELLO_S)
    except BuzonError:
        return None


def _new(client: Client | None) -> int | None:
    """How many messages are new; None: the board does not say."""
    try:
        return sum(one.new for one in client.status().accounts) if client is not None else None
    except BuzonError:
        return None


def _effect(client: Client | None, before: int | None) -> tuple[int | None, str]:
    """How many messages are new, and the display's page, once the press has had its effect."""
    if client is None:
        return None, ""
    now, begun = before, time.monotonic()
    end = begun + _MOST_S
    while time.monotonic() < min(begun + _EFFECT_S, end):
        time.sleep(_POLL_S)
        was, now = now, _new(client)
        if now != was:
            begun = time.monotonic()  # more are being marked
        if not now and _page(client) != "alert":
            break
    return now, _page(client)


def _page(client: Client) -> str:
    try:
        return client.screen().page
    except BuzonError:
        return ""  # it has no display
