"""Compiling with the real mpy-cross: only what changed, nothing stale, clear errors."""

import os
from pathlib import Path

import pytest
from buzon_host.build import mpy


def _tree(root: Path) -> Path:
    src = root / "src"
    (src / "pkg").mkdir(parents=True)
    (src / "main.py").write_text("import pkg.one\n")
    (src / "manifest.py").write_text("package('pkg')\n")
    (src / "pkg" / "__init__.py").write_text("")
    (src / "pkg" / "one.py").write_text("X = 1\n")
    return src


def test_a_tree_is_compiled_and_main_stays_source(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sizes = mpy.compile_tree(_tree(tmp_path), out)
    assert set(sizes) == {"main.py", "pkg/__init__.mpy", "pkg/one.mpy"}
    assert (out / "pkg/one.mpy").read_bytes()[:2] == b"M\x06"
    assert sizes["pkg/one.mpy"] == (out / "pkg/one.mpy").stat().st_size


def test_only_what_changed_is_compiled_and_what_vanished_goes(tmp_path: Path) -> None:
    src, out = _tree(tmp_path), tmp_path / "out"
    mpy.compile_tree(src, out)
    inode = (out / "pkg/one.mpy").stat().st_ino
    init = (out / "pkg/__init__.mpy").stat().st_ino
    mpy.compile_tree(src, out)
    assert (out / "pkg/one.mpy").stat().st_ino == inode
    (src / "pkg/one.py").write_text("X = 'changed'\n")
    os.utime(src / "pkg/one.py", ns=(1, 1))  # an older time is a change too: a checkout of an old commit
    (src / "main.py").unlink()
    assert set(mpy.compile_tree(src, out)) == {"pkg/__init__.mpy", "pkg/one.mpy"}
    assert b"changed" in (out / "pkg/one.mpy").read_bytes()
    assert (out / "pkg/__init__.mpy").stat().st_ino == init
    assert not (out / "main.py").exists()


def test_a_firmware_is_folded_again_only_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    src = _tree(tmp_path)
    read: list[Path] = []
    analyse = mpy.analyse
    monkeypatch.setattr(
        mpy, "analyse", lambda src, files, **more: read.append(src) or analyse(src, files, **more)
    )
    for _ in range(2):
        out = mpy.compiled_firmware(src)
    assert read == [src]
    (src / "pkg/one.py").write_text("X = 'changed'\n")
    assert mpy.compiled_firmware(src) == out
    assert b"changed" in (out / "pkg/one.mpy").read_bytes()
    (src / "pkg/two.py").write_text("Y = 1\n")
    mpy.compiled_firmware(src)
    assert (out / "pkg/two.mpy").exists()
    (src / "pkg/two.py").unlink()
    mpy.compiled_firmware(src)
    assert not (out / "pkg/two.mpy").exists()
    assert len(read) == 4
    (src / "pkg/one.py").write_text("def broken(:\n")
    for _ in range(2):
        with pytest.raises((mpy.CompileError, SyntaxError)):
            mpy.compiled_firmware(src)


def test_an_error_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    src, out = _tree(tmp_path), tmp_path / "out"
    mpy.compile_tree(src, out)
    before = (out / "pkg/one.mpy").read_bytes()
    (src / "pkg/one.py").write_text("def broken(:\n")
    with pytest.raises(mpy.CompileError, match=r"one\.py does not compile: SyntaxError"):
        mpy.compile_tree(src, out)
    assert (out / "pkg/one.mpy").read_bytes() == before
    assert not list(out.rglob("*.part"))


def test_check_prints_sizes_for_every_architecture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src = _tree(tmp_path)
    assert mpy.main(["--check", str(src)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-4:] == ["xtensawin", "rv32imc", "armv6m", "armv7emsp"]
    sizes = {line.split()[0]: [int(n) for n in line.split()[-3:]] for line in lines[1:]}
    assert sizes["in"] == [sum(column) for column in zip(*list(sizes.values())[:-1], strict=True)]
    (src / "pkg/one.py").write_text("match x:\n    case 1: pass\n")
    assert mpy.main(["--check", str(src)]) == 1
    assert "one.py" in capsys.readouterr().err
