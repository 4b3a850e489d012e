"""The command `buzon`: one module per verb, each a thin layer over plain functions.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no board, 4 the board refused, 130 interrupted.
"""

import importlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .. import __version__
from ..board.printable import escape
from ..errors import DONE, FAILED, INTERRUPTED, USAGE, BuzonError, NoBoard
from ..remedies import told
from . import document
from .document import dump

# typer and the verbs are imported where Ctrl-C is caught: loading them takes long enough to be interrupted.

_VERBS = (
    "demo",
    "serve",
    "virtual",
    "boards",
    "image",
    "flash",
    "merge",
    "install",
    "provision",
    "check",
    "doctor",
    "qualify",
    "status",
    "sync",
    "screen",
    "press",
    "log",
    "mail",
    "reboot",
    "wipe",
    "bench",
    "completion",
)


def build() -> Any:
    """The whole command line, a `typer.Typer`."""
    import typer

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"buzon {__version__}")
            raise typer.Exit()

    app = typer.Typer(
        name="buzon",
        help="Mail on a microcontroller board: puts the program on it, sets it up, and watches it. "
        "Without a board: buzon demo. With one: buzon flash (or buzon install, when MicroPython is on it), then buzon "
        "provision. When something does not work: buzon doctor.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", callback=show_version, is_eager=True, help="Print the version."
        ),
    ) -> None: ...

    for verb in _VERBS:
        module = importlib.import_module(f".{verb}", __name__)
        if hasattr(module, "group"):
            app.add_typer(module.group, name=verb)
        else:
            app.command(verb)(module.run)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits; the terminal is left as it was found."""
    given = sys.argv[1:] if arguments is None else arguments
    _streams()
    restore = _terminal()
    try:
        code = _run(given)
    finally:
        restore()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """The exit code. Every error is one sentence on stderr, and with `--json` a document on stdout too."""
    as_json = "--json" in arguments
    document.printed = False
    try:
        import typer

        from .help import polished

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        command: Any = polished(typer.main.get_command(build()))
        code = command.main(args=arguments, prog_name="buzon", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this
            return _fail("Interrupted.", INTERRUPTED, as_json)
        return code if isinstance(code, int) else DONE
    except NoBoard as error:
        lines = [f"{error.start}:", *(f"  {each}" for each in error.choices)] if error.choices else []
        return _fail(told(error), error.exit_code, as_json, lines)
    except BuzonError as error:
        return _fail(told(error), error.exit_code, as_json)
    except KeyboardInterrupt:
        return _fail("Interrupted.", INTERRUPTED, as_json)
    except BrokenPipeError:
        # The reader of our output has gone; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if os.environ.get("BUZON_DEBUG") == "1":
            raise
        where = f" {error.filename}" if error.filename else ""
        why = error.strerror or type(error).__name__
        _silence()
        return _fail(
            f"The system refused{where} ({why}): check the path, its permissions and the free space.",
            FAILED,
            as_json,
        )
    except Exception as error:
        if type(error).__name__ == "Abort":  # typer's; it may not have been loaded yet
            return _fail("Interrupted.", INTERRUPTED, as_json)
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            # Wrong usage, reported by typer's parser; its class has moved between versions of typer.
            text = str(error.format_message()).strip().replace("Value error, ", "")
            text += "" if text.endswith((".", "?", "!")) else "."
            if type(error).__name__ == "NoArgsIsHelpError":
                print(text, file=sys.stderr)
                return USAGE
            where = getattr(getattr(error, "ctx", None), "command_path", "buzon")
            # It lists choices on lines of their own.
            return _fail(f"{' '.join(text.split())} See {where} --help.", USAGE, as_json)
        if os.environ.get("BUZON_DEBUG") == "1":
            raise
        return _fail(
            # Not its text: that may hold anything, even a password.
            f"Something unexpected happened ({type(error).__name__}): please report it with what "
            "BUZON_DEBUG=1 shows.",
            FAILED,
            as_json,
        )


def _fail(sentence: str, code: int, as_json: bool, lines: Sequence[str] = ()) -> int:
    """Says it, to a person as `lines` if there are any; returns the exit code."""
    try:
        if as_json and not document.printed:
            print(dump({"ok": False, "error": sentence, "exit_code": code}), flush=True)
    except OSError:
        _silence()
    try:
        shown = [escape(line) for line in lines or [sentence]]
        if sys.stderr.isatty():
            from .fold import folded

            columns = shutil.get_terminal_size().columns
            shown = [part for line in shown for part in folded(line, columns)]
        print("\n".join(shown), file=sys.stderr, flush=True)
    except OSError:
        pass  # there is nowhere left to say it but the exit code
    return code


def _streams() -> None:
    """Makes a closed stream (`>&-`) swallow output, and replaces what a terminal cannot show by `?`."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _silence() -> None:
    """If stdout accepts no more output, keeps what is left in its buffer from failing again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminal() -> Callable[[], None]:
    """Remembers the terminal's settings; the returned function puts them back."""
    try:
        import termios

        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
    except Exception:
        # No terminal, or a system without termios: there is nothing to restore.
        return lambda: None

    def restore() -> None:
        try:
            termios.tcsetattr(number, termios.TCSADRAIN, before)
        except termios.error:
            pass

    return restore
