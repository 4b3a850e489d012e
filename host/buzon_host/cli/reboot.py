"""`buzon reboot`: restarts the board."""

from .options import Json, Port, connect
from .output import Out


def run(port: Port = None, json: Json = False) -> None:
    """Restart the board."""
    out = Out(json)
    with connect(port, out) as client:
        client.reboot()
    out.document({"ok": True, "rebooting": True})
    out.say("The board restarts.")
