"""The benchmark's link with latency: what it adds and counts, and that it changes and limits nothing."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from buzon_host.bench.delay import Proxy


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serves one connection with `talk`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as one:
                talk(one)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def until_end(one: socket.socket) -> bytes:
    data = b""
    while piece := one.recv(1 << 20):
        data += piece
    return data


def lines(one: socket.socket) -> None:
    """A greeting, then an answer to each line, of which several may come at once."""
    one.sendall(b"hello\n")
    with one.makefile("rb") as file:
        for line in file:
            one.sendall(b"re: " + line)


@pytest.mark.parametrize("delay_ms", [0, 50])
def test_each_turn_takes_the_delay_twice_and_is_counted(delay_ms: int) -> None:
    with server(lines) as port, Proxy(port, delay_ms / 1000) as proxy:
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", proxy.port)) as one, one.makefile("rb") as file:
            assert file.readline() == b"hello\n"
            for n in range(4):
                one.sendall(b"%d\n" % n)
                assert file.readline() == b"re: %d\n" % n
            took = time.monotonic() - start
            one.shutdown(socket.SHUT_WR)
            assert file.read() == b""
        assert proxy.talks[0].over.wait(5)
    assert (2 * 4 + 1) * delay_ms / 1000 <= took < (2 * 4 + 1) * delay_ms / 1000 + 0.2
    assert proxy.talks[0].turns == 4
    assert (proxy.talks[0].sent, proxy.talks[0].received) == (4 * 2, 6 + 4 * 6)


def test_what_is_sent_before_an_answer_came_is_one_turn() -> None:
    with server(lines) as port, Proxy(port, 0.1) as proxy:
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", proxy.port)) as one, one.makefile("rb") as file:
            assert file.readline() == b"hello\n"
            for n in range(5):
                one.sendall(b"%d\n" % n)
                time.sleep(0.01)  # each on its own
            assert [file.readline() for _ in range(5)] == [b"re: %d\n" % n for n in range(5)]
            took = time.monotonic() - start
        assert proxy.talks[0].over.wait(5)
    assert 0.3 <= took < 0.5
    assert proxy.talks[0].turns == 1


def test_bytes_pass_both_ways_unchanged_whatever_they_are() -> None:
    sent, back = os.urandom(3_000_001), os.urandom(5_000_003)
    got = []

    def talk(one: socket.socket) -> None:
        thread = threading.Thread(target=lambda: got.append(until_end(one)))
        thread.start()
        one.sendall(back)
        one.shutdown(socket.SHUT_WR)
        thread.join()

    with server(talk) as port, Proxy(port, 0.02) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as one:
            thread = threading.Thread(target=lambda: (one.sendall(sent), one.shutdown(socket.SHUT_WR)))
            thread.start()
            received = until_end(one)
            thread.join()
        assert received == back
        assert proxy.talks[0].over.wait(5)
    assert got == [sent]


def test_the_delay_does_not_limit_the_speed() -> None:
    """100 MB with 200 ms each way. In windows of 64 KB, as with a delay for each piece, that would take 300 s."""
    size = 100_000_000

    def talk(one: socket.socket) -> None:
        one.sendall(bytes(size))

    with server(talk) as port, Proxy(port, 0.2) as proxy:
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", proxy.port)) as one:
            left = size
            while left:
                left -= len(one.recv(1 << 20))
        assert time.monotonic() - start < 5


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Proxy(port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as one:
        one.settimeout(5)
        assert one.recv(1) == b""
