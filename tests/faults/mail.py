"""The small workload of the campaigns, and a server's Maildir as they fill and empty it."""

import os
from collections.abc import Sequence
from pathlib import Path

# Three messages of about 300 bytes and one of 5 KB, with what dot-stuffing and buffer edges must get right.
MAIL = (
    *(
        b"Subject: small %d\r\n\r\n" % n + b"%d line of a small message, with a dot:\r\n.dot\r\n" % n * 6
        for n in range(3)
    ),
    b"Subject: larger\r\n\r\n" + b".A line that begins with a dot, and some more of it after that.\r\n" * 78,
)


class Maildrop:
    """The Maildir of a server that runs. The names of its files are of one length, so that listings are too."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir
        self._owner = maildir.stat()
        self._count = 0

    def put(self, mail: Sequence[bytes]) -> None:
        """Deliver these, in this order."""
        for message in mail:
            self._count += 1
            size = len(message)
            aside = self._maildir / "tmp" / "message"
            aside.write_bytes(message)
            if os.geteuid() == 0:
                os.chown(aside, self._owner.st_uid, self._owner.st_gid)
            name = f"1700{self._count:06}.M{self._count:06}P1.buzon,S={size},W={size}"
            aside.rename(self._maildir / "new" / name)

    def left(self) -> list[bytes]:
        return [path.read_bytes() for path in self._paths()]

    def clear(self) -> None:
        for path in self._paths():
            path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return [path for name in ("new", "cur") for path in (self._maildir / name).iterdir()]
