"""A board whose settings file is damaged or odd starts all the same, says so, and can be provisioned."""

from pathlib import Path
from typing import Any

import cbor2
import pytest
from app_board import Rig, files_on, mail_on, on_server, until
from buzon_host.virtual.flash import open_image


def write(flash: Path, path: str, data: bytes) -> None:
    image = open_image(flash)
    with image.open(path, "wb") as file:
        file.write(data)
    image.unmount()
    flash.write_bytes(image.context.buffer)


GOOD: dict[str, Any] = {"v": 1, "device": {"name": "x"}, "wifi": [], "account": []}
ACCOUNT: dict[str, Any] = {"id": "me", "host": "h", "user": "u", "password": "p"}


@pytest.mark.parametrize(
    "settings",
    [
        b"",
        b"\xff" * 4096,
        cbor2.dumps({**GOOD, "account": [{}]}),
        cbor2.dumps({**GOOD, "account": [{**ACCOUNT, "poll_s": "soon"}]}),
        cbor2.dumps({**GOOD, "time": {"zone": "UTC"}}),
        cbor2.dumps({**GOOD, "display": {"driver": "ssd1306", "w": "wide"}}),
        cbor2.dumps({**GOOD, "display": {"driver": "null", "w": -5}}),
        cbor2.dumps({**GOOD, "notify": [{"kind": 5}]}),
    ],
    ids=["empty", "no-cbor", "account", "poll", "zone", "display-type", "display-value", "notify"],
)
def test_a_board_with_damaged_settings_can_be_provisioned(
    settings: bytes, boot: Any, serve: Any, tmp_path: Path
) -> None:
    rig: Rig = boot()
    rig.client.hello()
    rig.close()
    write(tmp_path / "flash.img", "/settings.cbor", settings)
    rig = boot()
    rig.client.hello()
    until(lambda: rig.status()["error"] or rig.status()["notify"] or rig.status()["state"] == "unset")
    server = serve()
    want = on_server(server)
    rig.provision(server)
    rig.settled()
    rig.close()
    assert mail_on(tmp_path / "flash.img") == want


def test_what_is_left_of_an_upload_is_gone_after_the_next_start(
    boot: Any, serve: Any, tmp_path: Path
) -> None:
    server = serve()
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    rig.close()
    flash = rig.board.flash_file
    before = files_on(flash, "/certs")
    assert before
    write(flash, "/certs/half.der.tmp", b"x" * 5000)
    again: Rig = boot()
    again.client.hello()
    again.settled()
    assert files_on(flash, "/certs") == before
