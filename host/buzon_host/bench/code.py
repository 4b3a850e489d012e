"""Code size: bytes of `.mpy` per module and set, and the bytes of heap that importing them from files takes.

A module's heap is measured in a fresh interpreter, after the modules that it needs. Code in a ROMFS takes
less, as it runs in place. A board's own figure is that of an interpreter with 32 bits.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .. import paths
from ..build import library
from ..build.fold import module_name
from ..build.mpy import compiled_firmware, compiled_modules, sources
from ..virtual.interpreter import VirtualBoardError, narrow_program
from .interpreter import lines
from .rows import Bench, Goal, Row

# The POP3 library: core, net and store; `base` is most of it, and `plugins`. What comes on top of it has its own rows.
CORE = ("__init__", "base", "errors", "core/wire", "core/login")
STORE = ("store/opening", "store/mend", "store/rewrite")
DRIVERS = {
    "asyncio": ("net/tls", "net/clock", "net/link"),
    "blocking": ("net/tls", "net/clock", "net/blocking"),
}
MORE = {
    "sync engine": ("mailbox", "server", "sync", "store/index", "store/window", "store/walk", "store/twin"),
    "TLS in MicroPython's heap": ("net/place",),
    "policies": (
        "policy/__init__",
        "policy/again",
        "policy/baseline",
        "policy/collect",
        "policy/compare",
        "policy/doubt",
        "policy/evict",
        "policy/moved",
        "policy/prove",
        "policy/purge",
        "policy/unlisted",
        "store/alike",
        "store/convert",
        "store/cut",
        "store/halves",
        "store/leave",
        "store/merged",
        "store/rekey",
        "store/reserve",
        "store/witness",
    ),
    "ways to log in": ("core/auth", "core/learn", "core/sasl"),
    "what explains failures": (
        "net/cert",
        "net/trouble",
        *(f"sentences/{name}" for name in ("__init__", "s1", "s2", "s3", "s4", "s5", "s6", "system")),
    ),
    "one command at a time": ("core/client",),
}
LIBRARY_GOAL = Goal(high=16 * 1024)
APP_GOAL = Goal(high=40 * 1024)
LOADED_GOAL = Goal(high=56 * 1024)
LOADED_LIBRARY_GOAL = Goal(high=28 * 1024)
START = {"blocking": "buzon.mailbox,buzon.net.blocking", "asyncio": "asyncio,buzon.mailbox,buzon.net.link"}


def rows(bench: Bench) -> Iterator[Row]:
    """The sets, then (unless with `check`) each module of the firmware."""
    bench.say("Compiling the library")
    alone = bench.folder / "library"
    sizes = library.build(paths.firmware(), alone)
    for driver, net in DRIVERS.items():
        yield _bytes(
            f"library (core, net, store), {driver}", _sum(sizes, (*CORE, *net, *STORE)), LIBRARY_GOAL
        )
    for name, files in MORE.items():
        yield _bytes(f"library, on top: {name}", _sum(sizes, files))
    yield _bytes("library, all of it", sum(sizes.values()))
    for driver, modules in START.items():
        row = Row(
            "code", f"library, {driver}: heap after import, 32 bits", None, "bytes", goal=LOADED_LIBRARY_GOAL
        )
        try:
            row.ours = heap_of(alone, modules, program=[str(narrow_program())])[0]
        except VirtualBoardError as error:
            row.missing = str(error)
        yield row

    firmware = compiled_firmware(paths.firmware())
    size = _sizes(firmware)
    bench.say("Loading the app's modules")
    heap, stays = heap_of(firmware, "boot")
    yield _bytes("app, what stays loaded", sum(size[name] for name in stays if name in size), APP_GOAL)
    yield _bytes("app, all firmware", sum(size.values()))
    yield _bytes("app: heap after its start, from files", heap)
    yield from loaded(firmware)

    if bench.check:
        return
    needs = imports(paths.firmware())
    alone_ = compiled_modules(paths.firmware())
    size = _sizes(alone_)
    for name in size:
        bench.say(f"Loading {name}")
        heap, _ = heap_of(alone_, name, needs[name])
        yield _bytes(f"module {name}: .mpy", size[name])
        yield _bytes(f"module {name}: heap", heap)


def _sizes(modules: Path) -> dict[str, int]:
    return {
        module_name(path.relative_to(modules)): path.stat().st_size for path in sorted(modules.rglob("*.mpy"))
    }


def heap_of(
    modules: Path, what: str, before: list[str] | None = None, program: Sequence[str] = ()
) -> tuple[int, list[str]]:
    """Bytes of heap that importing `what` takes, and all modules that are loaded afterwards."""
    heap, loaded = lines("imports.py", [what, *(before or [])], modules=modules, program=program)
    return int(heap), loaded.split()


def loaded(firmware: Path) -> Iterator[Row]:
    """What the default app has in the heap of a board once it is loaded, and how many names that are not in its ROM."""
    heap = Row("code", "app: heap after loading, 32 bits", None, "bytes", goal=LOADED_GOAL)
    names = Row("code", "app: names in memory, 32 bits", None, "names")
    try:
        said = lines("loaded.py", [str(firmware)], modules=firmware, program=[str(narrow_program())])
    except VirtualBoardError as error:
        heap.missing = names.missing = str(error)
    else:
        heap.ours = int(said[0])
        found = re.search(r"n_qstr=(\d+)", said[1])
        names.ours = int(found[1]) if found else None
    yield heap
    yield names


def imports(firmware: Path) -> dict[str, list[str]]:
    """For each module, the modules that loading it loads, dependencies first."""
    trees = {
        module_name(path): (path, ast.parse((firmware / path).read_text("utf-8")))
        for path in sources(firmware)
    }
    direct = {name: _direct(name, path, tree, trees) for name, (path, tree) in trees.items()}

    def below(name: str, found: list[str]) -> list[str]:
        for each in direct.get(name, ()):
            if each not in found:
                below(each, found)
                if each not in found:
                    found.append(each)
        return found

    return {name: below(name, []) for name in trees}


def _direct(name: str, path: Path, tree: ast.Module, known: Mapping[str, object]) -> list[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = [".".join(package[: i + 1]) for i in range(len(package)) if path.name != "__init__.py"]
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            found += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            above = package[: len(package) - statement.level + 1] if statement.level else []
            base = ".".join([*above, *((statement.module or "").split(".") if statement.module else [])])
            for alias in statement.names:
                inside = f"{base}.{alias.name}"
                found.append(inside if inside in known else base)
    return [each for each in dict.fromkeys(found) if each != name]


def _sum(sizes: Mapping[str, int], files: tuple[str, ...]) -> int:
    # A file that folding leaves empty is not there.
    return sum(sizes.get(f"buzon/{name}.mpy", 0) for name in files)


def _bytes(name: str, value: int, goal: Goal | None = None) -> Row:
    return Row("code", name, value, "bytes", goal=goal)
