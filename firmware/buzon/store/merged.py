"""Whether what came as one message is two, from a server that sends no line end before the first one's final dot.

Imported only if a message came whose length is not what the server had said.
"""

from micropython import const

from ..errors import E_REMOTE, RemoteProtocolError
from . import fs

# A final dot that does not count, as no line end precedes it, and the next reply.
_MERGED = b".\r\n+OK", b".\r\n-ERR"
_KEPT = const(6)  # bytes of the longest, less one


def look(path: str, block: bytearray) -> None:
    """Raises RemoteProtocolError if the file at `path` holds two messages. `block`: lent."""
    block[:_KEPT] = bytes(_KEPT)
    view = memoryview(block)[_KEPT:]
    try:
        with open(path, "rb") as f:
            n = f.readinto(view)
            while n:
                for each in _MERGED:
                    if block.find(each, 0, _KEPT + n) >= 0:
                        raise RemoteProtocolError(E_REMOTE, "two messages in one")
                block[:_KEPT] = block[n : n + _KEPT]
                n = f.readinto(view)
    except OSError as err:
        raise fs.trouble(err)
