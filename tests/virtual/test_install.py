"""`buzon install` on a whole board: fresh, as an update, cut off anywhere, refused; over the raw REPL, on real littlefs."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import pytest
from app_board import until
from buzon_host import paths
from buzon_host.board.client import Client
from buzon_host.errors import BuzonError, NoBoard, UsageError
from buzon_host.install import steps, transfer
from buzon_host.virtual.board import VirtualBoard
from buzon_host.virtual.flash import open_image
from console import Console
from test_runner_mpremote import mpremote

HEAP_KIB = 512  # the code is loaded into the heap here, and words are twice a board's
SETTINGS = cbor2.dumps({"v": 1, "device": {"name": "kept"}, "wifi": [{"ssid": "x", "password": ""}]})
# What an install must leave alone.
THEIRS = {
    "/settings.cbor": SETTINGS,
    "/mail/casa/0123456789abcdef-3-352441c2.eml": b"abc",
    "/lib/mine.py": b"x = 1\n",
    "/boot.py": b"# mine\n",
    "/lib/buzon.txt": b"a name that begins like ours\n",
}
CHANGED = "/lib/buzon/sentences/s1.mpy"


@dataclass
class Progress:
    """What an install said; the flash's operations at the start of each step."""

    board: VirtualBoard | None = None
    steps: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def __call__(self, text: str, done: int, total: int) -> None:
        if text.startswith("Sending"):
            self.total = total
            text = "Sending"
        if text not in self.steps:
            self.steps[text] = self.board.stats()["operations"] if self.board else 0


@dataclass
class Version:
    """A firmware, and what of it is on a board that has it."""

    source: Path
    name: str
    tree: dict[str, bytes] = field(default_factory=dict)


def bare(flash: Path, **options: Any) -> VirtualBoard:
    options.setdefault("heap_kib", HEAP_KIB)
    return VirtualBoard(flash=flash, bare=True, **options)


def write(flash: Path, files: dict[str, bytes]) -> None:
    """Put files onto an image."""
    fs = open_image(flash)
    for path, data in files.items():
        fs.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
        with fs.open(path, "wb") as file:
            file.write(data)
    fs.unmount()
    flash.write_bytes(fs.context.buffer)


def tree(flash: Path) -> dict[str, bytes]:
    """All files on an image."""
    fs = open_image(flash)
    found = {}
    for folder, _, names in fs.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with fs.open(path, "rb") as file:
                found[path] = file.read()
    return found


def ours(files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        path: data
        for path, data in files.items()
        if path.startswith("/lib/buzon/") or path in ("/main.py", "/board.cbor")
    }


def same(found: dict[str, bytes], wanted: dict[str, bytes]) -> None:
    """That these are the same files. Says which are not, and the first bytes of each."""
    odd = {path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path)}
    assert not {
        path: [None if files.get(path) is None else files[path][:80] for files in (found, wanted)]
        for path in odd
    }


def running(board: VirtualBoard) -> str:
    """The version that runs on it."""
    with Client.connect(board.port) as client:
        assert client.info is not None
        return client.info.version


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """The firmware, installed on a board that has settings, mail and files of a person."""
    folder = tmp_path_factory.mktemp("old")
    source = folder / "firmware"
    shutil.copytree(paths.firmware(), source, ignore=shutil.ignore_patterns("__pycache__"))
    flash = folder / "flash.img"
    bare(flash).close()
    write(flash, THEIRS)
    with bare(flash) as board:
        result = steps.install(board.port, Progress(), "virtual", source=source)
        assert result.hello.version == steps._version(source)
        assert result.hello.configured
        assert (result.kept, result.removed, len(result.sent)) == (None, [], result.files)
    return Version(source, result.hello.version, ours(tree(flash)))


@pytest.fixture
def flash(old: Version, tmp_path: Path) -> Path:
    """The image of a board with the old version."""
    return Path(shutil.copy(old.source.parent / "flash.img", tmp_path / "flash.img"))


@pytest.fixture(scope="module")
def new(old: Version, tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A later version: files changed, one new in a new folder, one that is gone, another main.py."""
    folder = tmp_path_factory.mktemp("new")
    source = folder / "firmware"
    shutil.copytree(old.source, source)
    package = source / "buzon"
    init = package / "__init__.py"
    init.write_text(init.read_text().replace(f'"{old.name}"', '"9.8.7"'))
    (package / "later").mkdir()
    (package / "later" / "__init__.py").write_text("THERE = 1\n")
    (package / "display" / "sh1106.py").unlink()
    s1 = package / "sentences" / "s1.py"
    s1.write_text(s1.read_text() + "\nLATER = 'x'\n")
    main = source / "main.py"
    main.write_text(main.read_text() + "# later\n")
    return Version(source, "9.8.7")


@pytest.fixture(scope="module")
def update(old: Version, new: Version, tmp_path_factory: pytest.TempPathFactory) -> Progress:
    """The update, with nothing in its way."""
    flash = tmp_path_factory.mktemp("update") / "flash.img"
    shutil.copy(old.source.parent / "flash.img", flash)
    with bare(flash) as board:
        progress = Progress(board)
        result = steps.install(board.port, progress, source=new.source)
        assert "/lib/buzon/later/__init__.mpy" in result.sent
        assert "/lib/buzon/__init__.mpy" in result.sent
        assert "/main.py" in result.sent
        assert len(result.sent) < 12
        assert result.removed == ["/lib/buzon/display/sh1106.mpy"]
        assert (result.board, result.hello.version) == ("virtual", new.name)
    found = tree(flash)
    new.tree.update(ours(found))
    assert CHANGED in new.tree
    same(found, {**new.tree, **THEIRS})
    return progress


def end_of(board: VirtualBoard, source: Path, name: str | None = None) -> BuzonError:
    """An install on a board that loses its power meanwhile: how it ends."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            steps.install(board.port, Progress(), name, source=source)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert board.wait_exit(60)
    board.close()  # the cable goes too
    thread.join(30)
    assert not thread.is_alive()
    assert errors, "the install has ended well"
    assert isinstance(errors[0], BuzonError), repr(errors[0])
    return errors[0]


def test_a_fresh_install_has_the_files_of_the_image(old: Version, flash: Path) -> None:
    found = tree(flash)
    same({path: found[path] for path in THEIRS}, THEIRS)
    assert cbor2.loads(found["/board.cbor"])["name"] == "virtual"
    assert not [path for path in found if path.endswith(".py") and path.startswith("/lib/buzon/")]
    assert set(found) == set(old.tree) | set(THEIRS)


def test_an_update_sends_what_changed_and_no_more(
    update: Progress, old: Version, tmp_path: Path, flash: Path
) -> None:
    source = tmp_path / "firmware"
    shutil.copytree(old.source, source)
    s1 = source / "buzon" / "sentences" / "s1.py"
    s1.write_text(s1.read_text() + "\nTEXT += '199 This came later.'\n")
    with bare(flash) as board:
        result = steps.install(board.port, Progress(), source=source)
        assert (result.sent, result.removed) == ([CHANGED], [])
        before = board.stats()["operations"]
        result = steps.install(board.port, Progress(), source=source)
        assert (result.sent, result.removed) == ([], [])
        assert board.stats()["operations"] == before
    found = tree(flash)
    assert {path for path in found if found[path] != old.tree.get(path, THEIRS.get(path))} == {CHANGED}


CUTS = [0.0, 0.2, 0.4, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0]  # of all there are


@pytest.mark.parametrize("at", CUTS)
def test_a_cut_leaves_the_old_or_the_new_version(
    old: Version, new: Version, update: Progress, flash: Path, at: float
) -> None:
    begin, placing, end = (
        update.steps[step] for step in ("Sending", "Putting it in place", "Waiting for the board to start")
    )
    operation = begin + 1 + int(at * (end - begin - 1))
    board = bare(flash, cut_at=operation, cut_torn=at * 7 % 1)
    try:
        assert isinstance(end_of(board, new.source), NoBoard)
    finally:
        board.close()
    with bare(flash) as board:
        version = running(board)
        same(ours(tree(flash)), {old.name: old.tree, new.name: new.tree}[version])
        # The rename that makes it count is the last thing before the files go to their places.
        assert version == old.name or operation > placing - 3
        assert version == new.name or operation <= placing
        assert steps.install(board.port, Progress(), source=new.source).hello.version == new.name
    same(tree(flash), {**new.tree, **THEIRS})


def test_a_cut_while_an_update_is_finished_is_finished_too(
    new: Version, update: Progress, flash: Path
) -> None:
    """By the board alone, cut again at each start."""
    board = bare(flash, cut_at=update.steps["Putting it in place"] + 8)
    try:
        end_of(board, new.source)
    finally:
        board.close()
    for operation in (3, 4, 3):
        with bare(flash, cut_at=operation, cut_torn=0.9) as board:
            assert board.wait_exit(10)
        assert "/buzon.new/apply.py" in tree(flash)
    with bare(flash) as board:
        assert running(board) == new.name
    same(tree(flash), {**new.tree, **THEIRS})


@pytest.mark.parametrize("line", ['"[[1], 2]"', "'[5, 6]'", '"[" * 3000', "'{}'"])
def test_a_board_that_says_nonsense_is_garbled(flash: Path, line: str) -> None:
    """Its boot.py runs before the prompt: what it says then is what that wants."""
    boot = f"""\
import json, sys
class Odd:
    @staticmethod
    def dumps(what):
        return json.dumps(what) if isinstance(what, dict) else {line}
sys.modules["json"] = Odd
"""
    write(flash, {"/boot.py": boot.encode()})
    refused(flash, BuzonError, "garbled", "virtual")


@pytest.mark.parametrize(
    "apply", [b"", b"raise OSError(5)\n", b"raise SystemExit\n"], ids=["empty", "error", "exit"]
)
def test_an_update_that_cannot_be_finished_ends_at_the_prompt_and_a_new_one_takes_its_place(
    new: Version, update: Progress, flash: Path, apply: bytes
) -> None:
    write(flash, {"/buzon.new/apply.py": apply, CHANGED.replace("/lib", "/buzon.new/lib"): b"cut off"})
    with bare(flash) as board:
        with Console(board.port) as console:
            console.expect(rb"Ctrl-D starts it again\.", 10)
            console.quiet(1.0)
            assert console.text.count(b"Ctrl-D starts it again.") == 1
        assert steps.install(board.port, Progress(), source=new.source).hello.version == new.name
    same(tree(flash), {**new.tree, **THEIRS})


MINE = b"import time\nprint('mine runs')\nwhile True: time.sleep_ms(20)\n"
OLDER = {"/main.py.old": b"older\n"}


@pytest.fixture(scope="module")
def foreign(old: Version, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Progress]:
    """A board with somebody's program, and an install on it with nothing in its way."""
    flash = tmp_path_factory.mktemp("foreign") / "flash.img"
    bare(flash).close()
    write(flash, {"/main.py": MINE, **OLDER})
    image = flash.read_bytes()
    with bare(flash) as board:
        progress = Progress(board)
        result = steps.install(board.port, progress, "virtual", source=old.source)
        assert (result.kept, result.hello.version) == ("/main.py.old2", old.name)
    same(tree(flash), {**old.tree, **OLDER, "/main.py.old2": MINE})
    flash.write_bytes(image)
    return flash, progress


@pytest.mark.parametrize("at", [0.0, 0.01, 0.5])
def test_a_program_that_was_there_is_kept_and_runs_until_ours_does(
    old: Version, foreign: tuple[Path, Progress], tmp_path: Path, console: Any, at: float
) -> None:
    flash = Path(shutil.copy(foreign[0], tmp_path / "flash.img"))
    begin, end = (
        foreign[1].steps[step] for step in ("Putting it in place", "Waiting for the board to start")
    )
    board = bare(flash, cut_at=begin + 1 + int(at * (end - begin)))
    try:
        assert isinstance(end_of(board, old.source, "virtual"), NoBoard)
    finally:
        board.close()
    with bare(flash) as board:
        port = console(board)
        mine = b"mine" in port.expect(rb"mine runs|rst:0x2").group()
        port.close()
        if mine:
            assert at == 0.0
            assert tree(flash)["/main.py"] == MINE
        else:
            assert running(board) == old.name
            same(ours(tree(flash)), old.tree)
        assert steps.install(board.port, Progress(), "virtual", source=old.source).hello.version == old.name
    found = tree(flash)
    same(ours(found), old.tree)
    assert {path: found[path] for path in OLDER} == OLDER
    assert found["/main.py.old2"] == MINE


def test_a_pulled_cable_is_said_and_a_second_run_goes_on(old: Version, tmp_path: Path) -> None:
    flash = tmp_path / "flash.img"
    board = bare(flash)
    seen = []

    def pull(text: str, done: int, total: int) -> None:
        seen.append(total)
        if text.startswith("Sending") and done > total // 2:
            board.close()

    with pytest.raises(NoBoard, match=r"went away|stopped answering"):
        steps.install(board.port, pull, "virtual", source=old.source)
    with bare(flash) as board:
        progress = Progress()
        assert steps.install(board.port, progress, "virtual", source=old.source).hello.version == old.name
    assert 0 < progress.total < 0.6 * seen[-1]
    same(tree(flash), old.tree)


def test_the_real_mpremote_works_on_the_board_afterwards(flash: Path, old: Version, tmp_path: Path) -> None:
    with bare(flash) as board:
        assert running(board) == old.name
        assert "buzon/" in mpremote(board, "ls", ":lib")
        data = bytes(range(256)) * 20
        (tmp_path / "there").write_bytes(data)
        mpremote(board, "cp", str(tmp_path / "there"), ":there")
        mpremote(board, "cp", ":there", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == data
        mpremote(board, "reset")
        assert running(board) == old.name
    same(tree(flash), {**old.tree, **THEIRS, "/there": data})


def test_a_board_keeps_the_display_it_was_given(flash: Path, old: Version) -> None:
    there = cbor2.loads(tree(flash)["/board.cbor"])
    there["display"]["rotate"] = 180
    write(flash, {"/board.cbor": cbor2.dumps({**there, "watchdog_s": 7})})
    with bare(flash) as board:
        assert steps.install(board.port, Progress(), source=old.source).sent == ["/board.cbor"]
    assert cbor2.loads(tree(flash)["/board.cbor"]) == there


# What is refused: nothing is changed on the board, and what ran there runs again.


def refused(
    flash: Path, error: type[BuzonError], match: str, board: str | None = None, **options: Any
) -> None:
    with bare(flash, **options) as there:
        before = tree(flash)
        with pytest.raises(error, match=match):
            steps.install(there.port, Progress(), board)
        same(tree(flash), before)


def test_a_micropython_that_is_too_old_is_refused(flash: Path) -> None:
    older = """\
import sys
class Implementation:
    version = (1, 24, 1, '')
    _mpy = sys.implementation._mpy
class Sys:
    path = sys.path
    implementation = Implementation()
    modules = sys.modules
sys.modules['sys'] = Sys()
"""
    write(flash, {"/boot.py": older.encode()})
    refused(flash, BuzonError, r"runs MicroPython 1\.24\.1, and Buzón needs 1\.25")


def test_another_architecture_is_refused(flash: Path, tmp_path: Path) -> None:
    refused(flash, UsageError, r"is for x64, and ESP32_GENERIC is xtensawin", "ESP32_GENERIC")
    nobody = tmp_path / "nobody.img"
    refused(nobody, UsageError, r"does not say which one it is.*--board")


def test_a_flash_that_is_too_small_is_refused_with_the_sizes(tmp_path: Path) -> None:
    refused(
        tmp_path / "small.img",
        BuzonError,
        r"has \d+ KB free of 256 KB.* needs \d+ KB",
        "virtual",
        flash_size=1 << 18,
    )


def test_what_would_be_loaded_instead_is_refused(flash: Path, make_board: Any) -> None:
    write(flash, {"/buzon/__init__.py": b"\n"})
    refused(flash, BuzonError, r"There is /buzon on the board")
    with pytest.raises(BuzonError, match=r"in its ROMFS.*buzon flash"):
        steps.install(make_board().port, Progress(), "virtual")


def test_a_board_that_keeps_its_prompt_closed_says_so(
    old: Version, flash: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "firmware"
    shutil.copytree(old.source, source)
    server = source / "buzon" / "console" / "server.py"
    text = server.read_text()
    assert "_CTRL_C = const(3)" in text
    server.write_text(text.replace("_CTRL_C = const(3)", "_CTRL_C = const(300)"))
    with bare(flash) as board:
        steps.install(board.port, Progress(), source=source)
    closed = b"import micropython\nmicropython.kbd_intr(-1)\n"
    write(flash, {"/boot.py": closed, "/settings.cbor": cbor2.dumps({"v": 1, "device": {"lock": True}})})
    monkeypatch.setattr(transfer, "_RAW_REPL_S", (1.0, 1.0))
    refused(flash, BuzonError, r"locked \(device\.lock\) and gives no prompt")
    write(flash, {"/main.py": b"while True: pass\n"})
    refused(flash, NoBoard, r"no MicroPython prompt")


def test_a_board_that_prints_without_end_is_given_up(flash: Path) -> None:
    with bare(flash) as board, transfer.Repl(board.port) as repl:
        assert len(repl.run("print('x' * 15000)")) == 15001
        with pytest.raises(BuzonError, match="sends more than 64 KB where a short answer is due"):
            repl.run("while True: print('x' * 100)")
    write(
        flash, {"/boot.py": b"import micropython\nmicropython.kbd_intr(-1)\nwhile True: print('x' * 100)\n"}
    )
    refused(flash, BuzonError, "sends more than 64 KB")


def test_an_error_leaves_the_board_running(flash: Path, old: Version) -> None:
    with bare(flash) as board:
        with pytest.raises(UsageError):
            steps.install(board.port, Progress(), "RPI_PICO_W")
        until(lambda: running(board) == old.name, what="the app")


def test_a_flash_without_buzon_is_known_by_itself(flash: Path, tmp_path: Path) -> None:
    """`buzon virtual` without --bare, for a board that was bare before."""
    empty, ours = tmp_path / "empty.img", tmp_path / "ours.img"
    bare(empty).close()
    VirtualBoard(flash=ours).close()
    env = {**os.environ, "PYTHONPATH": str(Path(steps.__file__).parents[2]), "XDG_CACHE_HOME": str(tmp_path)}
    env["PYTHONUNBUFFERED"] = "1"

    def said(*arguments: str) -> str:
        command = [sys.executable, "-m", "buzon_host", "virtual", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
            assert process.stdout is not None
            lines = ""
            while "Ctrl-C stops it." not in lines:
                line = process.stdout.readline()
                assert line, lines
                lines += line
            port = lines.split("Port   ")[1].split()[0]
            if "MicroPython alone" in lines:
                with transfer.Repl(port) as repl:
                    assert not repl.facts().rom
            else:
                Client.connect(port).close()
            process.terminate()
            return lines

    for image in (empty, flash):
        assert f"another time: buzon virtual --flash {image}\n" in said("--flash", str(image))
    assert "another time" not in said("--flash", str(ours))
    assert "another time: buzon virtual --bare\n" in said("--bare")


def test_the_command(flash: Path, tmp_path: Path) -> None:
    with bare(flash) as board:
        command = [sys.executable, "-m", "buzon_host", "install", "--port", board.port, "--json"]
        env = {**os.environ, "PYTHONPATH": str(Path(steps.__file__).parents[2])}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert (answer["ok"], answer["board"], answer["configured"]) == (True, "virtual", True)
        command += ["--board", "nothing"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        assert done.returncode == 2
        assert json.loads(done.stdout)["ok"] is False
