"""What is known of some messages while they are worked on. Loaded with `index`, when the journal is read."""

from array import array

from micropython import const

from .spool import KEY

# States of a message in the window. First how much of it is here, then what is to be done with it.
NEW = const(0)  # nothing is here: to be fetched as the settings say
STORED = const(1)  # all of it is here: to be deleted where that is allowed
BY_CONTENT = const(3)  # its content identifies it: it has no uid, or shares its uid or number with another
WHOLE = const(4)  # to be fetched as a whole, whatever the settings say
TOP = const(5)  # its headers are to be fetched
NOTHING = const(6)
GOING = const(7)  # to be deleted when all others have come
UNSURE = const(8)  # the server's copy is to be compared with it
AGAIN = const(9)  # to be fetched as a whole and compared: it may be another message
CHECK = const(10)  # to be compared alone: it came shorter than announced


class Window:
    """What is known of at most `size` messages while they are worked on; nothing grows with the maildrop.

    For the i-th: `key(i)`, `number[i]`, `octets[i]`, `state[i]`, and what the journal says about it:
    `kind[i]` and `said[i]`, the size that the server told when it came.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.n = 0
        self._keys = bytearray(size * KEY)
        self.number = array("I", self._keys[: size * 4])
        self.octets = array("I", self._keys[: size * 4])
        self.said = array("I", self._keys[: size * 4])
        self.state = bytearray(size)
        self.kind = array("H", self._keys[: size * 2])

    def clear(self) -> None:
        self.n = 0

    def add(self, key: bytes, number: int = 0) -> None:
        """Append; the caller checks that `n < size`."""
        n = self.n
        self._keys[n * KEY : n * KEY + KEY] = key
        self.number[n] = number
        self.octets[n] = 0
        self.said[n] = 0
        self.state[n] = 0
        self.kind[n] = 0
        self.n = n + 1

    def key(self, i: int) -> bytes:
        return bytes(self._keys[i * KEY : i * KEY + KEY])

    def find(self, key: bytes) -> int:
        """The first i that has this key, or -1."""
        end = self.n * KEY
        at = self._keys.find(key, 0, end)
        while at >= 0 and at % KEY:
            at = self._keys.find(key, at + 1, end)
        return at // KEY if at >= 0 else -1

    def has(self, number: int) -> bool:
        for i in range(self.n):  # noqa: SIM110 (`any` would allocate)
            if self.number[i] == number:
                return True
        return False

    def holds(self, state: int) -> bool:
        """Whether any has this state."""
        for i in range(self.n):  # noqa: SIM110
            if self.state[i] == state:
                return True
        return False
