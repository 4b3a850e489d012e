"""Makes a ROMFS image of a folder: it is read-only, and MicroPython runs the code in it in place."""

from pathlib import Path

from mpremote.romfs import VfsRomWriter

from .. import files


def image(folder: Path) -> bytes:
    """The folder's files and folders as one ROMFS image (MicroPython 1.25 and later)."""
    writer = VfsRomWriter()
    _add(writer, folder)
    return bytes(writer.finalise())


def _add(writer: VfsRomWriter, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            writer.opendir(path.name)
            _add(writer, path)
            writer.closedir()
        else:
            writer.mkfile(path.name, path.read_bytes())


def image_file(folder: Path) -> Path:
    """The image in a file beside the folder; rewritten only when it changed."""
    data = image(folder)
    path = folder.with_name(folder.name + ".romfs")
    if not path.exists() or path.read_bytes() != data:
        files.write(path, data)
    return path
