"""Resolves short names and `module:Class` to implementations, imported on first use. Builds nothing itself."""

from micropython import const

from .errors import E_PLUGIN, ConfigError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_API = const(1)  # what a plug-in must state
_FOLDER = {"display": "display", "notifier": "notify"}  # ours: one module each, with a `Plugin` in it


def load(kind: str, name: str) -> "Any":
    """The class of a `display` or `notifier`. Raises ConfigError(E_PLUGIN) if none fits."""
    path = name if ":" in name else "buzon.%s.%s:Plugin" % (_FOLDER[kind], name)
    module, _, attribute = path.partition(":")
    try:
        found = __import__(module, None, None, (attribute,))
        implementation = getattr(found, attribute)
    except (ImportError, ValueError, AttributeError, SyntaxError):
        raise ConfigError(E_PLUGIN, name)
    if getattr(implementation, "API", 0) != _API:
        raise ConfigError(E_PLUGIN, name + ", its version")
    return implementation
