"""A board that polls and fails again and again keeps nothing of it; and as many accounts as it may have fit its heap."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from app_board import ACCOUNT, Rig, account_of, mail_on, message, tree_of, until
from buzon_host.errors import BuzonError
from buzon_host.server.run import LocalServer

POLLS = 42
WARM = 10  # polls until all that is loaded once is there
SLACK = 512


class Front:
    """A port behind which the server can be changed, as when a provider moves; None: nobody listens."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._to = 0
        self._listen()

    def to(self, port: int | None) -> None:
        self._to = port or 0
        if port is None:
            self.close()
        elif self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()

    def close(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def front() -> Iterator[Front]:
    made = Front()
    try:
        yield made
    finally:
        made.close()


def free_heap(rig: Rig) -> int:
    """What is free after a collection, while no poll runs."""

    def idle() -> int:
        status = rig.status()
        return int(status["heap"][0]) if status["state"] == "idle" else 0

    return until(idle, what="a board that is idle")


def test_no_heap_is_lost_over_polls_of_which_a_third_fail(boot: Any, serve: Any, tmp_path: Any) -> None:
    good: LocalServer = serve(samples=False, certificates=tmp_path / "certificates")
    changed: LocalServer = serve(
        samples=False, certificates=tmp_path / "certificates", password="another one"
    )
    forged: LocalServer = serve(samples=False, certificate="other-ca")
    failures = ((changed.pop3s, 502), (None, 204), (forged.pop3s, 211))
    rig: Rig = boot()
    free = []
    with front() as door:
        door.to(good.pop3s)
        rig.provision(good, port=door.port)
        assert rig.settled().error is None
        for poll in range(POLLS):
            port, code = failures[poll // 3 % 3] if poll % 3 == 2 else (good.pop3s, None)
            door.to(port)
            if code is None:
                good.deliver(message(poll))
            error = rig.sync().error
            assert (error.code if error else None) == code, (poll, error)
            free.append(free_heap(rig))
    assert sum(mail_on(rig.board.flash_file).values()) == POLLS - POLLS // 3
    assert min(free[-9:]) >= min(free[WARM : WARM + 9]) - SLACK, free


def test_four_accounts_fit_the_heap(boot: Any, serve: Any) -> None:
    """While one of them syncs there may be too little for a `status`; the polls themselves must do."""
    server: LocalServer = serve(samples=False)
    rig: Rig = boot()
    names = [f"{ACCOUNT}{number}" for number in range(4)]
    rig.provision(server, tree_of(*(account_of(server, id=name) for name in names)))

    def ended(name: str) -> Any:
        with contextlib.suppress(BuzonError):
            return rig.settled(name)
        return None

    for name in names:
        assert until(lambda name=name: ended(name)).error is None
    for number, name in enumerate(names):
        server.deliver(message(number))
        rig.client.sync(name)
        account = until(lambda name=name: ended(name))
        assert (account.error, account.fetched) == (None, 1)
        assert list(mail_on(rig.board.flash_file, name)) == [message(number)]
