"""The virtual board's Wi-Fi, clock and TLS memory."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

JOIN = """
import network, time
w = network.WLAN(network.STA_IF)
def join(ssid, key):
    w.active(True)
    w.disconnect()
    time.sleep_ms(50)  # until then it is connected still
    before = w.status()  # the last failure, which goes on being told
    w.connect(ssid, key)
    t = time.ticks_ms()
    while w.status() in (before, network.STAT_CONNECTING) and time.ticks_diff(time.ticks_ms(), t) < 5000:
        time.sleep_ms(5)
    return w.status(), w.isconnected(), w.ifconfig()[0]
"""


class Server:
    """Accepts, says hello, keeps what comes; `ended` is set when a connection is."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._context = context
        self.ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            connection.sendall(b"+OK hello\r\n")
            while connection.recv(1000):
                pass
        except OSError:
            pass
        connection.close()
        self.ended.set()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def test_wifi_right_wrong_and_not_there(make_board, console) -> None:
    port = console(make_board(JOIN, wifi=[("Casa", "clave"), ("Open", "")]))
    port.expect(rb">>> ")
    assert b"Wifi Not Started" in port.run("w.connect('Casa', 'clave')")
    assert port.run("join('Casa', 'clave')") == b"(1010, True, '192.168.4.2')"
    assert port.run("join('Casa', 'wrong')") == b"(202, False, '0.0.0.0')"
    assert port.run("join('Other', 'clave')") == b"(201, False, '0.0.0.0')"
    assert port.run("join('Open', None)") == b"(1010, True, '192.168.4.2')"
    assert port.run("w.disconnect(); w.status()") == b"1000"
    found = port.run("[(n[0], n[4]) for n in w.scan()]")
    assert found == b"[(b'Casa', 3), (b'Open', 0)]"
    assert len(eval(port.run("w.config('mac')"))) == 6


def test_without_wifi_nothing_resolves_and_nothing_connects(make_board, console, server: Server) -> None:
    port = console(make_board(JOIN + "import socket\n"))
    port.expect(rb">>> ")
    assert b"OSError: -202" in port.run(f"socket.getaddrinfo('127.0.0.1', {server.port})")
    port.run("u = socket.socket()")
    port.run("join('Buzon-Demo', 'correct horse')")
    port.run(f"a = socket.getaddrinfo('127.0.0.1', {server.port})[0][-1]")
    assert b"OSError" in port.run("u.connect(a)")  # it is from before
    port.run("s = socket.socket()")
    port.run("s.connect(a)")
    assert port.run("s.readline()") == b"b'+OK hello\\r\\n'"
    port.run("s.close(); s = socket.socket(); b = socket.getaddrinfo('127.0.0.1', 1)[0][-1]")
    assert b"ECONNREFUSED" in port.run("s.connect(b)")


def test_a_drop_that_is_noticed_late_lets_nothing_connect(make_board, console, server: Server) -> None:
    """Between the name's address and the connection, and between two looks at a connection that is being made."""
    program = (
        f"import utime\na = socket.getaddrinfo('127.0.0.1', {server.port})[0][-1]\n"
        "def dropped():\n    print('now')\n    utime.sleep_ms(800)\n"
        "def fails(what, *args):\n    try: print('oh', what(*args))\n    except OSError: print('fails')\n"
    )
    board = make_board(
        JOIN + "import socket\njoin('Buzon-Demo', 'correct horse')\n" + program + "dropped()\n"
        "s = socket.socket(); fails(s.connect, a); fails(s.readline); s.close()\n"
        "while not w.isconnected(): time.sleep_ms(5)\n"
        "s = socket.socket(); s.setblocking(False)\ntry: s.connect(a)\nexcept OSError: pass\n"
        "dropped()\nw.isconnected(); fails(s.connect, a); fails(s.write, b'x'); s.close()\n"
        "while not w.isconnected(): time.sleep_ms(5)\n"
        "s = socket.socket(); s.connect(a); print(s.readline(), 'end')\n"
    )
    port = console(board)
    for _ in range(2):
        port.expect(rb"now")
        board.wifi_up(False)
        port.expect(rb"fails\r?\nfails", 5)
        board.wifi_up(True)
    port.expect(rb"hello.*end", 5)


DROP = (
    JOIN
    + """
import asyncio, socket
async def main():
    print(join('Buzon-Demo', 'correct horse'))
    r, w = await asyncio.open_connection('127.0.0.1', PORT)
    r2, w2 = await asyncio.open_connection('127.0.0.1', PORT)
    print(await r.readline(), await r2.readline())
    w2.close(); await w2.wait_closed()
    try:
        print('got', await r.read(10))
    except OSError as e:
        print('died', e.args[0])
    w.close(); await w.wait_closed()
    try:
        await asyncio.open_connection('127.0.0.1', PORT)
    except OSError as e:
        print('again', e.args[0])
    while not network.WLAN().isconnected():
        await asyncio.sleep(0.05)
    r, w = await asyncio.open_connection('127.0.0.1', PORT)
    print('back', await r.readline())
asyncio.run(main())
"""
)


def test_a_drop_kills_the_open_sockets_at_once_and_wifi_comes_back(
    make_board, console, server: Server
) -> None:
    board = make_board(DROP.replace("PORT", str(server.port)))
    port = console(board)
    port.expect(rb"hello.*hello")
    assert server.ended.wait(5)
    server.ended.clear()
    board.wifi_up(False)
    port.expect(rb"died 107.*again -202", 3)
    assert server.ended.wait(5)
    board.wifi_up(True)
    port.expect(rb"back b'\+OK hello", 5)


def test_the_clock_starts_at_2000_and_can_be_set(make_board, console) -> None:
    board = make_board("import time\nprint('at', time.time(), time.gmtime()[:3], len(time.localtime()))\n")
    port = console(board)
    port.expect(rb"at 0 \(2000, 1, 1\) 8.*>>> ")
    assert (
        port.run("time.mktime((2000, 1, 2, 0, 0, 0, 0, 0)), time.gmtime(0)[:3]") == b"(86400, (2000, 1, 1))"
    )
    port.run("import machine; machine.RTC().datetime((2026, 5, 17, 0, 10, 20, 30, 0))")
    assert port.run("time.gmtime()[:5]") == b"(2026, 5, 17, 10, 20)"
    assert port.run("time.mktime(time.gmtime()) - time.time() in (0, 1)") == b"True"
    assert port.run("machine.RTC().datetime()[:6]") == b"(2026, 5, 17, 6, 10, 20)"
    assert port.run("time.time_ns() // 1000000000 - time.time() in (0, 1)") == b"True"
    seconds = int(port.run("time.time()"))
    port.run("time.sleep(1.1)")
    assert 1 <= int(port.run("time.time()")) - seconds <= 4
    board.power_cycle()
    port.expect(rb"at 0 \(2000")


TLS = (
    JOIN
    + """
import gc, select, socket, ssl
join('Buzon-Demo', 'correct horse')
def used():
    select.poll().poll(0)  # what a closed connection held goes back when the program next looks for events
    gc.collect()
    return gc.mem_alloc()
def connect():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.verify_mode = ssl.CERT_REQUIRED
    c.load_verify_locations(cadata=CA)
    s = socket.socket()
    s.connect(socket.getaddrinfo('127.0.0.1', PORT)[0][-1])
    return c, c.wrap_socket(s, server_hostname=NAME)
CA = open('/ca.der', 'rb').read()
NAME = 'mail.example'
connect()[1].close()
before = used()
pair = connect()
print(pair[1].readline())
during = used()
pair[1].close()
pair = None
after = used()
print('during', during - before, 'after', after - before)
for i in range(5):
    NAME = 'other.example'
    try: connect()
    except (ValueError, OSError) as e: print('refused')
print('failed', used() - before)
"""
)


def test_a_tls_connection_costs_27_kb_of_heap_while_it_is_open(make_board, console, tmp_path: Path) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("mail.example").configure_cert(context)
    server = Server(context)
    board = make_board("pass\n")
    port = console(board)
    port.expect(rb">>> ")
    der = ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())
    port.run("f = open('/ca.der', 'wb')")
    for at in range(0, len(der), 40):
        port.run(f"n = f.write({der[at : at + 40]!r})")
    # The certificate is valid from the year 2000 on, as trustme makes them: the clock need not be set.
    program = TLS.replace("PORT", str(server.port)).encode()
    port.run("f.close(); f = open('/main.py', 'wb')")
    for at in range(0, len(program), 40):
        port.run(f"n = f.write({program[at : at + 40]!r})")
    port.run("f.close()")
    port.write(b"\x04")
    found = port.expect(rb"hello.*during (\d+) after (-?\d+)\r?\n")
    during, after = (int(n) for n in found.groups())
    assert 27 * 1024 <= during < 30 * 1024
    assert after < 600
    found = port.expect(rb"(refused\r?\n){5}failed (-?\d+)\r?\n")
    assert int(found.group(2)) < 600
    server.close()
