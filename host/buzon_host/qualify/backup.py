"""What a person has on a board, settings and mail: copied to a file on this PC before anything is tried, and put
back byte for byte. The file stays until that is done. It holds passwords: only its owner can read it."""

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from ..errors import BuzonError
from ..install.plan import digest
from ..install.transfer import Repl
from ..pull.target import private
from . import scripts

Progress = Callable[[str, int, int], None]
_AT_ONCE = 32  # paths and hashes in the answer to one command
_SETTINGS = "/settings.cbor"
_PART = "/qualify.part"
_ABOUT = "about.json"


@dataclass(frozen=True)
class Backup:
    """`files`: path on the board -> content."""

    path: Path
    files: dict[str, bytes] = field(repr=False)


def place(id: str) -> Path:
    """The file for the board with that id (hex)."""
    return paths.config() / "qualify" / f"{id}.zip"


def take(repl: Repl, id: str, progress: Progress) -> Backup:
    """Copies what is there, reads the file again, and compares it with what the board has.

    Raises BuzonError, also if there is a backup of this board already: it has not been put back.
    """
    path = place(id)
    if path.exists():
        raise BuzonError(
            f"An earlier run was interrupted, and what was on the board is in {path}: put it back with "
            "buzon qualify --restore."
        )
    there = _there(repl)
    sizes = {name: int(repl.run(f"print(os.stat({name!r})[6])")) for name in there}
    total, done = sum(sizes.values()), 0
    files = {}
    for name, size in sizes.items():

        def got(n: int, name: str = name) -> None:
            nonlocal done
            done += n
            progress(f"Backing up {name}", done, total)

        files[name] = repl.get(name, size, got)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(part, "xb", opener=private) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_ABOUT, json.dumps({"board": id, "files": sorted(files)}))
            for name, data in files.items():
                archive.writestr(name.removeprefix("/"), data)
        file.flush()
        os.fsync(file.fileno())
    backup = read(part)
    if {name: digest(data) for name, data in backup.files.items()} != there:
        part.unlink()
        raise BuzonError(
            "The backup is not what the board has: try another cable or USB port, and run the command again."
        )
    os.replace(part, path)
    return Backup(path, backup.files)


def read(path: Path) -> Backup:
    """Raises BuzonError if it is no backup, or not whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = json.loads(archive.read(_ABOUT))["files"]
            return Backup(path, {name: archive.read(name.removeprefix("/")) for name in names})
    except FileNotFoundError:
        raise BuzonError(f"There is no backup {path}: nothing has to be put back.") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise BuzonError(f"{path} cannot be read: it is no whole backup of a board.") from None


def put_back(repl: Repl, backup: Backup, progress: Progress) -> list[str]:
    """Makes the board's settings and mail what they were, and removes the backup. Returns what was written.

    Whatever is as it was stays untouched; the settings come last, and each file appears whole or not at all.
    Raises BuzonError; the backup is then still there.
    """
    progress("Putting back what was there", 0, 1)
    repl.run(scripts.TIDY)
    now = _there(repl)
    wanted = {name: digest(data) for name, data in backup.files.items()}
    for name in now:
        if name not in wanted:
            repl.run(f"os.remove({name!r})")
    differ = sorted(
        (name for name in wanted if now.get(name) != wanted[name]), key=lambda name: (name == _SETTINGS, name)
    )
    for number, name in enumerate(differ):
        progress(f"Putting back {name}", number, len(differ))
        repl.put(_PART, backup.files[name], lambda _: None)
        folder = name.rpartition("/")[0]
        repl.run(f"{f'folder({folder!r})' if folder else ''}\nos.rename({_PART!r}, {name!r})")
    if _there(repl) != wanted:
        raise BuzonError("What was put back is not what was there.")
    backup.path.unlink()
    return differ


def _there(repl: Repl) -> dict[str, str]:
    """Path -> SHA-256 of all that belongs to a person."""
    repl.run(scripts.OWNED)
    found: dict[str, str] = {}
    while True:
        part = repl.hashes(f"some({_AT_ONCE})")
        found |= part
        if len(part) < _AT_ONCE:
            return found
