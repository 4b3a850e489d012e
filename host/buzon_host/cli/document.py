"""The one JSON document of a run with `--json`."""

import json

printed = False
"""Whether this process has printed its document: an error after it prints no second one."""


def dump(document: object) -> str:
    """ASCII, so that no terminal is moved by it."""
    return json.dumps(document, ensure_ascii=True).replace("\x7f", "\\u007f")
