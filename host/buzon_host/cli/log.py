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
    for line in lines:
        out.say(line)
