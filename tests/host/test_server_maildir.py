"""What counts as a message, loading a folder, and what a Maildir keeps."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from buzon_host.server.maildir import SAMPLES, LocalServerError, Maildir, NoMailError, messages_in
from servers.tools import SHARED_MAIL, wire_form


def test_only_files_with_a_header_field_are_messages(tmp_path: Path) -> None:
    for name, content in {
        "b.eml": b"Subject: b\n\nb\n",
        "a.eml": b"From maker Mon Jan  6 09:00:00 2025\nFrom: a@example.org\n\na\n",
        "no-body": b"X-Only: header",
        "LICENSE": b"Copyright (c) 2025 A Maker\n\nPermission is: granted\n",
        "README.md": b"# Mail\nSubject: not a header, as a line above it is none\n",
        "empty": b"",
        "space before colon": b"Subject : no field for Python's parser\n\nbody\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "below.eml").write_bytes(b"Subject: not in the folder itself\n\n")
    os.mkfifo(tmp_path / "pipe")
    assert [path.name for path in messages_in(tmp_path)] == ["a.eml", "b.eml", "no-body"]


def test_folders_without_mail(tmp_path: Path) -> None:
    with pytest.raises(NoMailError, match=r"There is no mail in .*: put messages there"):
        messages_in(tmp_path)
    with pytest.raises(NoMailError, match=r"There is no folder .*check the path"):
        messages_in(tmp_path / "missing")
    (tmp_path / "file").write_text("Subject: x\n\n")
    with pytest.raises(NoMailError, match="is not a folder"):
        messages_in(tmp_path / "file")
    assert issubclass(NoMailError, LocalServerError)


def test_the_samples_are_all_messages() -> None:
    assert len(messages_in(SAMPLES)) == len(list(SAMPLES.iterdir())) >= 12
    for path in messages_in(SAMPLES):
        hosts = re.findall(rb"@([A-Za-z0-9.-]+)", path.read_bytes())
        assert hosts
        assert all(host.endswith((b"example.org", b"example.com")) for host in hosts), (path.name, hosts)


@pytest.mark.parametrize("name", ["mikel-mail", "mime4j"])
def test_real_folders(tmp_path: Path, name: str) -> None:
    folder = SHARED_MAIL / name
    if not folder.is_dir():
        pytest.skip("these messages are not here")
    files = messages_in(folder)
    assert len(files) > 70
    assert not {path.name for path in files} & {"LICENSE", "README.md"}
    box = Maildir(tmp_path)
    assert box.load(folder) == len(files) == box.count()
    for message, path in zip(box.messages(), files, strict=True):
        assert box.read(message) == wire_form(path.read_bytes()), path.name


def test_order_size_and_stable_uidls(tmp_path: Path) -> None:
    contents = [b"Subject: %d\n\n.%s\r" % (number, b"x\n" * number) for number in range(50)]
    box = Maildir(tmp_path / "box")
    assert box.is_new
    names = [box.deliver(content) for content in contents]
    again = Maildir(tmp_path / "box")
    assert not again.is_new
    listed = again.messages()
    assert [message.uidl for message in listed] == names
    assert len(set(names)) == 50
    assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", name) for name in names)
    assert [again.read(message) for message in listed] == [wire_form(content) for content in contents]
    assert [message.size for message in listed] == [len(wire_form(content)) for content in contents]
    assert not list((tmp_path / "box" / "tmp").iterdir())


def test_identical_messages_are_two_messages(tmp_path: Path) -> None:
    box = Maildir(tmp_path)
    assert box.deliver(b"Subject: x\n\n") != box.deliver(b"Subject: x\n\n")
    assert len(box.messages()) == 2


def test_a_maildir_of_another_program(tmp_path: Path) -> None:
    """LF line ends, flags, names no UIDL may have: sizes and UIDLs are right all the same."""
    box = Maildir(tmp_path)
    long = "1700000003." + "x" * 80
    (tmp_path / "cur" / "1700000001.M1P1.host:2,S").write_bytes(b"Subject: 1\n\none")
    (tmp_path / "new" / "1700000002.with blank").write_bytes(b"Subject: 2\n\ntwo\n")
    (tmp_path / "new" / long).write_bytes(b"Subject: 3\r\n\r\n")
    (tmp_path / "new" / ".hidden").write_bytes(b"Subject: no\n\n")
    (tmp_path / "new" / "1700000004.M2P2.buzon,S=9,W=9").write_bytes(b"Subject: edited by hand\n\n")
    listed = box.messages()
    assert [message.size for message in listed] == [19, 19, 14, 27]
    assert [len(box.read(message)) for message in listed] == [message.size for message in listed]
    assert listed[0].uidl == "1700000001.M1P1.host"
    assert [len(message.uidl) for message in listed[1:3]] == [64, 64]
    # Read by another program: a new flag, a new folder, the same UIDL.
    (tmp_path / "cur" / "1700000001.M1P1.host:2,S").rename(tmp_path / "cur" / "1700000001.M1P1.host:2,RS")
    assert box.messages()[0].uidl == listed[0].uidl


def test_delivery_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Subject: x\n"
        raise OSError("the disk went away")

    box = Maildir(tmp_path)
    with pytest.raises(OSError, match="disk"):
        box.deliver(broken())
    assert box.count() == 0
    assert not list((tmp_path / "tmp").iterdir())
