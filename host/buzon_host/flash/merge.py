"""One file with everything, for factories and for installers in the browser (ESP Web Tools)."""

import json
from pathlib import Path

from .. import __version__, files
from ..build.firmware import Firmware
from ..build.image import Image
from ..errors import UsageError
from .plan import flat, pieces, uf2_file


def merged(firmware: Firmware, image: Image) -> bytes:
    """For an ESP32: the flash from byte 0 to the end of the file system. For an RP2: one UF2 file."""
    if image.board.soc.uf2_family is not None:
        return uf2_file(firmware, image)
    return flat(pieces(firmware, image))


def manifest(image: Image, file: str) -> dict[str, object]:
    """The manifest for ESP Web Tools. `file`: the merged file, relative to the manifest."""
    return {
        "name": "Buzón",
        "version": __version__,
        "new_install_prompt_erase": True,
        "builds": [{"chipFamily": image.board.soc.title, "parts": [{"path": file, "offset": 0}]}],
    }


def write(firmware: Firmware, image: Image, output: Path) -> list[Path]:
    """Writes the file, and for an ESP32 the manifest beside it. Returns their paths."""
    if output.exists() and output.samefile(firmware.path):
        raise UsageError(f"{output} is the firmware itself: name another file with -o.")
    files.write(output, merged(firmware, image))
    if image.board.soc.uf2_family is not None:
        return [output]
    beside = output.with_suffix(".manifest.json")
    text = json.dumps(manifest(image, output.name), indent=2, ensure_ascii=False) + "\n"
    files.write(beside, text.encode())
    return [output, beside]
