"""Finding the board: the named one, the only one, none, several."""

import pytest
from buzon_host.board import find
from buzon_host.errors import NoBoard
from serial.tools.list_ports_common import ListPortInfo


def usb(device: str, product: str) -> ListPortInfo:
    info = ListPortInfo(device)
    info.vid, info.pid, info.product = 0x303A, 0x1001, product
    return info


@pytest.fixture(autouse=True)
def no_ports_named(monkeypatch) -> None:
    monkeypatch.delenv("BUZON_PORTS", raising=False)


@pytest.fixture
def connected(monkeypatch):
    """Sets what is plugged in (pyserial's list) and which virtual boards run."""

    def set_(*ports, virtual=()) -> None:
        monkeypatch.setattr(find.list_ports, "comports", lambda: list(ports))
        monkeypatch.setattr(find, "_virtual", lambda: list(virtual))

    return set_


def test_a_named_port_is_taken_as_it_is(connected) -> None:
    connected(usb("/dev/a", "A"), usb("/dev/b", "B"))
    assert find.find("/dev/zz") == "/dev/zz"


def test_the_only_board(connected) -> None:
    connected(ListPortInfo("/dev/ttyS0"), usb("/dev/ttyACM0", "Pico W"))
    assert find.find() == "/dev/ttyACM0"
    connected(ListPortInfo("/dev/ttyS0"), virtual=[("virtual", "/dev/pts/3")])
    assert find.find() == "/dev/pts/3"


def test_none(connected) -> None:
    connected(ListPortInfo("/dev/ttyS0"))
    with pytest.raises(NoBoard, match="No board was found: plug one in") as error:
        find.find()
    assert error.value.exit_code == 3


def test_several_are_named_and_escaped(connected) -> None:
    connected(usb("/dev/ttyACM0", "Pico\x1b[31m W"), virtual=[("virtual", "/dev/pts/3")])
    with pytest.raises(NoBoard) as error:
        find.find()
    text = str(error.value)
    assert "/dev/ttyACM0 (Pico\\x1b[31m W)" in text
    assert "/dev/pts/3 (virtual board virtual)" in text
    assert "--port" in text
    assert error.value.start == "There are 2 boards: choose one with --port"
    assert [each.split()[0] for each in error.value.choices] == ["/dev/pts/3", "/dev/ttyACM0"]


def test_the_port_in_the_environment_comes_before_what_is_plugged_in(connected, monkeypatch) -> None:
    connected(usb("/dev/a", "A"), usb("/dev/b", "B"))
    monkeypatch.setenv("BUZON_PORTS", " /dev/c ,")
    assert find.find() == "/dev/c"
    assert find.find("/dev/a") == "/dev/a"
    monkeypatch.setenv("BUZON_PORTS", "/dev/c, /dev/c\n/dev/d")
    with pytest.raises(NoBoard, match=r"BUZON_PORTS names 2 ports: .*--port: /dev/c, /dev/d\."):
        find.find()
    monkeypatch.setenv("BUZON_PORTS", " , ")
    connected(usb("/dev/a", "A"))
    assert find.find() == "/dev/a"
