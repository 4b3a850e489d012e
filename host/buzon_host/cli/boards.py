"""`buzon boards`: what is connected or running, and which boards are supported."""

from ..board.find import boards
from .options import Json
from .output import Out


def run(json: Json = False) -> None:
    """List the boards: connected, virtual, and supported ones."""
    from .. import boards as supported

    out = Out(json)
    found = boards()
    names = list(supported.names())
    out.document(
        {
            "ok": True,
            "boards": [{"port": one.port, "what": one.what, "virtual": one.virtual} for one in found],
            "supported": names,
        }
    )
    if found:
        out.table(("port", "board"), [(one.port, one.what) for one in found], fold=(1,))
    else:
        out.say("No board is connected, and no virtual one runs.")
    out.say()
    out.say("Supported: " + ", ".join(names))
