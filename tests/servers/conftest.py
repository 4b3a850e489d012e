"""Real servers as fixtures."""

from collections.abc import Iterator

import pytest
from buzon_host.server.dovecot import Dovecot
from servers.tools import program


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot of one's own with an empty maildrop; skipped (in CI: failed) where it is not installed."""
    program("dovecot", "dovecot-pop3d")
    program("setpriv", "util-linux")
    with Dovecot() as server:
        yield server
