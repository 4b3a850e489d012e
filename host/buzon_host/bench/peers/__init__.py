"""The programs that people would use instead, each with its settings in a file here, and how to run them.

All of them: no TLS, PLAIN or USER and PASS, one file per message, synced to the disk. What they would add to
the message is switched off where possible.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...server.dovecot import NOBODY
from ..maildrop import digest

HERE = Path(__file__).parent
_TIMEOUT_S = 900


class PeerError(Exception):
    """A peer failed, or did not store what it should."""


@dataclass(frozen=True)
class Peer:
    """`program`: what must be installed; `settings`: its template here; `words`: its words for keep and for
    delete; `command(settings file, folder)`: what starts it; `stores`: where it stores, below its folder."""

    name: str
    program: str
    settings: str
    words: tuple[str, str]
    command: Callable[[Path, Path], list[str]]
    stores: str

    @property
    def missing(self) -> str:
        """Why it cannot be run, or an empty text."""
        if shutil.which(self.program):
            return ""
        return f"{self.name} is not installed: make bench-deps"

    def collect(self, folder: Path, port: int, user: str, password: str, delete: bool) -> None:
        """Collect everything into `folder`, which must be empty. Raises PeerError."""
        folder.mkdir(parents=True)
        for name in ("new", "cur", "tmp"):
            (folder / "Maildir" / name).mkdir(parents=True)
        owner = ""
        if os.geteuid() == 0:  # getmail does not deliver as root
            owner = f"user = {pwd.getpwuid(NOBODY).pw_name}"
            for path in (*(folder / "Maildir").rglob("*"), folder / "Maildir"):
                os.chown(path, NOBODY, NOBODY)
            for path in (folder, *folder.parents):  # nor into a folder that only root may enter
                mode = path.stat().st_mode
                if not mode & stat.S_IXOTH:
                    path.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)
        template = (HERE / self.settings).read_text("utf-8")
        settings = folder / self.settings
        words = {
            "PORT": str(port),
            "USER": user,
            "PASSWORD": password,
            "FOLDER": str(folder),
            "DELETE": self.words[delete],
            "OWNER": owner,
        }
        for word, value in words.items():
            template = template.replace(f"@{word}@", value)
        settings.write_text(template, "utf-8")
        settings.chmod(0o600)
        done = subprocess.run(
            self.command(settings, folder),
            env={**os.environ, "HOME": str(folder), "FETCHMAILHOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
        if done.returncode:
            raise PeerError(f"{self.name} failed: {(done.stderr or done.stdout).strip()[-300:]}")

    def stored(self, folder: Path) -> list[bytes]:
        """The digests of what is there, sorted."""
        paths = [path for path in (folder / self.stores).rglob("*") if path.is_file()]
        return sorted(digest(_own(path.read_bytes())) for path in paths)


def _own(message: bytes) -> bytes:
    """The message without the line that getmail puts before it, whatever its settings."""
    line = b"Return-Path: <unknown>\n"
    return message.removeprefix(line)


MPOP = Peer(
    "mpop",
    "mpop",
    "mpoprc",
    ("on", "off"),
    lambda settings, folder: ["mpop", f"--file={settings}", "--quiet"],
    "Maildir",
)
FETCHMAIL = Peer(
    "fetchmail",
    "fetchmail",
    "fetchmailrc",
    ("keep", "no keep"),
    lambda settings, folder: ["fetchmail", "--fetchmailrc", str(settings), "--silent", "--nosyslog"],
    "Maildir/new",
)
GETMAIL = Peer(
    "getmail6",
    "getmail",
    "getmailrc",
    ("false", "true"),
    lambda settings, folder: ["getmail", "--getmaildir", str(folder), "--rcfile", str(settings), "--quiet"],
    "Maildir",
)
POPLIB = Peer(
    "poplib",
    sys.executable,
    "poplib_loop.json",
    ("false", "true"),
    lambda settings, folder: [sys.executable, str(HERE / "poplib_loop.py"), str(settings)],
    "Maildir/new",
)
PEERS = (MPOP, FETCHMAIL, GETMAIL, POPLIB)
