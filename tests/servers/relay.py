"""A TCP relay before a server: keeps what the client sends, and can cut the connection at a byte."""

import contextlib
import select
import socket
import threading


class Relay:
    """Passes one connection at a time on to a port. `cut`: (direction, k, silent): what it does after the k-th byte
    that came from the client (0) or from the server (1)."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut: tuple[int, int, bool] | None = None
        self.passed = [0, 0]
        self.sent = bytearray()  # what the client of the last connection sent
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.passed = [0, 0]
            self.sent.clear()
            with contextlib.suppress(OSError), near, socket.create_connection(("127.0.0.1", self._to)) as far:
                self._pass(near, far)

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        ends = (near, far)
        while True:
            for one in select.select(ends, [], [], 10)[0]:
                way = ends.index(one)
                data = one.recv(65536)
                if not data:
                    return
                over = False
                if self.cut and self.cut[0] == way and self.passed[way] + len(data) >= self.cut[1]:
                    data = data[: self.cut[1] - self.passed[way]]
                    over = True
                self.passed[way] += len(data)
                if way == 0:
                    self.sent += data
                ends[1 - way].sendall(data)
                if over:
                    if self.cut and self.cut[2]:
                        far.close()  # the server must not keep the maildrop locked
                        while near.recv(4096):
                            pass
                    return

    def close(self) -> None:
        self._listener.close()
