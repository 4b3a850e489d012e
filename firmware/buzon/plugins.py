"""Resolves short names and `module:Class` to implementations, imported on first use, and unloads modules again.

Builds nothing itself.
"""

import sys

from micropython import const

from .errors import E_PLUGIN, ConfigError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_API = const(1)  # what a plug-in must state

# Modules that are loaded for one task and then unloaded, because a session with TLS leaves little of the heap.
# Sorted: a name comes before those that begin with it.
SELDOM = (
    "buzon.boot buzon.console.base buzon.console.change buzon.console.config buzon.console.files "
    "buzon.console.improv buzon.console.listing buzon.console.mailbox buzon.console.scan buzon.console.search "
    "buzon.core.auth buzon.core.learn buzon.core.login buzon.core.sasl buzon.display.null buzon.envelope "
    "buzon.net.cert buzon.net.ntp buzon.net.trouble buzon.net.zone buzon.notify.explain buzon.notify.log "
    "buzon.notify.seen buzon.policy.again buzon.policy.baseline buzon.policy.collect buzon.policy.compare "
    "buzon.policy.doubt buzon.policy.evict buzon.policy.moved buzon.policy.prove buzon.policy.purge "
    "buzon.policy.room buzon.policy.sift buzon.policy.unlisted buzon.sentences.s1 buzon.sentences.s2 "
    "buzon.sentences.s4 buzon.sentences.s5 buzon.sentences.s6 buzon.sentences.s8 buzon.server buzon.setup "
    "buzon.store.alike buzon.store.clear buzon.store.convert buzon.store.cut buzon.store.halves buzon.store.head "
    "buzon.store.leave buzon.store.mend buzon.store.merged buzon.store.quota buzon.store.rekey "
    "buzon.store.reserve buzon.store.rewrite buzon.store.staging buzon.store.twin buzon.store.walk "
    "buzon.store.witness buzon.text.address buzon.text.charsets buzon.text.fold buzon.text.headers "
    "buzon.text.words buzon.timekeeper buzon.trial "
)

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


def unload(more: str = "") -> None:
    """Free the heap that seldom-used modules take, and that of `more` (names, each followed by a space); the
    next import loads them again. Code of theirs that is running goes on; nothing of theirs may be kept.

    Allocates nothing if none is loaded: there may be no room for it.
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
    while at > 0 and names[at - 1] != " ":  # it matched the end of another name
        at = names.find(name, at + 1)
    return at >= 0 and names[at + len(name)] == " "
