"""`python -m buzon_host.server`: the server as a process for `run.LocalServer`; never used by hand.

The first line on stdin is a JSON map of `serve_forever`'s parameters (not arguments, so that no password
shows in a list of processes) and `work`, a temporary folder that it removes when it ends. One JSON line on
stdout says that it is ready, or gives an error: `{"error": sentence, "no_mail": bool}`. It ends when stdin
closes, so that it cannot outlive the process that started it.
"""

import dataclasses
import json
import shutil
import sys
import tempfile
from pathlib import Path

from .maildir import LocalServerError, NoMailError
from .service import Ready, serve_forever

_PATHS = ("mail", "maildir", "certificates")


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def main() -> int:
    """Serve; returns the exit code."""
    parameters = json.loads(_first_line())
    work = tempfile.tempdir = parameters.pop("work")
    for name in _PATHS:
        if parameters.get(name) is not None:
            parameters[name] = Path(parameters[name])

    def ready(where: Ready) -> None:
        _say(dataclasses.asdict(where))

    try:
        serve_forever(on_ready=ready, until_stdin_closes=True, **parameters)
    except LocalServerError as error:
        _say({"error": str(error), "no_mail": isinstance(error, NoMailError)})
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def _first_line() -> bytes:
    # Unbuffered: what follows belongs to serve_forever, which reads the descriptor itself.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stdin:
        return stdin.readline()


if __name__ == "__main__":
    sys.exit(main())
