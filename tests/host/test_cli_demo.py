"""The demo as a whole: its own bookkeeping, then the real thing with a real virtual board."""

import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from buzon_host import demo
from buzon_host.virtual import interpreter
from littlefs import LittleFS

BUZON = [sys.executable, "-m", "buzon_host"]
KEYS = ["ok", "board", "messages", "stored", "bytes", "heap_limit", "server_left", "screen", "seconds"]


def _runs_here() -> bool:
    try:
        interpreter.command()
    except Exception:
        return False
    return True


virtual_board = pytest.mark.skipif(not _runs_here(), reason="no MicroPython for this platform")


def image(path: Path, files: dict[str, bytes], size: int = 1 << 20) -> Path:
    fs = LittleFS(block_size=4096, block_count=size // 4096)
    for name, content in files.items():
        for parent in list(Path(name).parents)[-2::-1]:
            if str(parent) != "/":
                fs.makedirs(str(parent), exist_ok=True)
        with fs.open(name, "wb") as file:
            file.write(content)
    path.write_bytes(bytes(fs.context.buffer))
    return path


def test_stored_is_counted_by_content_and_only_what_is_whole(tmp_path) -> None:
    flash = image(
        tmp_path / "f.img",
        {
            "/mail/demo/a.eml": b"one",
            "/mail/demo/b.eml": b"one",
            "/mail/demo/c.part": b"two",
            "/mail/demo/journal": b"x",
            "/settings.cbor": b"y",
        },
    )
    assert demo.stored_in(flash) == Counter({hashlib.sha256(b"one").hexdigest(): 2})


def test_a_flash_without_mail_or_without_littlefs_holds_none(tmp_path) -> None:
    assert demo.stored_in(image(tmp_path / "a.img", {"/settings.cbor": b"y"})) == Counter()
    (tmp_path / "b.img").write_bytes(b"\xff" * (1 << 20))
    assert demo.stored_in(tmp_path / "b.img") == Counter()
    (tmp_path / "c.img").write_bytes(b"")
    assert demo.stored_in(tmp_path / "c.img") == Counter()


@pytest.mark.parametrize("sizes", [[300] * 400, [5000] * 300, [4088] * 200, [3_000_000] * 2], ids=str)
def test_a_new_flash_is_large_enough(tmp_path, sizes) -> None:
    """A littlefs of that size takes the mail, and 100 KB more for what else a board writes."""
    sizes = list(sizes)
    files = {
        f"/mail/demo/{n:016x}-{n:08x}-{n:08x}.eml": bytes(size) for n, size in enumerate([*sizes, 100_000])
    }
    image(tmp_path / "f.img", files, demo.flash_size_for(sizes))


def run(*arguments: str) -> tuple[int, dict]:
    done = subprocess.run(
        [*BUZON, "demo", "--json", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.stdout.count("\n") == 1, done.stderr
    return done.returncode, json.loads(done.stdout)


@virtual_board
def test_the_demo_stores_every_sample_and_a_second_run_counts_only_its_own(tmp_path) -> None:
    flash = tmp_path / "flash.img"
    code, first = run("--flash", str(flash))
    assert (code, first["ok"]) == (0, True), first
    assert list(first) == KEYS
    assert first["stored"] == first["messages"] > 0
    assert first["server_left"] == 0
    assert first["heap_limit"] == 136 * 1024
    assert first["board"] == "virtual"
    assert Path(first["screen"]).read_bytes().startswith(b"\x89PNG")
    once = demo.stored_in(flash)
    assert sum(once.values()) == first["messages"]
    size = flash.stat().st_size
    code, second = run("--flash", str(flash))
    assert (code, second["stored"]) == (0, second["messages"]), second
    assert demo.stored_in(flash) == once + once
    assert flash.stat().st_size == size


@virtual_board
def test_the_demo_takes_a_folder_byte_for_byte(tmp_path) -> None:
    mail = tmp_path / "mail"
    mail.mkdir()
    contents = {
        "dots.eml": b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\x00\xff\r\n",
        "lf.eml": b"Subject: lf\n\nno end",
        "cr.eml": b"Subject: cr\r\n\r\na\rb\r\r\n" + b"long " * 20000 + b"\r\n",
    }
    for name, content in contents.items():
        (mail / name).write_bytes(content)
    (mail / "README").write_bytes(b"no mail\n")
    code, document = run("--mail", str(mail), "--flash", str(tmp_path / "f.img"))
    assert (code, document["stored"], document["messages"]) == (0, 3, 3), document
    sent = {**contents, "lf.eml": b"Subject: lf\r\n\r\nno end\r\n"}
    assert document["bytes"] == sum(len(content) for content in sent.values())
    expected = Counter(hashlib.sha256(content).hexdigest() for content in sent.values())
    assert demo.stored_in(tmp_path / "f.img") == expected


@virtual_board
def test_a_flash_that_is_too_small_fails_and_loses_nothing(tmp_path) -> None:
    mail = tmp_path / "mail"
    mail.mkdir()
    for n in range(4):
        (mail / f"{n}.eml").write_bytes(b"Subject: big\r\n\r\n" + b"x" * 76 * 2000 + b"\r\n")
    code, document = run(
        "--mail", str(mail), "--flash", str(tmp_path / "f.img"), "--flash-size", str(512 * 1024)
    )
    assert code in (1, 4)
    assert document["ok"] is False
    assert "no more room" in document["error"]
    assert list(document) == [*KEYS, "error"]
    # What is not on the board is still on the server.
    assert document["server_left"] + document["stored"] == document["messages"] == 4


@virtual_board
def test_a_virtual_board_is_found_and_its_button_pressed(tmp_path) -> None:
    process = subprocess.Popen(
        [*BUZON, "virtual", "--flash", str(tmp_path / "f.img"), "--link", str(tmp_path / "port"), "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        assert where["link"] == str(tmp_path / "port")
        listed = subprocess.run([*BUZON, "boards", "--json"], capture_output=True, text=True, timeout=60)
        assert str(tmp_path / "port") in [one["port"] for one in json.loads(listed.stdout)["boards"]]
        press = [*BUZON, "press", "--port", str(tmp_path / "port"), "--json"]
        assert (
            json.loads(subprocess.run(press, capture_output=True, text=True, timeout=60).stdout)["ok"] is True
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert not (tmp_path / "port").is_symlink()
