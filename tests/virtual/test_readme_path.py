"""README's way from the box to the wall, word for word, on a virtual board that has only MicroPython at first."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
import terminal
from app_board import message, until
from buzon_host.server.run import LocalServer
from buzon_host.virtual.board import VirtualBoard

README = Path(__file__).parents[2] / "README.md"
WIFI = ("Buzon-Demo", "correct horse")
# Questions, and what README says; the rest is Enter.
ANSWERS = (
    (r"E-mail address: ", "demo@localhost"),
    (r"POP3 server: ", "localhost:{pop3s}"),
    (r"Trust this certificate, and no other\? \[y/N\] ", "y"),
    (r"Password of demo@localhost: ", "buzon-demo"),
    (r"What is the board for, 1 or 2 \[1\]: ", ""),
    (r"Wi-Fi network, number or name \[Buzon-Demo\]: ", ""),
    (r'Password of the Wi-Fi "Buzon-Demo": ', "correct horse"),
    (r"Put this on the board\? \[Y/n\] ", ""),
)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(flash=tmp_path / "flash.img", bare=True, heap_kib=384, wifi=[WIFI]) as made:
        yield made


def commands() -> list[str]:
    found = re.search(r"<!-- path -->\n```\n(.+?)```", README.read_text("utf-8"), re.S)
    assert found
    return found[1].splitlines()


def test_the_way_from_the_box_to_the_wall(board: VirtualBoard, tmp_path: Path) -> None:
    env = terminal.clean(tmp_path / "config")
    text = README.read_text("utf-8")
    for _, answer in ANSWERS:
        said = answer.replace("{pop3s}", "10995")
        assert not said or f"`{said}`" in text, said
    shown: dict[str, str] = {}
    with LocalServer(samples=False, password="buzon-demo") as server:
        server.deliver(message(1))
        for line in commands():
            program, verb, *arguments = line.split()
            assert program == "buzon"
            child: Any = pexpect.spawn(
                sys.executable,
                ["-m", "buzon_host", verb, *arguments],
                env=env,
                encoding="utf-8",
                timeout=90,
                dimensions=(40, 200),
            )
            output = ""
            if verb == "provision":
                for question, answer in ANSWERS:
                    child.expect(question)
                    output += child.before
                    child.sendline(answer.format(pop3s=server.pop3s))
            child.expect(pexpect.EOF)
            output += child.before
            child.close()
            assert child.exitstatus == 0, f"{line}: {output}"
            assert "Traceback" not in output
            assert "correct horse" not in output
            shown[verb] = output
        assert "Next: buzon provision" in shown["install"]
        assert "send yourself a message" in shown["provision"]
        assert "Buzon-Demo, up" in shown["status"]
        assert "All is well." in shown["doctor"]
        # And then mail comes.
        server.deliver(message(2))
        done = subprocess.run(
            [sys.executable, "-m", "buzon_host", "sync"], env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        until(lambda: board.screen().getbbox() is not None, what="something on the display")
        assert server.left() == 2
