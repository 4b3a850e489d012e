"""Which modules stay in memory, and unloads the others."""

import sys

_PACKAGE = "buzon."

# The modules that stay in memory, each followed by a space. All others are loaded for one task and unloaded again,
# because a session with TLS leaves little of the heap. The build makes one module of those that the app needs.
STAYS = (
    "buzon.account buzon.app buzon.console.server buzon.core.client "
    "buzon.core.frames buzon.core.wire buzon.errors buzon.log buzon.mailbox buzon.net.blocking buzon.net.clock "
    "buzon.net.link buzon.net.tls buzon.net.wifi buzon.plugins "
    "buzon.store.fs buzon.store.journal buzon.store.spool buzon.text.span "
    "buzon.text.utf8 buzon.ui buzon.watchdog "
)
# What draws on the display, and what answers a PC. They stay too, but make room for a TLS handshake (`app`).
DRAWS = "buzon.display.draw buzon.display.font6x12 buzon.display.layout buzon.notify.pages buzon.page "
ANSWERS = (
    "buzon.console.answer buzon.console.params buzon.console.status buzon.core.cbor buzon.store.settings "
)
# What a session needs from its first reply to its last. It is loaded when the connection is open, and on an ESP32 a TLS
# handshake has its memory before. The build makes one module of these too.
SESSION = "buzon.core.dots buzon.core.pop3 buzon.store.incoming buzon.sync "
# How the journal is read: in a session too, and for a page or a request.
INDEX = "buzon.store.index buzon.store.window "

_held = ""


def hold(names: str) -> None:
    """`unload` spares the modules that are in `names`, each followed by a space, until this is called again."""
    global _held
    _held = names


def unload(more: str = "") -> None:
    """Free the heap that modules take which do not stay, and that of `more` (names, each followed by a space); the
    next import loads them again. Code of theirs that is running goes on; nothing of theirs may be kept.

    Allocates nothing if none is loaded: there may be no room for it.
    """
    while True:
        for name in sys.modules:
            if _in(name, more) or (_ours(name) and not _stays(name)):
                break
        else:
            return
        del sys.modules[name]
        package, _, last = name.rpartition(".")
        delattr(sys.modules[package], last)


def _stays(name: str) -> bool:
    return _in(name, STAYS) or _in(name, _held) or _in(name, DRAWS) or _in(name, ANSWERS)


def _ours(name: str) -> bool:
    """Whether it is a module of the package, and no package."""
    return name.startswith(_PACKAGE) and not hasattr(sys.modules[name], "__path__")


def _in(name: str, names: str) -> bool:
    at = names.find(name)
    while at > 0 and names[at - 1] != " ":  # it matched the end of another name
        at = names.find(name, at + 1)
    return at >= 0 and names[at + len(name)] == " "
