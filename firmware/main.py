"""Starts Buzón. Whatever happens, it ends at the REPL."""

import gc
import sys

# From the bottom up, with a collection after each: what importing one leaves behind is then used by the next,
# instead of staying as holes between them.
_MODULES = (
    "errors log plugins core.wire core.pop3 core.cbor core.frames net.tls net.link net.clock net.wifi store.fs "
    "store.spool store.journal store.settings text.charsets text.words text.address text.escape text.headers "
    "sync account display.font6x12 display.layout display.draw notify.pages ui console.server console.base app"
)


def start() -> None:
    try:
        for name in _MODULES.split():
            __import__("buzon." + name)
            gc.collect()
        from buzon.app import main

        if main() == "reboot":
            import machine

            machine.reset()
        print("Buzón has stopped. Ctrl-D starts it again.")
    except KeyboardInterrupt:
        print("Buzón was stopped by Ctrl-C. Ctrl-D starts it again.")
    except Exception as err:
        sys.print_exception(err)
        print("Buzón could not go on: the lines above say why. Ctrl-D starts it again.")


start()
