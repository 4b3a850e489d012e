"""docs/library.md word for word: `mip` installs the library, its examples run, and what it takes of the heap."""

import re
from pathlib import Path

import pytest
from buzon_host import paths
from buzon_host.build import library as build
from buzon_host.server.dovecot import Dovecot
from buzon_host.server.run import LocalServer
from library import example, install, run
from test_chances import Maildrop

# What the examples need with TLS, on 64 bit, and a little more. 64 KB is the aim.
HEAP = {"blocking": "96k", "asyncio": "104k"}
MAIL = sorted(b"Subject: %d\r\n\r\n.dots\r\n..\r\n" % i for i in range(70))  # more than one window

Server = Dovecot | LocalServer


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as `mip` installs it from the repository."""
    target = tmp_path_factory.mktemp("source") / "lib"
    install(paths.firmware() / "library.json", target)
    return target


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as `mip` installs it after it was compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    build.build(paths.firmware(), folder / "package")
    install(folder / "package" / "package.json", folder / "lib")
    return folder / "lib"


def prepared(folder: Path, library: Path, server: Server, name: str, **settings: object) -> str:
    """The folder as the document says it is, and the example with this server's values in it."""
    (folder / "lib").symlink_to(library)
    (folder / "ca.der").write_bytes(server.ca_der.read_bytes())
    script = example(name)
    for theirs, ours in (
        ("pop.example.org", "localhost"),
        ("me@example.org", server.user),
        ('"secret"', f'"{server.password}"'),
        ("995", str(server.pop3s)),
    ):
        assert theirs in script
        script = script.replace(theirs, ours)
    return script


def with_settings(script: str, **settings: object) -> str:
    """The example with other settings after its own."""
    assert '"keep": "forever",\n}' in script
    more = "".join(f"    {key!r}: {value!r},\n" for key, value in settings.items())
    return script.replace('"keep": "forever",\n}', '"keep": "forever",\n' + more + "}")


def stored(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (folder / "mail" / "main").glob("*.eml"))


def fill(server: Dovecot) -> None:
    for message in MAIL:
        server.add(message)


def test_mip_installs_the_files_that_are_listed_and_no_others(source: Path, compiled: Path) -> None:
    listed = sorted(path.as_posix() for path in build.files(paths.firmware()))
    assert sorted(path.relative_to(source).as_posix() for path in source.rglob("*.py")) == listed
    assert {path.suffix for path in compiled.rglob("*") if path.is_file()} == {".mpy"}


@pytest.mark.parametrize("form", ["source", "compiled"])
@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_the_example_collects_a_mailbox_once(
    name: str, form: str, dovecot: Dovecot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fill(dovecot)
    script = prepared(tmp_path, request.getfixturevalue(form), dovecot, name)
    first = run(tmp_path, script)
    assert f"new: {len(MAIL)} on the server: {len(MAIL)}" in first.stdout, first.stdout + first.stderr
    assert stored(tmp_path) == MAIL
    names = {path.name for path in (tmp_path / "mail" / "main").glob("*.eml")}
    assert set(re.findall(r"[0-9a-f]{16}-\S+\.eml", first.stdout)) == names
    dovecot.add(b"Subject: more\r\n\r\nbody\r\n")
    again = run(tmp_path, script)
    assert f"new: 1 on the server: {len(MAIL) + 1}" in again.stdout, again.stdout + again.stderr
    assert len(stored(tmp_path)) == len(MAIL) + 1 == dovecot.left()


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_the_example_says_what_failed(name: str, source: Path, dovecot: Dovecot, tmp_path: Path) -> None:
    script = prepared(tmp_path, source, dovecot, name)
    wrong = run(tmp_path, script.replace(dovecot.password, "wrong"))
    assert "Failed: The password is wrong" in wrong.stdout, wrong.stdout + wrong.stderr
    assert "wrong:" not in wrong.stdout.replace("is wrong (", "")


@pytest.mark.parametrize("form", ["source", "compiled"])
def test_the_client_prints_the_subjects(
    form: str, dovecot: Dovecot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for message in MAIL[:3]:
        dovecot.add(message)
    done = run(tmp_path, prepared(tmp_path, request.getfixturevalue(form), dovecot, "client"))
    assert done.stdout.splitlines() == ["1 Subject: 0", "2 Subject: 1", "3 Subject: 10"], done.stderr
    assert dovecot.left() == 3


def test_the_local_server_too(source: Path, tmp_path: Path) -> None:
    with LocalServer() as server:
        for name in ("client", "blocking", "asyncio"):
            folder = tmp_path / name
            folder.mkdir()
            done = run(folder, prepared(folder, source, server, name))
            assert "Failed" not in done.stdout + done.stderr
            if name != "client":
                assert stored(folder) == sorted(server.expected().values()), done.stdout + done.stderr


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_a_mailbox_is_collected_in_a_small_heap(
    name: str, tls: str, compiled: Path, dovecot: Dovecot, tmp_path: Path
) -> None:
    """The whole of it: three sessions in one run, which fetch, find nothing new, and delete."""
    fill(dovecot)
    dovecot.add(b"X: 1\r\n\r\n" + b"a line of a large message\r\n" * 40000)
    script = with_settings(prepared(tmp_path, compiled, dovecot, name), tls=tls)
    if tls != "implicit":
        script = script.replace(str(dovecot.pop3s), str(dovecot.pop3))
    collect = "box.collect(BlockingLink())" if name == "blocking" else "asyncio.run(main())"
    script += f"""
{collect}
settings["keep"] = "delete"
settings["delete_confirmed"] = True
{collect}
print("left", sum(1 for _ in box.messages()))
"""
    done = run(tmp_path, script, HEAP[name])
    assert done.stdout.endswith(f"left {len(MAIL) + 1}\n"), done.stdout[-500:] + done.stderr
    assert "Failed" not in done.stdout
    assert len(stored(tmp_path)) == len(MAIL) + 1
    assert dovecot.left() == 0
    # And after a cut that kept the journal from being written.
    (tmp_path / "mail" / "main" / "journal").unlink()
    dovecot.add(b"Subject: more\r\n\r\nbody\r\n")
    done = run(tmp_path, script, HEAP[name])
    assert done.stdout.endswith(f"left {len(MAIL) + 2}\n"), done.stdout[-500:] + done.stderr


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_many_sessions_do_not_grow(name: str, compiled: Path, dovecot: Dovecot, tmp_path: Path) -> None:
    """Good ones and failed ones at the heap limit: what is loaded for each session goes with it.

    A leak grows in both halves; what a first slow answer loads, or the collector takes for a pointer, in one.
    """
    fill(dovecot)
    collect = "box.collect(link)" if name == "blocking" else "asyncio.run(box.acollect(link))"
    script = prepared(tmp_path, compiled, dovecot, name).replace("BlockingLink()", "link")
    script = script.replace(
        'box = Mailbox(settings, "mail")', 'box = Mailbox(settings, "mail")\nlink = LINK()'
    )
    script = script.replace("LINK", "BlockingLink" if name == "blocking" else "Link")
    script += f"""
port = settings["port"]


def session(password):
    settings["password"] = password
    try:
        {collect}
    except MailError as err:
        print("refused", err.code, err)
    gc.collect()
    return gc.mem_free()


good = settings["password"]
free = []
for i in range(21):
    settings["port"] = 1
    session(good)
    settings["port"] = port
    session("wrong")
    after = session(good)
    if i % 10 == 0:
        free.append(after)
print("grown by", free[0] - free[1], free[1] - free[2])
"""
    done = run(tmp_path, script, HEAP[name])
    assert "Traceback" not in done.stdout, done.stdout[-500:] + done.stderr
    assert done.stdout.count("refused 502 The password") == 21
    assert done.stdout.count("refused 204 ") == 21
    grown = [int(each) for each in done.stdout.rpartition("grown by ")[2].split()]
    assert min(grown) <= 128, grown
    assert len(stored(tmp_path)) == len(MAIL)


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_a_session_that_was_cut_goes_on_where_it_ended(name: str, source: Path, tmp_path: Path) -> None:
    with LocalServer(faults={"close_in_message": 3}) as server:
        script = prepared(tmp_path, source, server, name)
        script = script.replace("BlockingLink()", "BlockingLink(wait_ms=2000)")
        script = script.replace("Link()", "Link(wait_ms=2000)")
        script += 'print("in flight from now on:", box.memory.get("flight"))\n'
        first = run(tmp_path, script)
        assert "in flight from now on: 1\n" in first.stdout
        assert "Failed: The server" in first.stdout, first.stdout + first.stderr
        assert len(stored(tmp_path)) == 2
        again = run(tmp_path, script)
        assert f"new: {server.messages - 2} on" in again.stdout, again.stdout + again.stderr
        assert stored(tmp_path) == sorted(server.expected().values())


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_a_server_that_hangs_up_at_quit_is_no_error_where_nothing_was_deleted(
    name: str, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "lib").symlink_to(source)
    (tmp_path / "ca.der").write_bytes(b"")
    with Maildrop({"QUIT": None}) as server:
        script = example(name).replace("pop.example.org", "127.0.0.1").replace("995", str(server.port))
        script = with_settings(script, tls="none")
        done = run(tmp_path, script)
    assert "new: 2 on" in done.stdout, done.stdout + done.stderr
    assert "Failed" not in done.stdout, done.stdout
    assert len(stored(tmp_path)) == 2


def test_what_was_deleted_here_does_not_come_again(compiled: Path, dovecot: Dovecot, tmp_path: Path) -> None:
    """As the document's table says, in the compiled form: with the numbers."""
    for message in MAIL[:3]:
        dovecot.add(message)
    script = prepared(tmp_path, compiled, dovecot, "blocking")
    script += """
from binascii import unhexlify

names = [name for name, time, seen in box.messages()]
for name, state in (names[0], 2), (names[1], 3):
    key = unhexlify(name[:16])
    was = box.journal.state(key)
    box.journal.change(was & ~15 | state, key, was)
box.spool.remove(names[1])
print("stored", box.journal.stored, "unseen", box.journal.new)
box.collect(BlockingLink())
print("again", box.fetched, [seen for name, time, seen in box.messages()])
"""
    done = run(tmp_path, script)
    assert "stored 2 unseen 1\nagain 0 [True, False]\n" in done.stdout, done.stdout + done.stderr
    assert len(stored(tmp_path)) == 2
    assert dovecot.left() == 3
