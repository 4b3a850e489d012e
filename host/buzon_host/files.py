"""Writes a file as a whole or not at all: beside it first, then renamed. What was there stays until then."""

import errno
import os
import secrets
from pathlib import Path


def write(path: Path, data: bytes, *, new: bool = False) -> None:
    """`data` is then what the file holds. `new`: FileExistsError when there is one already. Raises OSError.

    What is no plain file (`/dev/stdout`, a pipe) is written as it is, and a link stays a link.
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
    """A link, as a rename would replace what another program has made meanwhile; not every file system has them."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        path.open("xb").close()
        os.replace(part, path)
