"""An account's mail server, as its settings name it. Imported for each connection."""

from micropython import const

from .errors import E_CLOCK, E_NO_CA, LinkError
from .net import clock
from .net.tls import Tls

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def server(settings: "Dict[str, Any]") -> "tuple[str, int, Tls | None, bool]":
    """The arguments of a link's `open`: host, port, TLS (None: none at all), whether TLS comes first.

    Raises LinkError.
    """
    way = settings.get("tls", "implicit")
    port = settings.get("port", 995 if way == "implicit" else 110)
    return settings["host"], port, None if way == "none" else _tls(settings), way == "implicit"


def _tls(settings: "Dict[str, Any]") -> Tls:
    if not settings.get("tls_verify", True):
        return Tls(None, False)
    if not clock.valid():
        raise LinkError(E_CLOCK, clock.says())
    path = settings.get("ca", "")
    try:
        with open(path, "rb") as f:
            return Tls(f.read(), keep=False)
    except OSError:
        raise LinkError(E_NO_CA, path)
