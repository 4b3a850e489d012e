"""The virtual board as a person meets it: boot, heap, serial port, resets, screen, the control channel."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from buzon_host.errors import NoBoard
from buzon_host.virtual import control, interpreter, serial
from buzon_host.virtual.board import HEAP_KIB, VirtualBoard
from buzon_host.virtual.interpreter import VirtualBoardError

LOOP = "import time\nprint('main runs')\nwhile True: time.sleep_ms(50)\n"


def test_it_boots_to_main_and_then_to_the_repl(make_board, console) -> None:
    board = make_board("import time, sys\ntime.sleep(.2)\nprint('hello from', sys.path, __name__)\n")
    port = console(board)
    port.expect(rb"hello from \['', '/lib', '/rom', '.frozen'\] __main__")
    port.expect(rb">>> ")
    assert port.run("import os; os.listdir('/')") == b"['rom', 'board.cbor']"
    assert port.run("print('a\\nb')").splitlines() == [b"a", b"b"]
    assert board.hardware_heap > 10_000


def test_a_boot_takes_well_under_a_second(make_board) -> None:
    board = make_board(LOOP)
    times = []
    for _ in range(3):
        start = time.monotonic()
        board.power_cycle()
        times.append(time.monotonic() - start)
    assert min(times) < 0.5


def test_main_on_the_flash_goes_first_and_boot_before_it(make_board, console) -> None:
    board = make_board("print('the rom')\n")
    port = console(board)
    port.repl()
    port.run("f = open('/boot.py', 'w'); f.write('x = 41'); f.close()")
    port.run("f = open('/main.py', 'w'); f.write('print(\"mine\", x + 1)'); f.close()")
    port.write(b"\x04")
    port.expect(rb"MPY: soft reboot\r\nmine 42")
    port.expect(rb">>> ")
    assert b"the rom" not in port.text.split(b"soft reboot")[1]
    port.run("f = open('/boot.py', 'w'); f.write('1/0'); f.close()")
    port.write(b"\x04")
    port.expect(rb"soft reboot\r\n.*ZeroDivisionError.*>>> ")
    assert b"mine" not in port.text.rsplit(b"soft reboot", 1)[1]


def test_the_host_s_files_are_out_of_reach(make_board, console) -> None:
    port = console(make_board("pass\n"))
    port.repl()
    for path in ("/etc/passwd", "/rom/../../../../../../../etc/passwd", "../etc/passwd", str(Path(__file__))):
        assert b"OSError" in port.run(f"open({path!r})"), path
    assert b"OSError" in port.run("open('/rom/main.py', 'w')")
    assert b"OSError" in port.run("__import__('os').listdir('/rom/..')")
    assert port.run("open('/rom/main.py').read()") == b"'pass\\n'"


HEAP = """
import gc
KIB = 1024
gc.collect()
print('free', gc.mem_free())
def fits(n):
    try: return len(bytearray(n)) == n
    except MemoryError: return False
print('block', fits(LIMIT - 12 * KIB), fits(LIMIT))
l = []
try:
    while True: l.append(bytearray(1000))
except MemoryError:
    n = len(l)
    l = None
print('pieces', n)
"""


@pytest.mark.parametrize("kib", [64, 128])
def test_the_heap_limit_holds(make_board, console, kib: int) -> None:
    port = console(make_board(HEAP.replace("LIMIT", str(kib * 1024)), heap_kib=kib))
    # The interpreter itself and the bookkeeping of the heap take about 3 %, as on a board.
    free = int(port.expect(rb"free (\d+)").group(1))
    assert kib * 1024 * 0.95 < free <= kib * 1024
    port.expect(rb"block True False")
    pieces = int(port.expect(rb"pieces (\d+)").group(1))
    assert (kib - 10) * 1024 / 1056 < pieces < kib * 1024 / 1000


def test_ctrl_c_ends_a_program_and_is_a_character_at_the_repl(make_board, console) -> None:
    port = console(make_board(LOOP))
    port.expect(rb"main runs")
    port.write(b"\x03")
    port.expect(rb"KeyboardInterrupt.*>>> ")
    port.write(b"12 + \x03")
    port.expect(rb"\r\n>>> ")
    for program in ("while True: pass", "import time; time.sleep(60)"):
        port.write(program.encode() + b"\r\r")
        port.expect(rb"while True: pass|sleep")
        time.sleep(0.2)
        port.write(b"\x03\x03\x03")
        port.expect(rb"KeyboardInterrupt.*>>> ")
    assert port.run("1 + 1") == b"2"


def test_ctrl_c_reaches_a_program_that_polls(make_board, console) -> None:
    port = console(
        make_board(
            "import asyncio, sys\n"
            "async def main():\n"
            "    r = asyncio.StreamReader(sys.stdin.buffer)\n"
            "    print('polls')\n"
            "    while True: print('got', await r.read(1))\n"
            "asyncio.run(main())\n"
        )
    )
    port.write(b"x")
    port.expect(rb"got b'x'")
    port.write(b"\x03")
    port.expect(rb"KeyboardInterrupt.*>>> ")


def test_ctrl_c_is_a_byte_where_it_is_switched_off(make_board, console) -> None:
    port = console(
        make_board(
            "import micropython, sys\nmicropython.kbd_intr(-1)\nprint('off')\n"
            "print('got', sys.stdin.buffer.read(3))\nmicropython.kbd_intr(3)\n"
        )
    )
    port.expect(rb"off")
    port.write(b"a\x03b")
    port.expect(rb"got b'a\\x03b'.*>>> ")


def test_every_byte_value_passes(make_board, console) -> None:
    port = console(
        make_board(
            "import micropython, sys\nmicropython.kbd_intr(-1)\nprint('ready')\n"
            "b = sys.stdin.buffer.read(256)\nsys.stdout.buffer.write(b'<' + b + b'>')\n"
            "micropython.kbd_intr(3)\nimport time\ntime.sleep(60)\n"
        )
    )
    every = bytes(range(256))
    port.expect(rb"ready")
    port.write(every)
    assert port.expect(rb"<.{256}>").group() == b"<" + every + b">"


def test_a_reset_and_what_it_was(make_board, console) -> None:
    port = console(
        make_board(
            "import machine, time\nprint('cause', machine.reset_cause(), time.time())\ntime.sleep_ms(20)\n"
        )
    )
    port.expect(rb"cause 1 0.*>>> ")
    port.run("import machine; machine.RTC().memory(b'kept')")
    port.run("machine.RTC().datetime((2026, 5, 17, 0, 10, 0, 0, 0))")
    port.write(b"\x04")
    port.expect(rb"soft reboot.*cause 5 8\d{8}\r?\n.*>>> ")  # the clock goes on
    port.run("import machine; 1")
    port.write(b"machine.soft_reset()\r")
    port.expect(rb"soft reboot.*cause 5.*>>> ")
    port.write(b"import machine; machine.reset()\r")
    port.expect(rb"rst:0x2.*cause 2 0\r?\n.*>>> ")  # the clock is lost
    assert port.run("import machine; machine.RTC().memory()") == b"b'kept'"
    port.write(b"machine.deepsleep(100)\r")
    port.expect(rb"cause 4.*>>> ")


def test_sys_exit_in_main_is_a_soft_reset(make_board, console) -> None:
    port = console(
        make_board("import machine, sys\nif machine.reset_cause() != 5: sys.exit()\nprint('again')\n")
    )
    port.expect(rb"MPY: soft reboot.*again")


def test_the_watchdog_resets_who_does_not_feed_it(make_board, console) -> None:
    board = make_board(
        "import machine, time\n"
        "print('cause', machine.reset_cause())\n"
        "if machine.reset_cause() != 3:\n"
        "    w = machine.WDT(timeout=700)\n"
        "    for _ in range(15):\n"
        "        time.sleep_ms(100)\n"
        "        w.feed()\n"
        "    print('fed')\n"
        "    while True: pass\n"
    )
    port = console(board)
    port.expect(rb"fed")
    start = time.monotonic()
    port.expect(rb"cause 3")
    assert 0.4 < time.monotonic() - start < 3
    time.sleep(1)
    assert board.stats()["boots"] == 2


def test_the_receive_ring_holds_260_bytes(make_board, console) -> None:
    program = (
        "import sys, time, select\nprint('waits')\ntime.sleep(.6)\n"
        "p = select.poll(); p.register(sys.stdin, 1)\nn = 0\n"
        "while p.poll(300):\n    sys.stdin.buffer.read(1); n += 1\nprint('read', n)\n"
    )
    board = make_board(program)
    port = console(board)
    port.expect(rb"waits")
    port.write(b"x" * 200)
    time.sleep(0.1)
    port.write(b"y" * 200)
    assert port.expect(rb"read (\d+)").group(1) == b"260"
    assert board.stats()["serial_lost"] == 140


def test_the_ring_can_be_switched_off(make_board, console) -> None:
    program = "import sys, time\nprint('waits')\ntime.sleep(.3)\nprint(len(sys.stdin.buffer.read(1000)))\n"
    port = console(make_board(program, ring=False))
    port.expect(rb"waits")
    port.write(b"x" * 1000)
    port.expect(rb"1000")


def test_output_that_nobody_reads_stops_nothing_and_the_newest_is_kept(make_board, console) -> None:
    board = make_board("for i in range(20000): print('line', i)\nimport machine\nmachine.Pin(2).value(1)\n")
    end = time.monotonic() + 20
    while board.pin(2) != 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert board.pin(2) == 1
    console(board).expect(rb"line 19999")


def test_a_port_can_be_opened_again_and_again(make_board, console) -> None:
    board = make_board(LOOP)
    for _ in range(3):
        port = console(board)
        port.repl()
        assert port.run("6 * 7") == b"42"
        port.close()
    assert board.stats()["boots"] == 1


def test_the_screen_shows_what_the_display_got_and_wrong_addresses_are_refused(make_board, console) -> None:
    board = make_board(
        "from machine import I2C, Pin\n"
        "i = I2C(0, scl=Pin(22), sda=Pin(21), freq=400000)\n"
        "print(i.scan(), I2C(1).scan())\n"
        "for c in b'\\xae\\x20\\x00\\x21\\x00\\x7f\\x22\\x00\\x07\\xa1\\xc8\\x8d\\x14\\xaf':\n"
        "    i.writeto(60, bytes((0x80, c)))\n"
        "i.writeto(60, b'\\x40' + b'\\x01' + bytes(1023))\n"
        "try: i.writeto(61, b'x')\nexcept OSError as e: print('errno', e.args[0])\n"
    )
    port = console(board)
    port.expect(rb"\[60\] \[\].*errno 19.*>>> ")
    picture = board.screen()
    assert (picture.mode, picture.size) == ("1", (128, 64))
    lit = [(i % 128, i // 128) for i, pixel in enumerate(picture.tobytes("raw", "L")) if pixel]
    assert lit == [(0, 0)]
    end = time.monotonic() + 5
    while not board.screen_file.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert board.screen_file.read_bytes()[:4] == b"\x89PNG"


def test_a_button_wakes_who_polls(make_board, console) -> None:
    board = make_board(
        "import select, sys\nfrom machine import Pin\n"
        "b = Pin(0, Pin.IN, Pin.PULL_UP)\nb.irq(lambda p: print('level', p.value()))\n"
        "p = select.poll(); p.register(sys.stdin, 1)\nprint('idle', b.value())\n"
        "while True: print(p.poll(20000))\n"
    )
    port = console(board)
    port.expect(rb"idle 1")
    board.press()
    port.expect(rb"level 0", 3)
    port.expect(rb"level 1", 3)
    with pytest.raises(VirtualBoardError):
        board.press(77)


def test_a_press_that_is_over_before_the_board_looks_is_seen_as_it_was(make_board, console) -> None:
    board = make_board(
        "import time, utime\nfrom machine import Pin\n"
        "b = Pin(0, Pin.IN, Pin.PULL_UP)\nb.irq(lambda p: print('level', p.value()))\n"
        "print('busy')\nutime.sleep_ms(1500)\ntime.sleep_ms(0)\nprint('end', b.value())\n"
    )
    port = console(board)
    port.expect(rb"busy")
    board.press(hold_s=0.02)
    port.expect(rb"level 0\r?\nlevel 1\r?\nend 1", 5)


def test_two_boards_at_once_and_the_control_channel(make_board, console, tmp_path: Path) -> None:
    link = tmp_path / "port"
    one = make_board(LOOP, flash=tmp_path / "1.img", link=link)
    two = make_board("from machine import Pin\nPin(2, Pin.OUT).value(1)\n", flash=tmp_path / "2.img")
    console(two).expect(rb">>> ")
    assert [entry.port for entry in control.running()] == [one.port, two.port]
    assert control.running()[0].link == str(link)
    with control.connect(link) as client:
        assert client.stats()["heap_limit"] == HEAP_KIB * 1024
        assert client.screen().size == (128, 64)
        client.press()
        client.wifi(False)
        assert client.stats()["wifi"] is False
        client.power(False)
        assert not one.stats()["running"]
        client.power()
        assert one.stats()["running"]
        with pytest.raises(VirtualBoardError, match="no such button"):
            one.press(99)
    with control.connect(two.port) as client:
        assert client.stats()["pins"] == {"2": 1}
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(client.entry.control)
            raw.sendall(b"what?\n" + json.dumps({"do": "screen"}).encode() + b"\n")
            answers = raw.makefile("rb")
            assert "error" in json.loads(answers.readline())
            assert base64.b64decode(json.loads(answers.readline())["png"])[:4] == b"\x89PNG"
    one.close()
    assert not link.is_symlink()
    assert [entry.port for entry in control.running()] == [two.port]
    with pytest.raises(NoBoard):
        control.connect(link)


def test_the_registration_of_a_board_that_crashed_is_ignored(make_board) -> None:
    board = make_board(LOOP)
    file = next(control.folder().glob("*.json"))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    entry = json.loads(file.read_text())
    stale = file.with_name("stale.json")
    left = stale.parent.parent / "buzon-left"
    left.mkdir()
    stale.write_text(json.dumps({**entry, "pid": dead.pid, "control": str(left / "control")}))
    assert [found.port for found in control.running()] == [board.port]
    assert not stale.exists()
    assert not left.exists()


def test_the_board_ends_with_its_runner(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("while True: pass\n")
    script = (
        "import os, time\nfrom pathlib import Path\n"
        "from buzon_host.virtual.board import VirtualBoard\n"
        f"b = VirtualBoard(flash=Path({str(tmp_path / 'f.img')!r}), firmware=Path({str(tmp_path)!r}))\n"
        "print(b._process.pid, flush=True)\ntime.sleep(60)\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=env)
    assert runner.stdout is not None
    pid = int(runner.stdout.readline())
    runner.kill()
    runner.wait()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    os.kill(pid, 9)
    pytest.fail("the interpreter still runs")


def test_without_an_interpreter_one_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZON_MICROPYTHON", str(tmp_path / "none"))
    with pytest.raises(VirtualBoardError, match="BUZON_MICROPYTHON names"):
        VirtualBoard(flash=tmp_path / "f.img")
    monkeypatch.delenv("BUZON_MICROPYTHON")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(VirtualBoardError, match=r"package .* has none"):
        interpreter.command()


def test_an_interpreter_that_is_none_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUZON_MICROPYTHON", "/bin/false")
    with pytest.raises(VirtualBoardError, match="does not boot"):
        VirtualBoard(flash=tmp_path / "f.img")


def test_buzon_micropython_names_another_interpreter(
    make_board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "my micropython"
    other.write_text(f'#!/bin/sh\ntouch "{tmp_path}/used"\nexec {sys.executable} -m micropython_unix "$@"\n')
    other.chmod(0o755)
    monkeypatch.setenv("BUZON_MICROPYTHON", str(other))
    make_board(LOOP)
    assert (tmp_path / "used").exists()


def test_banners_are_found_in_every_split() -> None:
    text = b'MicroPython x\r\nType "help()" for more information.\r\n>>> print(1)\r\n1\n>>> '
    text += b"\r\nraw REPL; CTRL-B to exit\r\n>a\nb"
    shown = text.replace(b")\r\n1\n>", b")\r\n1\r\n>")
    for size in range(1, len(text)):
        output = serial.Output()
        assert b"".join(output.feed(text[i : i + size]) for i in range(0, len(text), size)) == shown
        assert output.raw
        output.restart(enters_raw=True)
        whole = b"of boot.py\n" + text
        parts = [output.feed(whole[i : i + size]) for i in range(0, len(whole), size)]
        assert b"".join(parts) == b"of boot.py\nraw REPL; CTRL-B to exit\r\n>a\nb"
