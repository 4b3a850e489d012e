"""Processes that share the work of the campaigns, a batch of cut points at a time.

Each has a bench of its own: servers, interpreters and folders, made when they are first needed.
"""

import contextlib
import multiprocessing
import queue
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .campaign import Tally

WORKERS = 12  # more than there are processors: where a server goes silent, they wait
_END_S = 30  # for a worker to end what it runs
_EVERY_S = 30  # between two lines where the output is no terminal

_T = TypeVar("_T")


class Bench:
    """What a worker keeps from batch to batch. `folder`: for its files."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self._made: dict[str, Any] = {}

    def get(self, name: str, make: Callable[["Bench"], _T]) -> _T:
        """What `make` made when it was asked for first."""
        if name not in self._made:
            self._made[name] = make(self)
        made: _T = self._made[name]
        return made


class Batch(Protocol):
    """Some of the points of a campaign. It goes to another process, so it must pickle."""

    campaign: str

    def run(self, bench: Bench) -> Tally: ...


class Failed(Exception):
    """A batch did not end as it should; with the traceback of where it ran."""


def run(batches: Sequence[Batch], workers: int = WORKERS) -> Iterator[tuple[Tally, float]]:
    """Run them all: each campaign's tally, and the seconds that workers had with it, in the order in which they end.

    Raises Failed.
    """
    context = multiprocessing.get_context("spawn")
    todo: Any = context.Queue()
    done: Any = context.Queue()
    left: dict[str, int] = {}
    sums: dict[str, Tally] = {}
    took: dict[str, float] = {}
    for batch in batches:
        todo.put(batch)
        left[batch.campaign] = left.get(batch.campaign, 0) + 1
        sums.setdefault(batch.campaign, Tally(batch.campaign))
    folder = Path(tempfile.mkdtemp(prefix="buzon-faults-"))
    crew = [context.Process(target=_work, args=(todo, done, folder), daemon=True) for _ in range(workers)]
    progress = _Progress(len(batches))
    try:
        for each in crew:
            todo.put(None)
            each.start()
        for _ in batches:
            name, result, seconds = done.get()
            if not isinstance(result, Tally):
                raise Failed(f"{name}\n{result}")
            sums[name] += result
            took[name] = took.get(name, 0) + seconds
            left[name] -= 1
            progress.step(name, result)
            if not left[name]:
                yield sums[name], took[name]
    finally:
        with contextlib.suppress(queue.Empty):
            while True:  # where one failed
                todo.get_nowait()
        for _ in crew:
            todo.put(None)
        for each in crew:
            each.join(_END_S)
        for channel in (todo, done):
            channel.cancel_join_thread()
        progress.clear()
        shutil.rmtree(folder, ignore_errors=True)


def _work(todo: Any, done: Any, folder: Path) -> None:
    with ExitStack() as stack:
        bench = Bench(Path(tempfile.mkdtemp(dir=folder)), stack)
        while (batch := todo.get()) is not None:
            start = time.monotonic()
            try:
                result: Tally | str = batch.run(bench)
            except Exception:
                result = traceback.format_exc()
            done.put((batch.campaign, result, time.monotonic() - start))


class _Progress:
    """One line on stderr: written over on a terminal, else now and then."""

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self._ended = 0
        self._cuts = 0
        self._wrong = 0
        self._start = self._said = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def step(self, name: str, tally: Tally) -> None:
        self._ended += 1
        self._cuts += tally.cuts
        self._wrong += tally.wrong
        now = time.monotonic()
        if not self._terminal and now - self._said < _EVERY_S:
            return
        self._said = now
        passed = now - self._start
        left = passed / self._ended * (self._batches - self._ended)
        text = f"{self._cuts} cuts, {self._wrong} wrong, about {left / 60:.0f} min left: {name}"
        print(f"\r\x1b[K{text[:78]}" if self._terminal else text, end="", file=sys.stderr, flush=True)
        if not self._terminal:
            print(file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
