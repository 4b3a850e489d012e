"""Short names and `module:Class` to implementations, imported when first used; and modules that go again.

Builds nothing itself.
"""

import sys

from micropython import const

from .errors import E_PLUGIN, ConfigError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_API = const(1)  # what a plug-in must state

# Modules that are loaded for one thing and then go again, because a session with TLS leaves little of the heap.
SELDOM = (
    "core.login core.auth core.sasl server store.head store.halves store.twin envelope text.fold text.headers "
    "text.words text.address text.charsets net.ntp net.trouble net.cert timekeeper setup trial store.mend "
    "store.quota store.staging policy.baseline policy.evict policy.purge policy.sift console.change "
    "console.config console.files console.mailbox console.listing console.search console.base "
    "display.null notify.log boot store.walk policy.collect"
)

_FOLDER = {"display": "display", "notifier": "notify"}  # ours: a module each, and in it `Plugin`


def load(kind: str, name: str) -> "Any":
    """The class of a `display` or `notifier`. Raises ConfigError(E_PLUGIN) when there is none that fits."""
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


def unload(more: str = "") -> None:
    """Give back what the seldom used modules, and `more`, take of the heap; the next import loads them again. What
    runs goes on; nothing in them may be kept."""
    for name in (SELDOM + more).split():
        name = "buzon." + name
        if name in sys.modules:
            del sys.modules[name]
            package, _, last = name.rpartition(".")
            delattr(sys.modules[package], last)
