"""The project as a whole: versions, lists of files, who imports whom, what the wheel carries, what no file says."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buzon_host import __version__, paths

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
HOST = ROOT / "host"

# What the top level may hold.
TOP = {
    *("firmware", "host", "tests", "boards", "Makefile"),
    *("docs", "README.md", "README.es.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".ci", ".gitignore"),
}

# The parts of the firmware, from the bottom up. One imports from the lines below its own, and from itself.
LAYERS = (
    ("errors", "log", "names", "sentences", "watchdog"),
    ("core",),
    ("net", "store", "text", "display", "kinds", "plugins"),
    ("policy", "envelope", "notify", "server"),
    ("sync",),
    ("account", "mailbox", "page", "timekeeper"),
    ("trial",),
    ("console", "setup", "ui", "news"),
    ("app",),
    ("boot",),
    ("main",),
)
# What one part may import of those below it, where that is less than all.
ONLY = {"core": {"errors"}}
# What the PC tool may use of the firmware.
SHARED = ("buzon.core", "buzon.text", "buzon.errors", "buzon.net.blocking", "buzon.net.tls")


def files() -> list[Path]:
    """Every file of the project, relative to ROOT: what git tracks, and what is new in its folders. What else lies at
    the top is somebody's own: settings, mail."""
    new = [name for name in listed("--others", "--exclude-standard") if name.parts[0] in TOP]
    return sorted(name for name in [*listed("--cached"), *new] if (ROOT / name).is_file())


def listed(*options: str) -> list[Path]:
    git = subprocess.run(["git", "ls-files", "-z", *options], cwd=ROOT, capture_output=True, check=True)
    return [Path(name.decode()) for name in git.stdout.split(b"\0") if name]


def texts() -> Iterator[tuple[Path, str]]:
    for path in files():
        if path.suffix not in (".png", ".eml"):
            yield path, (ROOT / path).read_bytes().decode("utf-8", "replace")


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """(module, how) for each import: `now` at the top, `late` in a function, `types` for the type checker.

    `from . import a` gives `package.a` when that is a module.
    """
    package = list(path.relative_to(root).parts[:-1])

    def exists(name: str) -> bool:
        at = root.joinpath(*name.split("."))
        return at.with_suffix(".py").exists() or at.is_dir()

    def walk(node: ast.AST, how: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            inner = how
            match child:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    inner = "late" if how == "now" else how
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    inner = "types"
                case ast.Import(names=names):
                    yield from ((alias.name, how) for alias in names)
                case ast.ImportFrom(module=module, level=level, names=names):
                    base = package[: len(package) - level + 1] if level else []
                    name = ".".join([*base, *([module] if module else [])])
                    for alias in names:
                        yield f"{name}.{alias.name}" if exists(f"{name}.{alias.name}") else name, how
            yield from walk(child, inner)

    yield from walk(ast.parse(path.read_text("utf-8")), "now")


def part(module: str) -> str:
    """`buzon.store.spool` -> `store`; the package itself and `main` stay."""
    return module.split(".")[1] if "." in module else module


def firmware_imports() -> Iterator[tuple[str, str, str]]:
    for path in sorted(FIRMWARE.rglob("*.py")):
        name = module_name(path, FIRMWARE)
        for imported, how in imports(path, FIRMWARE):
            if imported.split(".")[0] == "buzon":
                yield name, imported, how


def firmware_files() -> list[str]:
    return sorted(p.relative_to(FIRMWARE).as_posix() for p in (FIRMWARE / "buzon").rglob("*.py"))


# -- versions and lists


def test_versions_agree() -> None:
    def assigned(path: Path) -> str:
        found = re.search(r'^__version__ = "(.+)"$', path.read_text("utf-8"), re.M)
        assert found, path
        return found[1]

    manifest: dict[str, Any] = {}
    exec(  # it is a script for the freezing tool, which gives it these functions
        (FIRMWARE / "manifest.py").read_text("utf-8"),
        {
            "metadata": lambda **fields: manifest.update(fields),
            "package": lambda name, **_: manifest.update(package=name),
            "module": lambda name, **_: manifest.update(module=name),
        },
    )
    assert (manifest["package"], manifest["module"]) == ("buzon", "main.py")
    versions = {
        "pyproject.toml": tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
        "manifest.py": manifest["version"],
        "package.json": json.loads((FIRMWARE / "package.json").read_text("utf-8"))["version"],
        "library.json": json.loads((FIRMWARE / "library.json").read_text("utf-8"))["version"],
        "firmware": assigned(FIRMWARE / "buzon" / "__init__.py"),
        "host": assigned(HOST / "buzon_host" / "__init__.py"),
    }
    assert set(versions.values()) == {__version__}, versions
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def listed_in(package: str) -> list[str]:
    listed = json.loads((FIRMWARE / package).read_text("utf-8"))["urls"]
    assert all(target == source for target, source in listed)
    return [target for target, _ in listed]


def test_package_json_lists_the_files_there_are() -> None:
    assert listed_in("package.json") == firmware_files()


def test_library_json_lists_what_the_library_imports() -> None:
    uses: dict[str, set[str]] = {}
    for module, imported, how in firmware_imports():
        if how != "types":
            uses.setdefault(module, set()).add(imported)
    # The sentences are imported by their numbers; those of the serial protocol and of the board itself are the app's.
    wanted = {f"buzon.sentences.s{hundred}" for hundred in range(1, 7)} | {"buzon.sentences.system"}
    found = {"buzon.mailbox", "buzon.core.client", "buzon.net.link", "buzon.net.blocking"}
    while found:
        wanted |= found
        found = {imported for module in found for imported in uses.get(module, ())} - wanted
    wanted |= {name.rpartition(".")[0] for name in wanted}
    listed = listed_in("library.json")
    assert listed == sorted(listed)
    assert {module_name(Path(name), Path()) for name in listed} == wanted


def test_top_level() -> None:
    assert {path.parts[0] for path in files()} - TOP == set()


def test_what_the_readme_makes_people_put_here_is_no_part_of_the_project(tmp_path) -> None:
    """Neither for git, which must not take the passwords in it, nor for a test that looks through the project."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    own = [
        "settings.toml",
        "hall.toml",
        "hall.toml.ca.pem",
        "boards.csv",
        "boards.result.csv",
        "Mail/cur/1.a:2,S",
    ]
    for name in [
        *own,
        "buzon-report-20261126-120000.txt",
        "buzon-qualify-X-20261126-120000.json",
        "pyproject.toml",
        "boards/X/board.toml",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    run = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=tmp_path, capture_output=True, text=True
    )
    assert set(run.stdout.split()) == {".gitignore", "pyproject.toml", "boards/X/board.toml"}
    readme = (ROOT / "README.md").read_text("utf-8")
    assert {"settings.toml", "boards.csv"} <= set(re.findall(r"[a-z]+\.(?:toml|csv)", readme))


def test_what_stays_in_memory_is_there() -> None:
    """The table of `plugins` names modules, each once; a name that is none would keep nothing."""
    paths.use_firmware()
    from buzon.plugins import STAYS

    stays = STAYS.split()
    assert " ".join(stays) + " " == STAYS
    assert stays == sorted(set(stays))
    assert set(stays) <= {module_name(path, FIRMWARE) for path in (FIRMWARE / "buzon").rglob("*.py")}


# -- who imports whom


def test_every_module_has_a_layer() -> None:
    there = {part(module_name(p, FIRMWARE)) for p in (FIRMWARE / "buzon").rglob("*.py")} - {"buzon"}
    assert there | {"main"} == {name for layer in LAYERS for name in layer}


def test_firmware_imports_go_down() -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    level["buzon"] = -1  # __version__
    wrong = []
    for module, imported, how in firmware_imports():
        user, used = part(module), part(imported)
        if user == used or used == "buzon":
            continue
        if level[used] >= level[user] or used not in ONLY.get(user, {used}):
            wrong.append(f"{module} imports {imported} ({how})")
    assert wrong == []


def test_architecture_shows_these_layers() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    shown = re.search(r"<!-- layers -->\n```\n(.+?)\n```", text, re.S)
    assert shown
    lines = [line.split("  ")[0].split() for line in shown[1].splitlines()]
    assert [set(line) for line in reversed(lines)] == [set(layer) for layer in LAYERS]


def test_host_uses_only_what_is_shared() -> None:
    seen = set()
    on_micropython = HOST / "buzon_host" / "bench" / "scripts"
    for path in sorted((HOST / "buzon_host").rglob("*.py")):
        if path.is_relative_to(on_micropython):
            continue
        for imported, _ in imports(path, HOST):
            if imported.split(".")[0] == "buzon":
                seen.add(imported)
                assert imported.startswith(SHARED), f"{path} imports {imported}"
    assert "buzon.net.tls" in seen


# -- errors


def error_codes() -> dict[int, str]:
    text = (FIRMWARE / "buzon" / "errors.py").read_text("utf-8")
    found = re.findall(r"^(E_[A-Z_]+) = const\((\d+)\)", text, re.M)
    codes = {int(number): name for name, number in found}
    assert len(codes) == len(found), "two errors have one code"
    return codes


def sentences() -> list[tuple[int, str]]:
    """(code, sentence) of each line, each in the module of its hundred."""
    found = []
    for path in sorted((FIRMWARE / "buzon" / "sentences").glob("s[0-9].py")):
        text = ast.literal_eval(
            next(n.value for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.Assign))
        )
        for line in text.strip("\n").split("\n"):
            code, _, sentence = line.partition(" ")
            assert path.stem == f"s{min(int(code) // 100, 6)}", line
            found.append((int(code), sentence))
    return found


def test_each_error_has_one_sentence() -> None:
    assert sorted(code for code, _ in sentences()) == sorted(error_codes())


@pytest.mark.parametrize(("code", "text"), sentences(), ids=lambda value: str(value)[:3])
def test_sentence(code: int, text: str) -> None:
    paths.use_firmware()
    from buzon.errors import sentence

    assert len(text) < 120
    assert text.count("{}") <= 1
    assert text.endswith((".", "{}"))
    assert sentence(code, "what it is") == text.replace("{}", "what it is")


# -- what no file says


def test_no_file_names_a_machine_or_a_package_host() -> None:
    places = re.compile(
        "|".join(
            (
                "/" + r"(?:work|root)(?:/|\b)(?!\w)",
                "--(?:extra-)?index" + "-url|--find" + "-links|--trusted" + "-host",
                r"file" + r":///|https?://[^\s/]*/(?:simple|pypi)/",
            )
        )
    )
    found = [
        f"{path}: {line.strip()}"
        for path, text in texts()
        for line in text.splitlines()
        if places.search(line) and not re.search(r"https?://\S*/(?:work|root)", line)
    ]
    assert found == []


def test_user_documents_name_only_what_a_reader_has() -> None:
    for path, text in texts():
        if path.suffix == ".md" and path.parts[0] != "tests":
            assert "../" + "shared" not in text, path
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
                assert (ROOT / path.parent / target).exists(), f"{path} links to {target}"


def test_readme_names_real_verbs() -> None:
    from buzon_host.cli import _VERBS

    for name in ("README.md", "README.es.md"):
        text = (ROOT / name).read_text("utf-8")
        named = set(re.findall(r"^(?:\.venv/bin/)?buzon ([a-z]+)", text, re.M))
        assert named
        assert named <= set(_VERBS), name


# -- the wheel


def test_wheel_carries_firmware_and_boards(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        licence = archive.read(f"buzon-{__version__}.dist-info/licenses/LICENSE").decode()
    bundle = "buzon_host/_bundle"
    for path in files():
        if path.parts[0] in ("firmware", "boards"):
            assert f"{bundle}/{path.as_posix()}" in names
        elif path.parts[:2] == ("host", "buzon_host"):
            assert path.relative_to("host").as_posix() in names
    assert "buzon_host/build/fold.py" in names
    assert f"{bundle}/firmware/main.py" in names
    assert not [name for name in names if name.endswith((".pyc", ".img", ".toml~")) or "tests" in name]
    assert "MIT License" in licence
    assert "Frederic Cambus" in licence


def test_licence_of_the_font() -> None:
    """The glyphs' licence in LICENSE is the one in the font's head, word for word."""
    head = (FIRMWARE / "buzon" / "display" / "font6x12.py").read_text("utf-8").split("SPDX")[0]
    words = " ".join(re.sub(r"^#", "", head[head.index("# Copyright") :], flags=re.M).split())
    assert words in " ".join((ROOT / "LICENSE").read_text("utf-8").split())


def test_no_class_adds_private_attributes_to_one_of_another_module() -> None:
    """Folded, both modules' would get the same short names."""
    classes: dict[str, tuple[str, list[str], bool]] = {}
    for path in sorted((FIRMWARE / "buzon").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                private = any(
                    isinstance(each, ast.Attribute) and re.match("_[^_]", each.attr)
                    for each in ast.walk(node)
                ) or any(isinstance(e, ast.FunctionDef) and re.match("_[^_]", e.name) for e in node.body)
                bases = [each.id for each in node.bases if isinstance(each, ast.Name)]
                classes[node.name] = (module_name(path, FIRMWARE), bases, private)
    wrong = []
    for name, (module, bases, private) in classes.items():
        for base in bases:
            if private and base in classes and classes[base][0] != module and classes[base][2]:
                wrong.append(f"{module}.{name} and {classes[base][0]}.{base}")
    assert wrong == []


def test_the_journal_is_closed_where_it_is_not_read_to_its_end() -> None:
    """MicroPython closes no generator that is left: its file stays open, and littlefs keeps that file's room."""
    wrong = []
    for path in sorted((FIRMWARE / "buzon").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            source = ast.unparse(function)
            for loop in ast.walk(function):
                if not isinstance(loop, ast.For):
                    continue
                over = ast.unparse(loop.iter)
                reads = re.search(r"\b(records|listed|newest|_backwards)\(", over) or re.search(
                    rf"^ *{re.escape(over)}(: '\w+')? = .*\b(records|listed|newest|_backwards)\(",
                    source,
                    re.M,
                )
                left = any(isinstance(each, ast.Return | ast.Break) for each in ast.walk(loop))
                if reads and left and f"{over}.close()" not in source:
                    wrong.append(f"{path.name}: {function.name}, line {loop.lineno}")
    assert wrong == []
