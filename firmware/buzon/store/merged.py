"""Whether what came as one message is two, of a server that sends no line end before the end of the first.

Imported only where a message came that is not as long as its server had said.
"""

from micropython import const

from ..errors import E_REMOTE, RemoteProtocolError
from . import fs

# An end that is none, for want of a line end before it, and the next reply.
_MERGED = b".\r\n+OK", b".\r\n-ERR"
_KEPT = const(6)  # bytes of the longest but one


def look(path: str, block: bytearray) -> None:
    """Raises RemoteProtocolError when they are. `path`: the file; `block`: lent."""
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
