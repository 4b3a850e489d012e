"""The steps of `buzon install`, from the first look at the board to its `hello`. `scripts.py` explains why an
interruption at any moment leaves the old version or the new one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..board.client import Client, Hello
from ..errors import BuzonError, NoBoard
from . import plan, scripts
from .transfer import NoPrompt, Repl

Progress = Callable[[str, int, int], None]
"""What is being done; how many bytes are done, and of how many."""

_HELLO_S = (
    40.0  # a board takes a few seconds to read all its code from the file system, though it compiles nothing
)
_LOOK_S = 3.0
_MAIN_OLD = "/main.py.old"


@dataclass(frozen=True)
class Result:
    """`files`: how many the firmware has; `sent`, `removed`: paths; `kept`: where a /main.py that was not
    ours is now; `hello`: the board's answer with the new version."""

    board: str
    files: int
    sent: list[str]
    removed: list[str]
    kept: str | None
    hello: Hello


def install(
    port: str,
    progress: Progress,
    board: str | Path | None = None,
    display: str | None = None,
    source: Path | None = None,
) -> Result:
    """Bring the board on `port` up to the firmware in `source` (default: ours). Raises BuzonError."""
    source = source or paths.firmware()
    progress("Looking at the board", 0, 1)
    with _prompt(port) as repl:
        facts = repl.facts()
        plan.check(facts)
        if facts.pending:
            progress("Finishing the last update", 0, 1)
            _finish(repl)
            facts = repl.facts()
        there = repl.read("/board.cbor", 2048)
        target = plan.board_for(facts, board, there)
        progress(f"Compiling for {facts.arch}", 0, 1)
        files = plan.wanted(facts, target, there, display, source)
        progress("Comparing", 0, 1)
        now = repl.hashes(f"['/main.py', '/board.cbor'] + list(files({plan.OURS!r}))")
        todo, kept = plan.plan(files, now, {}), None
        if todo.send or todo.remove:
            kept = _stage(repl, files, now, facts, progress)
            progress("Putting it in place", 1, 1)
            _apply(repl)
        else:
            repl.run(f"exists({scripts.PART!r}) and clear({scripts.PART!r})")
        repl.reset()
    progress("Waiting for the board to start", 1, 1)
    name = target.name if target is not None else plan.board_name(there) or ""
    return Result(name, len(files), todo.send, todo.remove, kept, _hello(port, _version(source)))


def _prompt(port: str) -> Repl:
    """The board's prompt. Raises NoBoard or BuzonError, which says why there is none.

    The firmware does not close it for `device.lock` yet: on a locked board something else may be the cause.
    """
    try:
        return Repl(port)
    except NoPrompt as error:
        try:
            with Client.connect(port, timeout=_LOOK_S) as client:
                locked = client.info is not None and client.info.locked
        except BuzonError:
            raise NoBoard(
                f"There is no MicroPython prompt on {port}: check the port, restart the board, or put MicroPython "
                "onto it with 'buzon flash'."
            ) from None
        if locked:
            raise BuzonError(
                "The board is locked (device.lock) and gives no prompt: run buzon provision with lock = false first, "
                "or use 'buzon flash'."
            ) from None
        raise error


def _stage(
    repl: Repl, files: dict[str, bytes], now: dict[str, str], facts: plan.Facts, progress: Progress
) -> str | None:
    """Fill the folder, check it, and make it count by one rename. Returns where a foreign main.py is now."""
    part = scripts.PART
    waiting = {path.removeprefix(part): hash for path, hash in repl.hashes(f"list(files({part!r}))").items()}
    todo = plan.plan(files, now, waiting)
    extra = {f"/{scripts.APPLY_NAME}": scripts.APPLY.encode()}
    if todo.remove:
        extra[f"/{scripts.GONE}"] = "".join(f"{path}\n" for path in todo.remove).encode()
    plan.check_room(todo, facts, first=not any(path.startswith(plan.OURS) for path in now))
    for path in todo.stale:
        repl.run(f"os.remove({part + path!r})")
    content = {**{path: files[path] for path in todo.missing}, **extra}
    total, done = sum(map(len, content.values())), 0

    for path, data in content.items():

        def sent(n: int, path: str = path) -> None:
            nonlocal done
            done += n
            progress(f"Sending {path.removeprefix('/')}", done, total)

        repl.put(part + path, data, sent)
    staged = {**{path: files[path] for path in todo.send}, **extra}
    have = repl.hashes(f"list(files({part!r}))")
    if have != {part + path: plan.digest(data) for path, data in staged.items()}:
        raise BuzonError(
            "What the board has is not what was sent: try another cable or USB port, and run the command again."
        )
    kept = _keep_main(repl) if facts.main and not facts.ours else None
    # A finished update may have left an empty folder.
    repl.run(f"exists({scripts.NEW!r}) and clear({scripts.NEW!r})\nos.rename({part!r}, {scripts.NEW!r})")
    return kept


def _keep_main(repl: Repl) -> str:
    """Copy the user's own /main.py beside it; the copy gets its unused name only once it is complete."""
    return repl.run(
        f"""\
kept = {_MAIN_OLD!r}
n = 1
while exists(kept):
    n += 1
    kept = {_MAIN_OLD!r} + str(n)
with open("/main.py", "rb") as f, open("/main.py.tmp", "wb") as g:
    while True:
        data = f.read(512)
        if not data:
            break
        g.write(data)
os.rename("/main.py.tmp", kept)
print(kept)
"""
    ).strip()


def _apply(repl: Repl) -> None:
    code = f"execfile({scripts.NEW + '/' + scripts.APPLY_NAME!r}, {{}})"
    repl.run(f"try:\n    {code}\nexcept SystemExit:\n    pass", timeout=120.0)


def _finish(repl: Repl) -> None:
    """Finish an interrupted update. If that fails, its folder becomes the one being filled again: complete
    files in it are reused, and the script that applies it is sent again."""
    try:
        _apply(repl)
    except NoBoard:
        raise
    except BuzonError:
        pass  # the script is still there, which shows it
    new, part = scripts.NEW, scripts.PART
    repl.run(
        f"if exists({new + '/' + scripts.APPLY_NAME!r}):\n"
        f"    exists({part!r}) and clear({part!r})\n"
        f"    os.rename({new!r}, {part!r})"
    )


def _hello(port: str, version: str) -> Hello:
    with Client.connect(port, timeout=_HELLO_S) as client:
        assert client.info is not None  # connect() has said hello
        if client.info.version != version:
            raise BuzonError(
                f"Buzón {version} was installed, but the board runs {client.info.version}: look with 'mpremote ls' "
                "for another copy of it on the board, and remove that."
            )
        return client.info


def _version(source: Path) -> str:
    for line in (source / "buzon" / "__init__.py").read_text("utf-8").splitlines():
        if line.startswith("__version__ = "):
            return line.partition("=")[2].strip().strip('"')
    raise BuzonError(f"{source} is no firmware of Buzón: it has no version.")
