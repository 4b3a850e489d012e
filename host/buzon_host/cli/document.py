"""The one JSON document of a run with `--json`."""

import json

printed = False
"""Whether this process has printed its document: a later error does not print a second one."""


def dump(document: object) -> str:
    """JSON in ASCII, so that it cannot control a terminal."""
    return json.dumps(document, ensure_ascii=True).replace("\x7f", "\\u007f")
