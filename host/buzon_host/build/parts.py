"""Which of the firmware's modules are one on a board, and the names of the others.

Tables are in `buzon.plugins`: what the app needs of STAYS becomes `buzon.base`, and so on (BUNDLES). One more is
TOGETHER, here.
"""

import ast
from collections.abc import Collection
from pathlib import Path
from zlib import crc32

from ..errors import BuzonError
from . import rom
from .bundle import bundle, reachable
from .fold import module_name

BASE = "buzon.base"
BUNDLES = {
    "STAYS": BASE,
    "SESSION": "buzon.talk",
    "INDEX": "buzon.index",
    "DRAWS": "buzon.draws",
    "ANSWERS": "buzon.answers",
}
"""The tables of `buzon.plugins` -> what the modules in them become."""
START = "buzon.boot"
NAMES = Path("buzon/names.py")
"""The file that holds the names of the modules that are loaded later."""
SEPARATOR = "\0"
PUBLIC = ("buzon.errors", "buzon.log", "buzon.net.link", "buzon.net.tls")
"""What is in these and scripts and plug-ins of others may import too (docs/library.md)."""
SCRIPTS = ("buzon.core.client", "buzon.mailbox", "buzon.net.blocking")
"""What only scripts import, never the app: its own names stay as they are."""
_PACKAGE = "buzon"  # its names stay too
BY_NAME = ("buzon.console.", "buzon.display.", "buzon.names", "buzon.notify.", "buzon.sentences.")
"""The modules that are imported by a name that is made at run time, or that are filled in later."""
TOGETHER = {
    "buzon.envelope": "news store.head text.address text.charsets text.escape text.fold text.headers text.words",
    "buzon.core.auth": "core.sasl",
    "buzon.net.trouble": "net.cert",
    "buzon.setup": "kinds store.staging timekeeper",
    "buzon.store.leave": "store.clear",
    "buzon.store.mend": "store.convert store.halves store.opening store.reserve store.rewrite",
    "buzon.store.rekey": "store.alike",
    "buzon.policy.baseline": "policy.purge",
    "buzon.store.merged": "store.twin",
}
"""Modules that go again after use -> those that are needed with them nearly each time: each module less spares three
names in memory. An object of theirs that lives on keeps all of them there, so such a module stays alone."""
LIBRARY = {
    f"buzon.{name}"
    for name in (
        *("core.dots", "core.pop3", "core.wire", "errors", "net.clock", "net.tls", "plugins"),
        *("store.fs", "store.incoming", "store.journal", "store.spool"),
    )
}
"""What each script with the library has in memory, whichever driver it takes. Of these, scripts import:"""
LIBRARY_PUBLIC = ("buzon.core.wire", "buzon.errors", "buzon.net.clock", "buzon.net.tls")
_TABLES = "buzon.plugins"
_SHORT = 8


def assembled(texts: dict[Path, str]) -> dict[Path, str]:
    """The folded files with what stays in memory as one module, and what a session needs as another. A tree
    without the tables stays as it is."""
    modules = {module_name(path): text for path, text in texts.items() if path.parts[0] == "buzon"}
    paths = {module_name(path): path for path in texts}
    if _TABLES not in modules:
        return texts
    needed = reachable(modules, START)
    inside = {}
    for table, name in BUNDLES.items():
        there = _table(modules[_TABLES], table)
        inside[name] = {each for each in there if each in needed}
        left = [name, *(each for each in there if each not in inside[name])]
        modules[_TABLES] = _replaced(modules[_TABLES], table, there, left)
    together = [
        {module, *(f"buzon.{each}" for each in more.split())}
        for module, more in TOGETHER.items()
        if module in modules
    ]
    # A module that stays alone gets short names too, unless it is imported by its name as text.
    alone = set(modules) - set().union(*inside.values(), *together) - {START, _PACKAGE, *SCRIPTS}
    together += [{name} for name in sorted(alone) if not name.startswith(BY_NAME)]
    packages = {module for module, path in paths.items() if path.name == "__init__.py"}
    inside |= _called(together, packages.union(PUBLIC), modules)
    modules = bundle(modules, inside, PUBLIC)
    others = {path: text for path, text in texts.items() if path.parts[0] != "buzon"}
    return others | {
        paths.get(module) or Path(*module.split(".")).with_suffix(".py"): text
        for module, text in modules.items()
        if text.strip()
    }


def library(texts: dict[Path, str]) -> dict[Path, str]:
    """The library's folded files with what each of its scripts has in memory as one module."""
    modules = {module_name(path): text for path, text in texts.items()}
    paths = {module_name(path): path for path in texts}
    tables = modules[_TABLES]
    for table in BUNDLES:
        there = _table(tables, table)
        left = [each for each in there if each in modules and each not in LIBRARY]
        tables = _replaced(tables, table, there, [BASE, *left] if table == "STAYS" else left)
    modules[_TABLES] = tables
    modules = bundle(modules, {BASE: LIBRARY & set(modules)}, LIBRARY_PUBLIC)
    return {
        paths.get(module) or Path(*module.split(".")).with_suffix(".py"): text
        for module, text in modules.items()
    }


def _replaced(source: str, table: str, was: list[str], now: list[str]) -> str:
    text = repr(" ".join(was) + " ")
    if source.count(text) != 1:
        raise BuzonError(
            f"{_TABLES}: the table {table} must be one text, each name followed by one space, and stand there once."
        )
    return source.replace(text, repr("".join(f"{each} " for each in now)))


def _called(together: list[set[str]], as_is: Collection[str], taken: Collection[str]) -> dict[str, set[str]]:
    """What each module is called, `as_is` aside: as a name in the ROM, which its own name chooses, so that a new module
    renames hardly any other (an update sends what changed)."""
    # Short ones, because each is in memory with its path.
    free = sorted(n for n in rom.NAMES if n.islower() and len(n) <= _SHORT and f"{_PACKAGE}.{n}" not in taken)
    called: dict[str, set[str]] = {}
    for those in sorted(together, key=min):
        name = min(those)
        if name not in as_is:
            at = crc32(name.encode())
            while (name := f"{_PACKAGE}.{free[at % len(free)]}") in called:
                at += 1
        called[name] = those
    return called


def _table(source: str, wanted: str) -> list[str]:
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as table)) if (
                name == wanted
            ):
                return table.split()
    raise BuzonError(f"{_TABLES} has no table {wanted}.")


def names(compiled: Path) -> str:
    """The source of `NAMES`, for the modules in the folder `compiled` that the app loads later: the names in each,
    its own, and its path, with a / before it."""
    # The packages of modules that are imported by a name that is made at run time.
    found = dict.fromkeys(each.rstrip(".") for each in BY_NAME)
    for path in sorted((compiled / "buzon").rglob("*.mpy")):
        relative = path.relative_to(compiled)
        module = module_name(relative)
        if module in (BASE, START, module_name(NAMES), _PACKAGE, *PUBLIC, *SCRIPTS):
            continue
        found |= dict.fromkeys(
            (module, module.rpartition(".")[2], "/" + relative.as_posix(), *interned(path))
        )
    # A name in the base is there anyway, and one in the ROM too.
    for name in (*interned(compiled / "buzon" / "base.mpy"), *rom.NAMES):
        found.pop(name, None)
    return f"NAMES = {SEPARATOR.join(name for name in found if name and SEPARATOR not in name)!r}\n"


def interned(mpy: Path) -> list[str]:
    """The names that loading a compiled module puts into memory, those that MicroPython has anyway left out.

    MicroPython's docs, "MicroPython .mpy files": the header, then the table of names.
    """
    data = mpy.read_bytes()
    at = 4

    def number() -> int:
        nonlocal at
        value = 0
        while True:
            byte = data[at]
            at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    if data[2] & 0x40:  # flags: an extension of the architecture follows
        number()
    count = number()
    number()  # objects
    found = []
    for _ in range(count):
        length = number()
        if length & 1:
            continue  # one of MicroPython's own, by its number
        found.append(data[at : at + (length >> 1)].decode("utf-8"))
        at += (length >> 1) + 1
    return found
