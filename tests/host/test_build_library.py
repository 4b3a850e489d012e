"""The library alone, compiled as its users get it: how large it is, and which names it keeps."""

import subprocess
from pathlib import Path

import pytest
from buzon_host import paths
from buzon_host.build import library
from buzon_host.virtual.interpreter import command

CORE = ("__init__", "base", "errors", "core/wire", "core/login")
STORE = ("store/mend",)
LINK = ("net/tls", "net/clock", "net/link")
BLOCKING = ("net/tls", "net/clock", "net/blocking")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    out = tmp_path_factory.mktemp("library")
    return out, library.build(paths.firmware(), out)


@pytest.mark.parametrize("net", [LINK, BLOCKING], ids=["asyncio", "blocking"])
def test_pop3_with_its_net_and_store_is_small(
    net: tuple[str, ...], built: tuple[Path, dict[str, int]]
) -> None:
    sizes = built[1]
    total = sum(sizes[f"buzon/{name}.mpy"] for name in (*CORE, *net, *STORE))
    print(f"core, net and store: {total} bytes of .mpy")
    assert total <= 20 * 1024


def test_the_whole_library_is_small(built: tuple[Path, dict[str, int]]) -> None:
    sizes = {name: size for name, size in built[1].items() if "/sentences/" not in name}
    for name, size in sizes.items():
        print(f"{name:30}{size:7}")
    print(f"{'in all':30}{sum(sizes.values()):7}")
    assert sum(sizes.values()) <= 63 * 1024


def test_what_may_be_left_out_can_be_passed_by_name(built: tuple[Path, dict[str, int]]) -> None:
    script = """
from buzon.mailbox import Mailbox
from buzon.net.blocking import BlockingLink
from buzon.net.link import Link
from buzon.net.tls import Tls
print(BlockingLink(wait_ms=5).wait_ms, Link(tls_heap=(64, 0), whole_ms=7).whole_ms, Tls(b"", verify=False).verify)
print(Mailbox({"host": "h", "id": "me"}, root="x").spool.folder)
"""
    done = subprocess.run(
        [*command(), "-c", script],
        env={"MICROPYPATH": f"{built[0]}:.frozen"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.splitlines() == ["5 7 False", "x/me"], done.stdout + done.stderr
