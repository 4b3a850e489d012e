"""The benchmark's groups `retr` and `allocations`: nobody wins by doing less, and nothing is allocated for a chunk."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from buzon_host.bench import allocations, retr
from buzon_host.bench.mailboxes import BODIES, Mailboxes, dots, text
from buzon_host.bench.rows import Bench
from buzon_host.bench.worker import Worker
from buzon_host.errors import BuzonError

SIZE = 50_001


@pytest.fixture(scope="module")
def server() -> Iterator[Mailboxes]:
    boxes = {name.replace(" ", "-"): [body(SIZE), body(SIZE // 2)] for name, body in BODIES.items()}
    with Mailboxes(boxes) as server:
        yield server


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker("retr", chip=tmp_path_factory.mktemp("chip")) as worker:
        yield worker


def test_the_bodies_are_what_their_names_say() -> None:
    for name, body in BODIES.items():
        content = body(SIZE)
        lines = content.split(b"\r\n")
        assert (len(content), lines.pop()) == (SIZE, b""), name
        assert b"\r" not in b"".join(lines)
        assert b"\n" not in b"".join(lines)
        assert len(lines) == 1 if name == "long line" else max(map(len, lines)) in (72, 76)
        assert all(line.startswith(b".") == (name == "dots") for line in lines[:-1]), name


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("place", ["file", "/ram/stored", "/flash/stored"])
def test_all_ways_store_the_same_bytes(
    server: Mailboxes, worker: Worker, tmp_path: Path, body: str, place: str
) -> None:
    path = str(tmp_path / "stored") if place == "file" else place
    box = body.replace(" ", "-")
    job = {"port": server.port, "box": box, "path": path, "clock": "cpu", "hash": True}
    want = [sha256(BODIES[body](size)).hexdigest() for size in (SIZE, SIZE // 2)]
    for how in ("raw", "readline", "ours", "ours, asyncio"):
        for buffer in (1024, 4096):
            found = worker.do({**job, "how": how, "buffer": buffer})
            assert found["hashes"] == want[:1], how
            assert found["s"] >= 0
    # A session stores all that there is.
    assert sorted(worker.do({**job, "how": "sync", "buffer": 1024})["hashes"]) == sorted(want)


def test_a_way_that_stores_something_else_is_found_out(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = text(SIZE)
    with Mailboxes({name.replace(" ", "-") + "-slow": [content] for name in BODIES}) as server:
        runs = retr.Runs(Bench(1, tmp_path), server, worker)
        retr.check(runs)
        monkeypatch.setitem(server._boxes, "text-slow", [content[:-1]])  # what `RAW` is answered with
        with pytest.raises(BuzonError, match="same bytes"):
            retr.check(runs)


def test_a_script_that_fails_says_so(server: Mailboxes, tmp_path: Path) -> None:
    with Worker("retr", chip=tmp_path) as worker, pytest.raises(BuzonError, match="OSError"):
        worker.do(
            {"how": "raw", "box": "text", "buffer": 64, "port": server.port, "path": "/x/y", "clock": "cpu"}
        )


def test_a_message_takes_no_heap_for_a_chunk_and_little_for_a_wait_and_around_it(tmp_path: Path) -> None:
    held, waited = allocations.HELD, allocations.WAITED
    boxes = {"text": [text(held)], "dots": [dots(held)], "10-KB": [text(10_000)] * 20}
    with (
        Mailboxes(boxes) as server,
        Mailboxes({"waited": [text(waited)]}, allocations.PIECE) as slow,
        Worker("allocations", "8m") as worker,
    ):
        counter = allocations.Counter(Bench(1, tmp_path), worker)
        for driver in ("blocking", "asyncio"):
            for sink in ("file", "spool"):
                assert counter.chunk(server, driver, sink, "text") == 0
                assert counter.chunk(server, driver, sink, "dots") == 0
            assert counter.wait(slow, driver) <= 128
            assert 500 < counter.message(server, driver, "10-KB") <= 4096
