"""Starts Buzón. Whatever happens, it ends at the REPL."""

import sys


def start() -> None:
    try:
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
