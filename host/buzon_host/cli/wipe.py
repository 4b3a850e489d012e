"""`buzon wipe`: erases mail, settings or both from the board."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from ..errors import BuzonError, UsageError
from .options import Json, Port, Yes, connect
from .output import Out


class What(StrEnum):
    mail = "mail"
    settings = "settings"
    all = "all"


_WHAT = {
    What.mail: "All mail on the board will be erased, and does not come again",
    What.settings: "The settings and passwords on the board will be erased",
    What.all: "All mail, settings and passwords on the board will be erased",
}
_DONE = {
    What.mail: "The mail is erased",
    What.settings: "The settings and passwords are erased",
    What.all: "Mail, settings and passwords are erased",
}
_CHOICES = "mail, settings or all"

Option = Annotated[
    What | None,
    typer.Option(
        "--what",
        help="What to erase: all mail, the settings with their passwords, or both (default: you are asked).",
        show_default=False,
    ),
]


def run(what: Option = None, port: Port = None, yes: Yes = False, json: Json = False) -> None:
    """Erase mail, settings or all from the board. Nothing on a server is touched.

    Erased mail is not fetched again, unless you erase all.
    """
    out = Out(json)
    if what is None and not sys.stdin.isatty():
        raise UsageError("Say what to erase: --what mail, --what settings or --what all.")
    with connect(port, out) as client:
        what = what or _asked(out)
        if not out.must_ask(f"{_WHAT[what]} ({client.link.port}). Go on?", yes):
            raise BuzonError("Nothing was erased.")
        with out.progress() as bar:
            bar.say("Erasing")
            wiped = client.wipe(what.value, lambda _: None)
    out.document({"ok": True, "wiped": wiped})
    out.say(f"{_DONE[what]} ({client.link.port}).")


def _asked(out: Out) -> What:
    """Asks the person at the terminal what to erase; an empty answer raises BuzonError."""
    while True:
        out.prompt(f"Erase what: {_CHOICES}? ")
        typed = sys.stdin.readline().strip().lower()
        if not typed:
            raise BuzonError("Nothing was erased.")
        if typed in list(What):
            return What(typed)
        out.note(f"Type {_CHOICES}.")
