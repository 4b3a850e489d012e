"""The environment of a terminal in which nothing of the person's own shows: for the command line under pexpect."""

import os
import sys
from pathlib import Path


def clean(config: Path, **more: str) -> dict[str, str]:
    """No variable of Buzón's, no width but the terminal's own, no keyring, no colours; what is remembered goes below
    `config`."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BUZON_", "COLUMNS", "LINES"))
    }
    return {
        **own,
        "XDG_CONFIG_HOME": str(config),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONUTF8": "1",
        "TERM": "xterm",
        "NO_COLOR": "1",
        **more,
    }
