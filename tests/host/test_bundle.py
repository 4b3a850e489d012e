"""Bundling must not change what a program does: both forms run on the real MicroPython and print the same."""

from pathlib import Path

import pytest
from buzon_host import paths
from buzon_host.build import parts
from buzon_host.build.bundle import BundleError, bundle, reachable
from buzon_host.build.fold import analyse, fold_files, module_name, write_tree
from buzon_host.build.mpy import compile_file, compiled_firmware, sources
from buzon_host.errors import BuzonError
from test_fold import PROGRAM, run

MORE = {
    "pkg/state.py": '''"""State that others set, with names that every module has."""
from micropython import const
_SIZE = const(3)
_TWICE = const(1 << 4)
echo = None
_count = 0
_names = ["a", "b"]

def add(count=_SIZE):
    global _count
    _count += count
    return _count, _SIZE, _TWICE

class Item:
    names = _names
    size: int = 2

    def add(self, value=_names):
        return value, self.size, [_names for _names in "xy"], add(1)

    @property
    def value(self):
        return _names
''',
    "pkg/tools.py": '''"""Uses state in all the ways there are."""
import sys
from micropython import const
from . import state
from .state import Item as Thing, add
_SIZE = const(9)
COUNT = 100

def late(echo):
    from . import later
    from .later import shout as cry
    return later.shout(echo), cry(echo), later.LEVEL

def set_echo(value):
    state.echo = value
    value = state.echo
    def inner():
        return state.echo, COUNT, value
    return inner()

def shadow(state):
    add = state
    return add, state, [state for state in range(2)], (lambda _count: _count + _SIZE)(1)

def report():
    try:
        raise KeyError(1)
    except KeyError as state:
        held = str(state)
    return held, Thing().add(), Thing.names, Thing().value, add(), state._TWICE if False else _SIZE
''',
    "pkg/later.py": '''"""Stays by itself, and is imported late."""
from . import tools
from .state import add
LEVEL = 4

def shout(text):
    return text + "!", add(), tools.COUNT
''',
    "pkg/start.py": '''"""Stays by itself."""
from . import state, tools

def main():
    from .tools import shadow
    print(tools.set_echo(5), state.echo, state.add(2), shadow("s"))
    print(tools.late("hi"), tools.report(), tools.late("again"))
    state.echo = 7
    print(tools.state.echo if False else tools.set_echo(8), state.echo)
''',
    "main.py": "from pkg.start import main\nmain()\n",
}
MORE["pkg/tools.py"] = MORE["pkg/tools.py"].replace("state._TWICE if False else _SIZE", "_SIZE")
MORE["pkg/start.py"] = MORE["pkg/start.py"].replace("tools.state.echo if False else ", "")


def bundled(
    files: dict[str, str], folder: Path, modules: set[str], public: tuple[str, ...] = ()
) -> tuple[str, str]:
    """What the program prints as it is, and folded and bundled; the files are left in `folder`/out."""
    src, out = folder / "src", folder / "out"
    for name, text in files.items():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(text)
    texts = fold_files(src, sources(src), ("main.py",), analyse(src, sources(src)))
    known = {module_name(path): path for path in texts}
    made = bundle(
        {module_name(path): text for path, text in texts.items() if path.name != "main.py"},
        {"pkg.one": modules},
        public,
    )
    texts = {known.get(name, Path("pkg/one.py")): text for name, text in made.items()}
    write_tree(out, {**texts, Path("main.py"): files["main.py"]})
    return run(src), run(out)


@pytest.mark.parametrize(
    "modules",
    [{"pkg.state"}, {"pkg.tools"}, {"pkg.state", "pkg.tools"}, {"pkg.state", "pkg.tools", "pkg.start"}],
)
def test_a_bundled_program_prints_the_same(tmp_path: Path, modules: set[str]) -> None:
    plain, together = bundled(MORE, tmp_path, modules, ("pkg.start",))
    assert plain == together
    assert plain.count("\n") == 3
    for module in modules - {"pkg.start"}:
        assert not (tmp_path / "out" / module.replace(".", "/")).with_suffix(".py").exists()


def test_so_does_a_folded_one(tmp_path: Path) -> None:
    files = {**PROGRAM, "pkg/sub/user.py": PROGRAM["pkg/sub/user.py"].replace("base._private", "[1, 1, 2]")}
    plain, together = bundled(files, tmp_path, {"pkg.base", "pkg.sub.user"}, ("pkg.sub.user",))
    assert plain == together


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from pkg import state\nprint(state)\n", "used as a value"),
        ("import pkg.state\n", "cannot be bundled"),
        ("from pkg.state import missing\n", "sets no missing"),
        ("from pkg import state\nprint(state.missing)\n", "sets no missing"),
    ],
)
def test_what_a_bundle_cannot_carry_is_refused(text: str, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        bundle({"pkg.state": "there = 1\n", "pkg.user": text}, {"pkg.one": {"pkg.state"}})


def test_what_is_imported_hides_no_name_of_another_module_in_the_bundle(tmp_path: Path) -> None:
    """Both would have the only name that is there anyway, `q`."""
    made = bundle(
        {
            "pkg.far": "def go(x=0):\n    return 1 if x == 0 else x.q\n",
            "pkg.near": "from pkg.far import go\n\ndef near():\n    return go()\n",
            "pkg.other": "def other(x=0):\n    return 2 if x == 0 else x.q\n",
            "pkg.start": "from pkg.near import near\nfrom pkg.other import other\nprint(near(), other())\n",
        },
        {"pkg.one": {"pkg.far"}, "pkg.two": {"pkg.near", "pkg.other"}},
    )
    assert "def q" in made["pkg.one"]
    texts = {Path(*name.split(".")).with_suffix(".py"): text for name, text in made.items()}
    write_tree(tmp_path, {**texts, Path("main.py"): "import pkg.start\n"})
    assert run(tmp_path) == "1 2\n"


def test_two_imports_of_one_name_are_refused() -> None:
    with pytest.raises(BundleError, match="from time import sleep"):
        bundle(
            {"a.x": "from time import sleep\n", "a.y": "from asyncio import sleep\n"},
            {"a.one": {"a.x", "a.y"}},
        )


def test_modules_that_need_each_other_are_refused() -> None:
    with pytest.raises(BundleError, match="needs itself"):
        bundle(
            {"a.x": "from a.y import q\nz = 1\n", "a.y": "from a.x import z\nq = 1\n"},
            {"a.one": {"a.x", "a.y"}},
        )


def test_reachable_follows_late_imports() -> None:
    program = {
        "a.x": "def f():\n    from a import y\n",
        "a.y": "from a.z import q\n",
        "a.z": "q = 1\n",
        "a.w": "",
    }
    assert reachable(program, "a.x") == {"a.x", "a.y", "a.z"}


def test_the_firmware_has_one_module_for_what_stays() -> None:
    """And its table says so, and `names` has the names of all others."""
    built = compiled_firmware(paths.firmware())
    there = {module_name(path.relative_to(built)) for path in built.rglob("*.mpy")}
    assert parts.BASE in there
    assert not there & {"buzon.app", "buzon.sync", "buzon.store.spool"}
    assert set(parts.PUBLIC) <= there
    source = (built.with_name(built.name + ".src") / parts.NAMES).read_text()
    made: dict[str, str] = {}
    exec(source, made)
    names = made["NAMES"].split(parts.SEPARATOR)
    assert len(set(names)) == len(names)
    for name in ("buzon.console.base", "/buzon/talk.mpy", "do_mail_list"):
        assert name in names
    assert "" not in names


def test_what_goes_together_is_one_module_and_is_in_the_firmware() -> None:
    code = compiled_firmware(paths.firmware())
    there = {module_name(path.relative_to(code)) for path in code.rglob("*.mpy")}
    ours = {module_name(path) for path in sources(paths.firmware())}
    for module, others in parts.TOGETHER.items():
        inside = {f"buzon.{each}" for each in others.split()}
        assert {module, *inside} <= ours
        assert not {module, *inside} & there


@pytest.mark.parametrize(
    ("stays", "good"),
    [
        ("buzon.app buzon.log ", True),
        ("buzon.app  buzon.log ", False),
        ("buzon.app buzon.log", False),
        ("buzon.app buzon.log '\nMORE = 'buzon.app buzon.log ", False),
    ],
)
def test_a_table_that_the_build_cannot_change_is_refused(stays: str, good: bool) -> None:
    """Otherwise a board would unload the bundle, and all that is in it."""
    program = {
        Path("buzon/boot.py"): "from buzon import app\n",
        Path("buzon/app.py"): "from buzon.log import say\n",
        Path("buzon/log.py"): "say = 1\n",
        Path(
            "buzon/plugins.py"
        ): f"STAYS = '{stays}'\nSESSION = 'buzon.sync '\nINDEX = 'buzon.i '\nDRAWS = 'buzon.ui '\nANSWERS = 'buzon.x '\n",
    }
    if good:
        assert f"'{parts.BASE} '" in "".join(parts.assembled(program).values())
        return
    with pytest.raises(BuzonError, match=r"buzon\.plugins: the table STAYS must be one text"):
        parts.assembled(program)


def test_the_app_does_not_need_what_only_scripts_import() -> None:
    """The app imports none of these modules."""
    src = paths.firmware()
    folded = fold_files(src, sources(src), (), analyse(src, sources(src)))
    modules = {module_name(path): text for path, text in folded.items() if path.parts[0] == "buzon"}
    assert set(parts.SCRIPTS) <= set(modules) - reachable(modules, parts.START)


def test_the_names_in_a_compiled_module_are_read(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def some_name(x):\n    return x.another_name, len('a_third'), print\n")
    compile_file(tmp_path / "m.py", tmp_path / "m.mpy", "m")
    assert {"some_name", "another_name", "a_third"} <= set(parts.interned(tmp_path / "m.mpy"))
    assert not {"len", "print"} & set(parts.interned(tmp_path / "m.mpy"))


def test_a_new_module_renames_hardly_any_other() -> None:
    """An update sends the modules whose name or content changed."""
    old = [{f"buzon.policy.m{n}"} for n in range(40)]
    new = [*old, {"buzon.policy.a"}]
    was, now = (parts._called(those, (), ()) for those in (old, new))
    assert len(was) == 40
    assert sum(now[name] == those for name, those in was.items()) >= 37
    assert parts._called([{"buzon.kit"}], {"buzon.kit"}, ()) == {"buzon.kit": {"buzon.kit"}}
