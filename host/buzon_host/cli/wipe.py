"""`buzon wipe`: erases mail, settings or both from the board."""

from enum import StrEnum
from typing import Annotated

import typer

from ..errors import BuzonError
from .options import Json, Port, Yes, connect
from .output import Out


class What(StrEnum):
    mail = "mail"
    settings = "settings"
    all = "all"


_WHAT = {
    What.mail: "All mail on the board is erased",
    What.settings: "The settings and passwords on the board are erased",
    What.all: "All mail, settings and passwords on the board are erased",
}

Option = Annotated[
    What, typer.Option("--what", help="What to erase: all mail, the settings with their passwords, or both.")
]


def run(what: Option = What.all, port: Port = None, yes: Yes = False, json: Json = False) -> None:
    """Erase mail, settings or all from the board. Nothing on a server is touched."""
    out = Out(json)
    with connect(port, out) as client:
        if not out.must_ask(f"{_WHAT[what]} ({client.link.port}). Go on?", yes):
            raise BuzonError("Nothing was erased.")
        wiped = client.wipe(what.value)
    out.document({"ok": True, "wiped": wiped})
    out.say("Erased.")
