"""`buzon log`: the board's last log lines."""

from .options import Json, Port, connect
from .output import Out


def run(port: Port = None, json: Json = False) -> None:
    """Show the board's last log lines, oldest first."""
    out = Out(json)
    with connect(port, out) as client:
        text = client.log()
    lines = text.splitlines()
    out.document({"ok": True, "lines": lines})
    if not lines:
        out.say("The board's log is empty: nothing went wrong since it started.")
    for line in lines:
        out.say(line)
