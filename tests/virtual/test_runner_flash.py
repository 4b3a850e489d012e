"""The virtual board's flash: an image littlefs-python mounts, NOR semantics, counters, power cuts."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import cbor2
import pytest
from buzon_host.boards import load
from buzon_host.virtual import flash, interpreter
from buzon_host.virtual.board import VirtualBoard
from buzon_host.virtual.interpreter import VirtualBoardError
from buzon_host.virtual.process import fakes
from buzon_host.virtual.profile import Timing

WRITER = """
import os
data = bytes(range(256)) * 8
for i in range({files}):
    with open('/a.part', 'wb') as f:
        for j in range({blocks}):
            f.write(data)
    os.rename('/a.part', '/%d.eml' % i)
print('written')
"""


def files(image: Path) -> dict[str, bytes]:
    fs = flash.open_image(image)
    found = {}
    for name in fs.listdir("/"):
        with fs.open("/" + name, "rb") as file:
            found[name] = file.read()
    return found


def test_what_micropython_wrote_is_in_the_image(make_board, console, tmp_path: Path) -> None:
    board = make_board(WRITER.format(files=3, blocks=16))
    console(board).expect(rb"written")
    board.close()
    found = files(tmp_path / "flash.img")
    assert {name: found[name] for name in sorted(found) if name.endswith(".eml")} == {
        f"{i}.eml": bytes(range(256)) * 8 * 16 for i in range(3)
    }
    assert cbor2.loads(found["board.cbor"]) == load("virtual").cbor_map()


def test_a_new_image_has_the_size_asked_for_and_an_old_one_keeps_its(tmp_path: Path) -> None:
    image = tmp_path / "f.img"
    board = load("virtual")
    assert flash.prepare(image, board) == board.filesystem.size == image.stat().st_size
    other = tmp_path / "other.img"
    assert flash.prepare(other, board, 1 << 20) == 1 << 20
    before = other.read_bytes()
    assert flash.prepare(other, board, 1 << 21) == 1 << 20
    assert other.read_bytes() == before


def test_an_image_of_another_board_keeps_its_files_and_gets_board_cbor(tmp_path: Path) -> None:
    image = tmp_path / "f.img"
    fs = flash._file_system(1 << 18)
    fs.format()
    fs.mount()
    with fs.open("/mine", "wb") as file:
        file.write(b"kept")
    image.write_bytes(fs.context.buffer)
    flash.prepare(image, load("ESP32_GENERIC"))
    found = files(image)
    assert found["mine"] == b"kept"
    assert cbor2.loads(found["board.cbor"])["name"] == "ESP32_GENERIC"


@pytest.mark.parametrize("content", [b"x" * 5000, b"x" * 4096 * 32, b"\xff" * 4096 * 32])
def test_a_file_that_is_no_image_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "f.img"
    image.write_bytes(content)
    with pytest.raises(VirtualBoardError, match=r"f\.img"):
        VirtualBoard(flash=image)
    assert image.read_bytes() == content


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(VirtualBoardError, match=r"There is no folder .*mistyped"):
        VirtualBoard(flash=tmp_path / "mistyped" / "f.img")
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("size", [0, 4096, 100_001])
def test_an_impossible_size_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(VirtualBoardError, match="multiple of 4096"):
        flash.prepare(tmp_path / "f.img", load("virtual"), size)


def test_one_image_runs_one_board(make_board) -> None:
    board = make_board("pass\n")
    with pytest.raises(VirtualBoardError, match="Another virtual board"):
        VirtualBoard(flash=board.flash_file)
    board.close()
    make_board("pass\n", flash=board.flash_file)


def run_driver(
    body: str, image: Path, counts: Path, cut: int = 0, torn: float = 0.5, mapped: bool = True
) -> tuple[str, bool]:
    """Run a program with `f`, the board's own flash driver, on an image. What it printed; was power cut?"""
    wire, wire_end = os.pipe()
    os.set_blocking(wire, False)
    ours, bus = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.settimeout(0.05)
    config = {
        "in": wire,
        "out": bus.fileno(),
        "clock": 0,
        "flash": str(image),
        "stats": str(counts),
        "size": image.stat().st_size,
        "cut": cut,
        "torn": int(torn * 256),
        "timing": [0, 0, 0, 0, 0],
        "real_time": False,
    }
    command, maps = interpreter.mapping_command()
    env = {"MICROPYPATH": f"{fakes()}:.frozen"}
    if mapped:
        assert maps
        env["BUZON_MAPS"] = f"{image}:{counts}"
    else:
        command = interpreter.command()
    program = subprocess.Popen(
        [*command, "-c", f"import _flash, _hw\nf = _flash.flash(_hw.config)\n{body}"],
        env={**env, "BUZON_HW": json.dumps(config)},
        pass_fds=(wire, bus.fileno()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    packets = []
    while program.poll() is None:
        try:
            packets.append(ours.recv(2000))
            if packets[-1][:1] == b"C":
                program.kill()
        except TimeoutError:
            pass
    said = program.communicate()[0]
    for fd in (wire, wire_end):
        os.close(fd)
    ours.close()
    bus.close()
    return said, b"C\0" in packets


@pytest.fixture
def chip(tmp_path: Path) -> tuple[Path, Path]:
    """An image of 16 blocks of zeros, and its counters."""
    image, counts = tmp_path / "chip", tmp_path / "counts"
    image.write_bytes(bytes(4096 * 16))
    flash.new_counters(counts, 4096 * 16)
    return image, counts


NOR = """
buf = bytearray(4096)
f.ioctl(6, 15)
f.readblocks(15, buf)
print('erased', buf == b'\\xff' * 4096, f.ioctl(4, 0), f.ioctl(5, 0))
f.writeblocks(15, b'\\xf0' * 128, 256)
f.writeblocks(15, b'\\x3c' * 128, 256)
f.readblocks(15, buf)
print('and', buf[255], buf[256], buf[383], buf[384])
f.writeblocks(15, b'\\xff' * 128, 256)
f.readblocks(15, buf, 0)
print('kept', buf[256])
f.ioctl(3, 0)
"""


@pytest.mark.parametrize("mapped", [True, False])
def test_erase_sets_and_program_only_clears_bits(chip: tuple[Path, Path], mapped: bool) -> None:
    image, counts = chip
    said, cut = run_driver(NOR, image, counts, mapped=mapped)
    assert said.splitlines() == ["erased True 16 4096", "and 255 48 48 255", "kept 48"]
    assert not cut
    data = image.read_bytes()
    assert data == bytes(4096 * 15) + b"\xff" * 256 + b"\x30" * 128 + b"\xff" * (4096 - 384)
    done, per_block = flash.counters(counts)
    assert (done.programs, done.erases, done.bytes_programmed, done.operations) == (3, 1, 384, 4)
    assert (done.reads, done.bytes_read) == (3, 3 * 4096)
    assert per_block == [0] * 15 + [1]


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(
    ("cut", "torn", "left"),
    [
        (1, 0.0, bytes(4096)),
        (1, 0.5, b"\xff" * 2048 + bytes(2048)),
        (2, 0.0, b"\xff" * 4096),
        (2, 0.25, b"A" * 32 + b"\xff" * 4064),
        (3, 0.5, b"A" * 128 + b"B" * 64 + b"\xff" * 3904),
    ],
)
def test_the_cut_operation_is_left_half_done(
    chip: tuple[Path, Path], cut: int, torn: float, left: bytes, mapped: bool
) -> None:
    image, counts = chip
    body = "f.ioctl(6, 2); f.writeblocks(2, b'A' * 128, 0); f.writeblocks(2, b'B' * 128, 128); print('all')"
    said, was_cut = run_driver(body, image, counts, cut, torn, mapped)
    assert was_cut
    assert said == ""
    assert image.read_bytes()[2 * 4096 : 3 * 4096] == left
    assert flash.counters(counts)[0].operations == cut


@pytest.mark.parametrize("mapped", [True, False])
def test_erases_per_block_count_beyond_a_byte(chip: tuple[Path, Path], mapped: bool) -> None:
    image, counts = chip
    run_driver("for _ in range(300): f.ioctl(6, 3)\nf.ioctl(6, 4)", image, counts, mapped=mapped)
    assert flash.counters(counts)[1][3:5] == [300, 1]


def test_the_driver_allocates_nothing(chip: tuple[Path, Path]) -> None:
    """littlefs is called by the garbage collector too, when it closes a forgotten file."""
    body = (
        "import micropython\nb = bytearray(128)\nmicropython.heap_lock()\n"
        "for i in range(20):\n    f.ioctl(6, 1); f.writeblocks(1, b, 0); f.readblocks(1, b, 0); f.ioctl(3, 0)\n"
        "micropython.heap_unlock()\nprint('fine')\n"
    )
    assert run_driver(body, *chip) == ("fine\n", False)


def test_ctrl_c_does_not_tear_a_flash_operation(make_board, console, tmp_path: Path) -> None:
    main = (
        "import os\ntry: n = int(open('/n').read())\nexcept (OSError, ValueError): n = 0\n"
        "print('run', n)\n"
        "while True:\n"
        "    with open('/new', 'w') as f: f.write(str(n) * 300)\n"
        "    os.rename('/new', '/last')\n"
        "    for _ in range(2000): pass\n"  # nothing but flash: an interrupt would seldom find the program itself
    )
    board = make_board(main)
    port = console(board)
    for _ in range(12):
        port.expect(rb"run 0")
        time.sleep(0.05)
        port.write(b"\x03")
        port.expect(rb"KeyboardInterrupt.*>>> ")
        assert port.run("len(open('/last').read())") == b"300"
        port.write(b"\x04")
    port.expect(rb"run 0")
    board.close()
    assert files(tmp_path / "flash.img")["last"] == b"0" * 300


def test_a_power_cut_at_any_operation_leaves_a_good_file_system(make_board, console, tmp_path: Path) -> None:
    main = (
        "import os\nprint(sorted(os.listdir('/')))\n"
        "for i in range(3):\n"
        "    with open('/p', 'wb') as f:\n"
        "        for _ in range(10): f.write(bytes([65 + i]) * 512)\n"
        "    os.rename('/p', '/m')\n"
        "print('finished')\n"
    )
    whole = [bytes([65 + i]) * 5120 for i in range(3)]
    board = make_board(main)
    console(board).expect(rb"finished")
    operations = board.stats()["operations"]
    assert operations > 30
    board.close()
    seen = set()
    for torn, step in ((0.0, 37), (0.5, 11), (0.9, 29)):
        for cut in range(1, operations, step):
            image = tmp_path / f"{cut}-{torn}.img"
            board = make_board(main, flash=image, flash_size=64 * 4096, cut_at=cut, cut_torn=torn)
            assert board.wait_exit(20)
            assert board.stats()["operations"] == cut
            assert not board.stats()["running"]
            found = files(image)
            assert found.get("m", b"") in [b"", *whole], cut
            seen.add(found.get("m", b"")[:1])
            board.power_cycle()
            console(board).expect(rb"finished")
            assert board.stats()["running"]
            board.close()
            assert files(image)["m"] == whole[-1]
            image.unlink()
    assert len(seen) >= 3


def test_kill_and_power_cycle(make_board, console) -> None:
    board = make_board("while True: pass\n")
    board.kill()
    assert board.wait_exit(1)
    board.press()
    board.wifi_up(False)
    board.power_cycle()
    assert not board.wait_exit(0.1)


def test_erase_and_program_times_can_be_imposed(make_board, console) -> None:
    main = (
        "import time\nt = time.ticks_ms()\nf = open('/f', 'wb')\nf.write(bytes(4096))\nf.close()\n"
        "print('took', time.ticks_diff(time.ticks_ms(), t))\n"
    )
    board = make_board(main, timing=Timing(erase_us=45_000), real_time=True)
    took = int(console(board).expect(rb"took (\d+)").group(1))
    assert board.stats()["erases"] >= 1
    assert took >= 45 * board.stats()["erases"]


def test_wear_is_what_littlefs_is_known_for(make_board, console) -> None:
    """100 KB in writes of 512 bytes, closed once: 26 erases, 1.00 bytes programmed for each."""
    board = make_board("pass\n")
    port = console(board)
    port.expect(rb">>> ")
    before = board.stats()
    port.run("import os; b = os.urandom(512); f = open('/f', 'wb')")
    port.run("exec('for i in range(200): f.write(b)')")
    port.run("f.close()")
    after = board.stats()
    assert 25 <= after["erases"] - before["erases"] <= 30
    assert 1.0 <= (after["bytes_programmed"] - before["bytes_programmed"]) / 102_400 <= 1.05
    assert sum(after["erases_per_block"]) == after["erases"]
