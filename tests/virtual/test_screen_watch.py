"""`buzon screen --watch`: the display in the terminal, as it changes, until Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import terminal
from app_board import Rig, message, pixels, until
from buzon_host import picture
from PIL import Image

ENTER, LEAVE, HOME = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l", "\x1b[H"
BUZON = [sys.executable, "-m", "buzon_host"]


@pytest.fixture
def rig(boot: Any, serve: Any) -> Rig:
    """A board that shows an alert, and whose port is free."""
    server = serve(samples=False)
    server.deliver(message(7))
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    rig.page("alert")
    rig.client.close()
    return rig


def lines_of(rig: Rig, columns: int) -> list[str]:
    screen = rig.board.screen()
    rows = picture.from_mono_vlsb(pixels(screen), *screen.size)
    return picture.to_terminal(rows, columns=columns).split("\n")


def last(child: Any) -> list[str]:
    """The lines of the last picture that a terminal got."""
    return [line.removesuffix("\x1b[K") for line in child.seen.split(HOME)[-1].split("\r\n")]


def read(child: Any) -> str:
    try:
        child.seen += child.read_nonblocking(65536, 0.1)
    except (pexpect.TIMEOUT, pexpect.EOF):
        pass
    return child.seen


@pytest.mark.parametrize("color", [False, True])
def test_on_a_terminal(rig: Rig, tmp_path: Path, color: bool) -> None:
    env = terminal.clean(tmp_path)
    if color:
        del env["NO_COLOR"]
    png = tmp_path / "screen.png"
    child = pexpect.spawn(
        BUZON[0],
        [*BUZON[1:], "screen", "--watch", "--port", rig.board.port, "--png", str(png)],
        env=env,
        dimensions=(40, 80),
        encoding="utf-8",
    )
    child.seen = ""
    try:
        until(lambda: "Ctrl-C ends this." in read(child), 20, "the first picture")
        assert child.seen.startswith(ENTER + HOME)
        assert color == ("\x1b[38;" in child.seen)
        assert color or last(child)[:34] == lines_of(rig, 80)
        first = Image.open(png).tobytes()
        rig.board.press()
        until(lambda: read(child).count(HOME) >= 2, 10, "the next picture")
        rig.shows("No new mail")
        until(lambda: read(child) and (color or last(child)[:34] == lines_of(rig, 80)), 10, "the idle page")
        assert Image.open(png).tobytes() != first
        pictures = child.seen.count(HOME)
        child.setwinsize(20, 140)
        until(lambda: read(child).count(HOME) > pictures, 10, "the picture for another size")
        until(lambda: read(child) and len(last(child)) == 20, 10, "as many lines as it has")
        assert color or last(child)[:19] == lines_of(rig, 140)[:19]
        child.sendintr()
        until(lambda: read(child) and not child.isalive(), 10, "the end")
        read(child)
    finally:
        child.close()
    assert child.exitstatus == 130
    assert LEAVE in child.seen
    assert child.seen.split(LEAVE)[1].strip() == "Interrupted."


def test_into_a_file_each_picture_once(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*BUZON, "screen", "--watch", "--port", rig.board.port],
            env=terminal.clean(tmp_path),
            stdout=file,
            stderr=subprocess.PIPE,
        )
    try:
        until(lambda: out.read_text(encoding="utf-8").count("╯") == 1, 20, "the first picture")
        alert = "\n".join(lines_of(rig, 80))
        rig.board.press()
        until(lambda: out.read_text(encoding="utf-8").count("╯") == 2, 10, "the next picture")
        idle = "\n".join(lines_of(rig, 80))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.communicate()
    assert out.read_text(encoding="utf-8") == f"{alert}\n{idle}\n"


def test_json_is_one_document_and_does_not_watch(rig: Rig, tmp_path: Path) -> None:
    def buzon(*more: str) -> "subprocess.CompletedProcess[str]":
        command = [*BUZON, "screen", "--port", rig.board.port, *more]
        return subprocess.run(
            command, env=terminal.clean(tmp_path), capture_output=True, text=True, timeout=60
        )

    done = buzon("--json")
    assert json.loads(done.stdout)["page"] == "alert"
    done = buzon("--json", "--watch")
    assert done.returncode == 2
    assert not json.loads(done.stdout)["ok"]
    assert "--watch never ends" in done.stderr


def test_a_board_that_goes_away_ends_it_in_one_sentence(rig: Rig, tmp_path: Path) -> None:
    child = pexpect.spawn(
        BUZON[0],
        [*BUZON[1:], "screen", "--watch", "--port", rig.board.port],
        env=terminal.clean(tmp_path),
        dimensions=(40, 80),
        encoding="utf-8",
    )
    child.seen = ""
    try:
        until(lambda: "Ctrl-C ends this." in read(child), 20, "the first picture")
        rig.board.kill()
        until(lambda: read(child) and not child.isalive(), 30, "the end")
        read(child)
    finally:
        child.close()
    assert child.exitstatus == 3
    said = child.seen.split(LEAVE)[1]
    assert "stopped answering" in said
    assert "Traceback" not in said
