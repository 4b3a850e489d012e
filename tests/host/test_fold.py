"""Folding must not change what a program does: both forms run on the real MicroPython and print the same."""

import ast
import builtins
import re
import subprocess
from pathlib import Path

import narrow
import pytest
from buzon_host import paths
from buzon_host.build import rom
from buzon_host.build.fold import analyse, fold, fold_files, write_tree
from buzon_host.build.mpy import sources
from buzon_host.virtual.interpreter import command

ROOT = Path(__file__).parents[2]
PROGRAM = {
    "pkg/__init__.py": '"""Only a docstring."""\n',
    "pkg/base.py": '''"""Base."""
from micropython import const
TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any
LIMIT = const(7)
E_ONE = const(101)
text = "public"
_private = [1]

class Base:
    WIDTH = 3

    def __init__(self, first: "int", _second=2):
        self._hidden = first
        self.shown = _second

    def _inner(self, path):
        return self._hidden + path

    def outer(self, path, scale=1):
        def closure(path):
            return path * scale + self._inner(path)
        return closure(path)

def push(entry):
    global _private
    _private = _private + [entry]
    return len(_private)
''',
    "pkg/sub/__init__.py": "VALUE = 5\n",
    "pkg/sub/user.py": '''"""User."""
import sys
from micropython import const
from .. import base
from ..base import E_ONE, LIMIT as MOST, Base, push
from . import VALUE

_SIZE = const(4)

class User(Base):
    def __init__(self, first):
        super().__init__(first, _second=9)
        self._mine = MOST

    def run(self, err):
        try:
            raise ValueError(err)
        except ValueError as err:
            return err.args[0], base.LIMIT, base.text, self._mine, Base.WIDTH, _SIZE

def keyword(count, *rest, name="x", **more):
    return count, rest, name, sorted(more)

def generator(limit):
    total = 0
    def add(n):
        nonlocal total
        total += n
    for n in range(limit):
        add(n)
        yield total

def main(argument):
    u = User(10)
    print(u.outer(5), u.outer(5, scale=2), u.run("boom"), u.shown)
    print(push(1), push(entry=2), base._private, E_ONE, VALUE)
    print(keyword(1, 2, name="n", other=3), list(generator(4)), [argument for argument in range(2)], argument)
    print((lambda argument: argument + 1)(1), {path: path for path in "ab"}, getattr(u, "shown"))
    print(sys.implementation.name)
''',
    "main.py": "import sys\nfrom pkg.sub.user import main\nmain(3)\n",
}


def run(tree: Path) -> str:
    done = subprocess.run(
        [*command(), "main.py"], cwd=tree, capture_output=True, text=True, timeout=20, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def test_a_folded_program_prints_the_same(tmp_path: Path) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    for name, text in PROGRAM.items():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        # A module may look into another one's private names only as a program that is not folded.
        (src / name).write_text(text)
    wanted = run(src)
    (src / "pkg/sub/user.py").write_text(PROGRAM["pkg/sub/user.py"].replace("base._private", "[1, 1, 2]"))
    write_tree(out, fold_files(src, sources(src), ("main.py",), analyse(src, sources(src))))
    assert run(out) == wanted
    user = (out / "pkg/sub/user.py").read_text()
    for gone in ("E_ONE", "MOST", "_mine", "micropython", "TYPE_CHECKING"):
        assert gone not in user
    assert "other=3" in user
    assert "scale=2" in user
    assert not (out / "pkg/__init__.py").exists()
    assert (out / "pkg/sub/__init__.py").exists()


def test_attributes_that_only_the_program_knows_are_renamed(tmp_path: Path) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    files = {**PROGRAM, "pkg/sub/user.py": PROGRAM["pkg/sub/user.py"].replace("base._private", "[1, 1, 2]")}
    write_tree(src, {Path(name): text for name, text in files.items()})
    program = analyse(src, sources(src), attributes=True)
    # `shown` is also text, `WIDTH` set in a class, `text` a name of a module.
    assert set(program.renamed) == {"outer", "run"}
    write_tree(out, fold_files(src, sources(src), ("main.py",), program))
    assert run(out) == run(src)
    assert "outer" not in (out / "pkg/base.py").read_text() + (out / "pkg/sub/user.py").read_text()


def test_what_is_renamed_in_the_firmware_is_nobody_elses() -> None:
    """Neither MicroPython's, as far as its stubs tell, nor what docs/library.md shows to scripts."""
    firmware = paths.firmware()
    renamed = analyse(firmware, sources(firmware), attributes=True).renamed
    assert len(renamed) > 50
    assert len(set(renamed.values())) == len(renamed)
    assert not set(renamed) & set(renamed.values())
    documents = ROOT / "docs" / "library.md"
    assert not set(renamed) & set(re.findall(r"\w+", documents.read_text("utf-8")))
    stubs = ROOT / "build" / "typings" / "esp32"
    if not stubs.exists():
        pytest.skip("MicroPython's stubs are not here: make setup")
    for path in stubs.rglob("*.pyi"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.Name(id=name):
                    assert name not in renamed, path


@pytest.mark.parametrize("bits", [32, 64])
def test_the_names_that_are_used_instead_are_in_the_rom(bits: int, tmp_path: Path) -> None:
    names = [*rom.STATIC, *rom.NAMES]
    assert not set(names) & set(dir(builtins))
    (tmp_path / "names").write_text("\n".join(names))
    (tmp_path / "main.py").write_text(
        "import micropython\n"
        "class Names:\n    pass\n"
        "with open('names') as file:\n    names = file.read().split()\n"
        "micropython.qstr_info()\n"
        "for name in names:\n    setattr(Names, name, 1)\n"
        "micropython.qstr_info()\n"
    )
    program = [narrow.program()] if bits == 32 else command()
    done = subprocess.run([*program, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    before, after = done.stdout.splitlines()
    assert before == after


def test_a_module_that_is_imported_in_two_ways_has_one_name(tmp_path: Path) -> None:
    text = "try:\n    import _missing as _way\nexcept ImportError:\n    import _way\nprint(_way.NUMBER)\n"
    (tmp_path / "main.py").write_text(fold(text, Path("main.py"), None))
    (tmp_path / "_way.py").write_text("NUMBER = 7\n")
    assert run(tmp_path) == "7\n"


def test_a_library_keeps_its_public_names(tmp_path: Path) -> None:
    text = fold(PROGRAM["pkg/base.py"], Path("pkg/base.py"), None)
    for kept in ("LIMIT = const(7)", "E_ONE", "def push(entry)", "def outer(self, path, scale=1)"):
        assert kept in text
    assert "_hidden" not in text


def test_what_did_not_change_is_not_written_again_and_what_vanished_goes(tmp_path: Path) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    (src / "a").mkdir(parents=True)
    (src / "a/one.py").write_text("X = 1\n")
    (src / "a/two.py").write_text("Y = 2\n")
    write_tree(out, fold_files(src, sources(src), (), analyse(src, sources(src))))
    before = (out / "a/one.py").stat().st_mtime_ns
    (src / "a/two.py").unlink()
    write_tree(out, fold_files(src, sources(src), (), analyse(src, sources(src))))
    assert (out / "a/one.py").stat().st_mtime_ns == before
    assert not (out / "a/two.py").exists()


def test_a_constant_that_is_set_again_is_refused(tmp_path: Path) -> None:
    src = tmp_path / "src"
    src.mkdir()
    (src / "a.py").write_text(
        "from micropython import const\nN = const(1)\ndef f():\n    global N\n    N = 2\n"
    )
    with pytest.raises(ValueError, match="N is a constant"):
        fold_files(src, sources(src), (), analyse(src, sources(src)))


def test_no_firmware_module_looks_into_another_ones_private_names() -> None:
    """Their names differ from file to file once folded."""
    firmware = paths.firmware()
    for relative in sources(firmware):
        tree = ast.parse((firmware / relative).read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert not [
                    a.name for a in node.names if a.name.startswith("_") and not a.name.startswith("__")
                ], relative
            if (
                isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
            ):
                owner = node.value
                known = {"self", "_core", "info"}
                assert isinstance(owner, ast.Name | ast.Attribute), (relative, node.lineno)
                name = owner.id if isinstance(owner, ast.Name) else owner.attr
                assert name in known or name == "_io_queue" or node.attr == "_context", (
                    str(relative),
                    node.lineno,
                    name,
                    node.attr,
                )
