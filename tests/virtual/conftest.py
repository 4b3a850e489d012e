"""Whole virtual boards for the tests: `make_board` starts one with a program of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from app_board import PASSWORD, Rig
from buzon_host.server.run import LocalServer
from buzon_host.virtual.board import VirtualBoard
from console import Console

MakeBoard = Callable[..., VirtualBoard]
Boot = Callable[..., Rig]
Serve = Callable[..., LocalServer]


@pytest.fixture(autouse=True)
def _own_registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards that run beside the tests are not seen, and those of the tests disturb nobody."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


@pytest.fixture
def make_board(tmp_path: Path) -> Iterator[MakeBoard]:
    """make_board(main: source of /rom/main.py, **arguments of VirtualBoard)."""
    with ExitStack() as stack:

        def make(main: str | None = None, **options: Any) -> VirtualBoard:
            if main is not None:
                folder = tmp_path / f"firmware{len(list(tmp_path.iterdir()))}"
                folder.mkdir()
                (folder / "main.py").write_text(main)
                options["firmware"] = folder
            options.setdefault("flash", tmp_path / "flash.img")
            return stack.enter_context(VirtualBoard(**options))

        yield make


@pytest.fixture
def console() -> Iterator[Callable[[VirtualBoard], Console]]:
    """console(board): its serial port, opened as pyserial does."""
    with ExitStack() as stack:
        yield lambda board: stack.enter_context(Console(board.port))


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    """boot(**arguments of VirtualBoard): a board with the real firmware. None may tell a password."""
    rigs: list[Rig] = []
    with ExitStack() as stack:

        def make(**options: Any) -> Rig:
            rig = Rig(tmp_path, **options)
            stack.callback(rig.close)
            rigs.append(rig)
            return rig

        yield make
        for rig in rigs:
            rig.keeps_secrets()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(**arguments of LocalServer): a running mail server."""
    with ExitStack() as stack:

        def make(*args: Any, **options: Any) -> LocalServer:
            options.setdefault("password", PASSWORD)
            return stack.enter_context(LocalServer(*args, **options))

        yield make
