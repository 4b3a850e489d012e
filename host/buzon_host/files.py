"""Writes a file completely or not at all: to a file beside it, which is then renamed. The old content stays
until then."""

import errno
import os
import secrets
from pathlib import Path


def write(path: Path, data: bytes, *, new: bool = False) -> None:
    """Makes `data` the file's content. `new`: raises FileExistsError if the file exists. Raises OSError.

    Anything but a plain file (`/dev/stdout`, a pipe) is written to directly, and a link stays a link.
    """
    if new:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    elif path.exists() and not path.is_file():
        with path.open("wb") as device:
            device.write(data)
        return
    else:
        path = path.resolve()
    part = path.with_name(f".{path.name[:100]}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            _put_new(part, path)
        else:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _put_new(part: Path, path: Path) -> None:
    """Uses a link, as a rename would replace a file that another program has made meanwhile; not every file
    system has links."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        path.open("xb").close()
        os.replace(part, path)
