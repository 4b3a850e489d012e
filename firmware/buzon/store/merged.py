"""Whether what came as one message is two, of a server that sends no line end before the end of the first.

Imported only where a message came that is not as long as its server had said.
"""

from ..errors import E_REMOTE, RemoteProtocolError
from . import fs

_MERGED = b".\r\n+OK"  # an end that is none, for want of a line end before it, and the next reply


def look(path: str, block: bytearray) -> None:
    """Raises RemoteProtocolError when they are. `path`: the file; `block`: lent."""
    kept = len(_MERGED) - 1
    block[:kept] = bytes(kept)
    view = memoryview(block)[kept:]
    try:
        with open(path, "rb") as f:
            n = f.readinto(view)
            while n:
                if block.find(_MERGED, 0, kept + n) >= 0:
                    raise RemoteProtocolError(E_REMOTE, "two messages in one")
                block[:kept] = block[n : n + kept]
                n = f.readinto(view)
    except OSError as err:
        raise fs.trouble(err)
