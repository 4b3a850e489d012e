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

# Modules that are loaded for one thing and then go again, because a session with TLS leaves little of the heap. Sorted:
# a name stands before those that begin with it.
SELDOM = (
    "buzon.boot buzon.console.base buzon.console.change buzon.console.config buzon.console.files "
    "buzon.console.improv buzon.console.listing buzon.console.mailbox buzon.console.scan "
    "buzon.console.search buzon.core.auth buzon.core.login buzon.core.sasl buzon.display.null "
    "buzon.envelope buzon.net.cert buzon.net.ntp buzon.net.trouble buzon.notify.log "
    "buzon.policy.baseline buzon.policy.collect buzon.policy.evict buzon.policy.purge buzon.policy.sift "
    "buzon.server buzon.setup buzon.store.halves buzon.store.head buzon.store.mend buzon.store.merged "
    "buzon.store.quota buzon.store.staging buzon.store.twin buzon.store.walk buzon.text.address "
    "buzon.text.charsets buzon.text.fold buzon.text.headers buzon.text.words buzon.timekeeper "
    "buzon.trial "
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
    """Give back what the seldom used modules take of the heap, and `more` (names, a space behind each); the next import
    loads them again. What runs goes on; nothing in them may be kept.

    Nothing is allocated where none is loaded: there may be no room for it.
    """
    while True:
        for name in sys.modules:
            if _in(name, SELDOM) or _in(name, more):
                break
        else:
            return
        del sys.modules[name]
        package, _, last = name.rpartition(".")
        delattr(sys.modules[package], last)


def _in(name: str, names: str) -> bool:
    at = names.find(name)
    return at >= 0 and names[at + len(name)] == " "
