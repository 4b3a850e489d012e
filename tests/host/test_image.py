"""File system images: the real MicroPython mounts them; partition tables; what does not fit is refused."""

import json
import struct
import subprocess
import tomllib
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

import cbor2
import pytest
from buzon_host import boards, paths
from buzon_host.boards import Board
from buzon_host.build import firmware, image, partitions, uf2
from buzon_host.errors import BuzonError
from buzon_host.virtual.interpreter import command
from esptool.targets import CHIP_DEFS
from firmware_files import APP, ESP32, VFS, esp32_file, needs_firmware, needs_micropython, uf2_file

REAL = [name for name in boards.names() if name != "virtual"]

_LOOK = """
import hashlib, json, os, sys, vfs

class Flash:
    def __init__(self, data):
        self.data = bytearray(data)
    def readblocks(self, n, buf, off=0):
        buf[:] = self.data[n * 4096 + off : n * 4096 + off + len(buf)]
    def writeblocks(self, n, buf, off=0):
        assert off % PROG == 0 and len(buf) % PROG == 0
        self.data[n * 4096 + off : n * 4096 + off + len(buf)] = buf
    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // 4096
        if op == 5:
            return 4096
        if op == 6:
            self.data[arg * 4096 : arg * 4096 + 4096] = b"\\xff" * 4096
        return 0

PROG = int(sys.argv[2])
with open(sys.argv[1], "rb") as f:
    flash = Flash(f.read())
fs = vfs.VfsLfs2(flash, progsize=PROG)
vfs.mount(fs, "/flash")
found = {}
def walk(path):
    for name, kind, *_ in os.ilistdir("/flash" + path):
        if kind == 0x4000:
            walk(path + name + "/")
        else:
            with open("/flash" + path + name, "rb") as f:
                data = f.read()
            found[(path + name)[1:]] = [len(data), hashlib.sha256(data).digest().hex()]
walk("/")
with open("/flash/new", "w") as f:
    f.write("x" * 9000)
stat = os.statvfs("/flash")
vfs.umount("/flash")
with open(sys.argv[1], "wb") as f:
    f.write(flash.data)
print(json.dumps([found, list(stat)]))
"""


def own(tmp_path: Path, **changes: object) -> Board:
    """The ESP32 board with another file system."""
    tree = tomllib.loads((paths.boards() / "ESP32_GENERIC" / "board.toml").read_text())
    tree["filesystem"] |= changes
    return Board.model_validate(tree)


@needs_micropython
@pytest.mark.parametrize("name", REAL)
def test_micropython_mounts_it_and_finds_every_byte(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    made = image.build(board)
    path, script = tmp_path / "fs.img", tmp_path / "look.py"
    path.write_bytes(made.filesystem.data)
    script.write_text(_LOOK)
    run = [*command(), "-X", "heapsize=32m", str(script), str(path), str(board.filesystem.prog_size)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    found, stat = json.loads(done.stdout)
    assert {file: size for file, (size, _) in found.items()} == made.files
    assert found["main.py"][1] == sha256((paths.firmware() / "main.py").read_bytes()).hexdigest()
    assert found["board.cbor"][1] == sha256(cbor2.dumps(board.cbor_map())).hexdigest()
    assert "lib/buzon/base.mpy" in found
    assert (stat[0], stat[2]) == (4096, board.filesystem.size // 4096)
    # What it wrote there can be read here again.
    fs = image.file_system(board, board.filesystem.size)
    fs.context.buffer[:] = path.read_bytes()
    fs.mount()
    with fs.open("new", "rb") as file:
        assert file.read() == b"x" * 9000
    assert fs.used_block_count * 4096 == board.filesystem.size - made.free + 3 * 4096
    # littlefs counts what it takes as well as it can; MicroPython's statvfs counts folders twice.
    folders = {path.rpartition("/")[0] for path in made.files} | {"lib"}
    assert made.free - 3 * 4096 >= stat[4] * 4096 >= made.free - (4 + 2 * len(folders)) * 4096


def test_it_is_the_same_each_time_and_erased_where_nothing_is() -> None:
    board = boards.load("ESP32_GENERIC")
    made = image.build(board)
    assert made.filesystem.data == image.build(board).filesystem.data
    blocks = [made.filesystem.data[at : at + 4096] for at in range(0, board.filesystem.size, 4096)]
    assert sum(block == b"\xff" * 4096 for block in blocks) >= made.free // 4096


def test_the_display_that_was_chosen_is_in_it() -> None:
    board = boards.load("ESP32_GENERIC").with_display("sh1106")
    fs = image.file_system(board, board.filesystem.size)
    fs.context.buffer[:] = image.build(board).filesystem.data
    fs.mount()
    with fs.open("board.cbor", "rb") as file:
        assert cbor2.loads(file.read())["display"]["driver"] == "sh1106"


@needs_firmware
def test_the_partition_of_a_real_firmware() -> None:
    board = boards.load("ESP32_GENERIC")
    assert ESP32 is not None
    real = firmware.load(ESP32, board)
    assert (real.version, real.bytecode, real.offset) == ((1, 25), 6, 0x1000)
    assert [(one.label, one.offset, one.size) for one in real.table] == [
        ("nvs", 0x9000, 0x6000),
        ("phy_init", 0xF000, 0x1000),
        ("factory", 0x10000, 0x1F0000),
        ("vfs", 0x200000, 0x200000),
    ]
    assert image.build(board, real).filesystem.offset == 0x200000


def test_the_firmware_says_where_the_file_system_is(tmp_path: Path) -> None:
    path = tmp_path / "c3.bin"
    path.write_bytes(esp32_file(("vfs", 1, 0x81, 0x300000, 0x100000)))
    board = boards.load("ESP32_GENERIC_C3")
    made = image.build(board, firmware.load(path, board))
    assert (made.filesystem.offset, made.filesystem.size) == (0x300000, 0x100000)
    assert len(made.filesystem.data) == 0x100000
    assert made.rom is None


@needs_micropython
def test_the_code_is_in_the_romfs_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "s3.bin"
    path.write_bytes(esp32_file(("romfs", 1, 0x8F, 0x1E0000, 0x20000), VFS, chip=9))
    board = boards.load("ESP32_GENERIC_S3")
    made = image.build(board, firmware.load(path, board))
    assert made.rom is not None
    assert (made.rom.offset, made.rom.size) == (0x1E0000, 0x20000)
    assert made.free > 0x200000 - 5 * 4096
    (tmp_path / "rom").write_bytes(made.rom.data)
    script = (
        "import sys, vfs\n"
        f"with open({str(tmp_path / 'rom')!r}, 'rb') as f: data = f.read()\n"
        "vfs.mount(vfs.VfsRom(data), '/rom')\n"
        "sys.path[:] = ['/rom/lib']\n"
        "from buzon.sentences import s1\n"
        "print(s1.__file__)\n"
    )
    done = subprocess.run([*command(), "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "/rom/lib/buzon/sentences/s1.mpy", done.stdout + done.stderr
    path.write_bytes(esp32_file(("romfs", 1, 0x8F, 0x1E0000, 0x10000), VFS, chip=9))
    with pytest.raises(BuzonError, match=r"The code takes \d+ KB, and the partition 'romfs' .* has 64 KB"):
        image.build(board, firmware.load(path, board))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xe9" * 10, "is no firmware for an ESP32-C3"),
        (b"hello" * 100, "is no firmware for an ESP32-C3"),
        (
            esp32_file(VFS, chip=9),
            "is for an ESP32-S3 (--board ESP32_GENERIC_S3), and ESP32_GENERIC_C3 has an ESP32-C3",
        ),
        (esp32_file(VFS, chip=13), "is for an ESP32-C6, and ESP32_GENERIC_C3 has an ESP32-C3"),
        (esp32_file(VFS, chip=77), "is for another chip, and ESP32_GENERIC_C3 has an ESP32-C3"),
        (esp32_file(VFS)[:0x7000], "there is no partition table in it"),
        (esp32_file(VFS).replace(b"vfs\0", b"vfz\0"), "checksum is wrong"),
        (esp32_file(VFS, version="1.24.1"), "is MicroPython 1.24, and Buzón needs 1.25"),
        (uf2_file(0xE48BFF56), "is a UF2 file, for a Pico"),
    ],
)
def test_what_is_no_firmware_for_the_board_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    with pytest.raises(firmware.FirmwareError) as error:
        firmware.load(path, boards.load("ESP32_GENERIC_C3"))
    assert said in str(error.value)


def test_the_file_to_take_is_named_by_a_pattern(tmp_path: Path) -> None:
    """One that fits the names on micropython.org, and those of the plain variant only."""
    for name in REAL:
        pattern, _, rest = firmware.wanted(boards.load(name)).partition(" ")
        end = pattern[-4:]
        example = f"{name}-20250415-v1.25.0{end}"
        assert rest == f"(such as {example}) or a later version from https://micropython.org/download/{name}/"
        assert end == (".uf2" if name.startswith("RPI") else ".bin")
        for fits in (
            "20250415-v1.25.0",
            "20250911-v1.26.1",
            "20260406-v1.28.0",
            "20250820-v1.27.0-preview.12.g1",
        ):
            assert fnmatchcase(f"{name}-{fits}{end}", pattern)
        for other in (
            "20241129-v1.24.1",
            "SPIRAM-20250415-v1.25.0",
            "OTA-20250415-v1.25.0",
            "RISCV-20250415-v1.25.0",
        ):
            assert not fnmatchcase(f"{name}-{other}{end}", pattern)
    if ESP32 is not None:
        assert fnmatchcase(ESP32.name, firmware.wanted(boards.load("ESP32_GENERIC")).split()[0])
    # A board of one's own has no page there: the one with its chip has.
    text = (
        (paths.boards() / "ESP32_GENERIC_S3" / "board.toml").read_text().replace("ESP32_GENERIC_S3", "HALL")
    )
    (tmp_path / "board.toml").write_text(text)
    assert firmware.wanted(boards.load(tmp_path)) == firmware.wanted(boards.load("ESP32_GENERIC_S3"))
    with pytest.raises(firmware.FirmwareError, match="has no flash to write a firmware to"):
        firmware.wanted(boards.load("virtual"))


def test_other_chips_are_named_as_esptool_does() -> None:
    esptool = {getattr(chip, "IMAGE_CHIP_ID", None): chip.CHIP_NAME for chip in CHIP_DEFS.values()}
    assert firmware._OTHERS.items() <= esptool.items()
    mine = {chip.image_id: chip.title for chip in boards.CHIPS.values() if chip.image_id is not None}
    assert mine.items() <= esptool.items()


def test_a_firmware_without_the_partition_or_for_a_larger_flash(tmp_path: Path) -> None:
    board = boards.load("ESP32_GENERIC_C3")
    path = tmp_path / "file.bin"
    path.write_bytes(esp32_file())
    with pytest.raises(BuzonError, match=r"no partition 'vfs' \(it has nvs, phy_init, factory\)"):
        image.build(board, firmware.load(path, board))
    path.write_bytes(esp32_file(("vfs", 1, 0x81, 0x200000, 0x600000)))
    with pytest.raises(BuzonError, match="for a flash of 8192 KB, and ESP32_GENERIC_C3 has 4096 KB"):
        image.build(board, firmware.load(path, board))


def test_a_file_system_that_is_too_small_is_refused_with_the_sizes(tmp_path: Path) -> None:
    with pytest.raises(BuzonError, match=r"Buzón is \d+ KB in \d+ files .* ESP32_GENERIC has 256 KB"):
        image.build(own(tmp_path, size=0x40000))
    for size in (0, 100, 4096, 5000, 8192):  # as a partition table may say
        table = [partitions.Partition("vfs", 1, 0x81, 0x200000, size)]
        given = firmware.Firmware(Path("x.bin"), b"", (1, 28), table=table)
        with pytest.raises(BuzonError, match=rf"ESP32_GENERIC has {-(-size // 1024)} KB"):
            image.build(boards.load("ESP32_GENERIC"), given)


def test_bytecode_that_the_firmware_does_not_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c3.bin"
    path.write_bytes(esp32_file(VFS))
    given = firmware.load(path, boards.load("ESP32_GENERIC_C3"))
    assert given.bytecode == 6
    (tmp_path / "x.mpy").write_bytes(b"M\x06\x00\x1f")
    image.check_bytecode(tmp_path, given)
    (tmp_path / "x.mpy").write_bytes(b"M\x07\x00\x1f")
    with pytest.raises(BuzonError, match="makes bytecode version 7, and the firmware reads 6"):
        image.check_bytecode(tmp_path, given)


def test_uf2_files(tmp_path: Path) -> None:
    board = boards.load("RPI_PICO_W")
    path = tmp_path / "pico.uf2"
    data = uf2_file(0xE48BFF56)
    path.write_bytes(data)
    assert firmware.load(path, board).version == (1, 26)
    for family in (0xE48BFF56, 0xE48BFF59):
        assert uf2.join(uf2.parse(uf2_file(family)), []) == uf2_file(family)
    odd = uf2_file(0xE48BFF59)[:512]  # the head of the block that is in each file for an RP2350
    assert odd[8:32] == struct.pack("<6I", 0xA000, 0x10FFFF00, 256, 0, 2, 0xE48BFF57)
    assert odd[288:292] == b"\x04\xe3\x57\x99"
    for wrong, said in (
        (data[:-100], "cannot be used"),
        (data.replace(b"\x30\x6f\xb1\x0a", b"\x30\x6f\xb1\x0b", 1), "cannot be used"),
        (uf2_file(0xE48BFF59), "is for another chip than the RP2040"),
        (esp32_file(VFS), "is no UF2 file"),
        (uf2_file(0xE48BFF56, size=0x130000), "takes 1245184 bytes of the flash"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(firmware.FirmwareError) as error:
            firmware.load(path, board)
        assert said in str(error.value)


def test_partition_tables() -> None:
    from firmware_files import partition_table

    table = partition_table(APP, VFS)
    assert [(one.label, one.end) for one in partitions.parse(table)] == [
        ("factory", 0x1E0000),
        ("vfs", 0x400000),
    ]
    for damaged in (b"", b"\xff" * 4096, table[:32] + b"\x00" + table[33:]):
        with pytest.raises(BuzonError):
            partitions.parse(damaged)
