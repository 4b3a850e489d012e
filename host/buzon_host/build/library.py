"""Compiles the firmware's library, the files that `library.json` lists, for boards with a small heap.

`python -m buzon_host.build.library OUT` writes `.mpy` files and a `package.json` for `mip` into the folder OUT.
"""

import argparse
import ast
import json
import sys
import tempfile
from pathlib import Path

from .. import paths
from ..errors import BuzonError
from . import parts
from .fold import analyse, fold_files, write_tree
from .mpy import compile_file


def files(firmware: Path) -> list[Path]:
    """The library's files, relative to the firmware's folder."""
    return [Path(source) for _, source in json.loads((firmware / "library.json").read_text("utf-8"))["urls"]]


def build(firmware: Path, out: Path) -> dict[str, int]:
    """Compile the library into `out`. Returns the size in bytes of each file by its path there.

    It is compiled as the firmware is, but keeps the names of parameters with a default, which scripts may use
    in a call. Raises CompileError.
    """
    sources = files(firmware)
    program = analyse(firmware, sources)
    for source in sources:
        program.keywords |= _optional(ast.parse((firmware / source).read_text("utf-8")))
    sizes = {}
    with tempfile.TemporaryDirectory() as scratch:
        texts = parts.library(fold_files(firmware, sources, (), program))
        write_tree(Path(scratch), texts)
        for source in texts:
            folded = Path(scratch, source)
            if folded.exists():
                target = source.with_suffix(".mpy")
                # All tracebacks show one file name: any other would cost heap, and there are no line numbers.
                sizes[target.as_posix()] = compile_file(folded, out / target, "buzon")
    package = json.loads((firmware / "library.json").read_text("utf-8"))
    package["urls"] = [[name, name] for name in sizes]
    (out / "package.json").write_text(json.dumps(package, indent=2) + "\n", "utf-8")
    return sizes


def _optional(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments) and node.defaults:
            names |= {arg.arg for arg in node.args[-len(node.defaults) :]}
    return names


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code: 0 done, 1 a file does not compile."""
    parser = argparse.ArgumentParser(prog="python -m buzon_host.build.library", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder for the .mpy files and package.json")
    args = parser.parse_args(argv)
    try:
        sizes = build(paths.firmware(), args.out)
    except BuzonError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(sizes)} files, {sum(sizes.values())} bytes, and package.json are in {args.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
