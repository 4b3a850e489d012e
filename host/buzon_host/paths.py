"""Where the firmware and the boards are: in a checkout, or inside the installed wheel."""

import errno
import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def bundle() -> Path:
    """The folder that holds `firmware/` and `boards/`."""
    inside = _HERE / "_bundle"
    return inside if inside.is_dir() else _HERE.parents[1]


def firmware() -> Path:
    return bundle() / "firmware"


def boards() -> Path:
    return bundle() / "boards"


def cache() -> Path:
    """A folder for what can be recreated (compiled firmware, fetched files)."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local")))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
    path = base / "buzon"
    path.mkdir(parents=True, exist_ok=True)
    return path


def config() -> Path:
    """A folder for what a person has said or written, which nothing removes. It may not exist yet."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", str(Path.home() / "AppData" / "Roaming")))
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")))
    return base / "buzon"


def read_small(path: Path, limit: int = 1 << 20) -> bytes:
    """A file that a person wrote. Raises OSError if it is larger than `limit`: a device would never end."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit >> 20} MB")
    return data


def use_firmware() -> None:
    """Make `import buzon` find the firmware's package, and give it a stand-in for `micropython`.

    The host shares `buzon.core`, `buzon.text` and `buzon.net.blocking` with the board.
    """
    path = str(firmware())
    if path not in sys.path:
        sys.path.append(path)
    if "micropython" not in sys.modules:
        from . import _micropython

        sys.modules["micropython"] = _micropython
