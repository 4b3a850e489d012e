"""`buzon mail pull`: every message once and byte for byte, wherever it is cut off and whatever the board says."""

import mailbox
import os
import random
import re
import signal
import subprocess
import time
import zlib
from collections import Counter
from pathlib import Path

import pytest
from buzon_host.board.client import Client
from buzon_host.board.link import Link
from buzon_host.errors import BoardRefused, BuzonError, NoBoard, UsageError
from buzon_host.pull import mbox as mbox_module
from buzon_host.pull import pull as pull_module
from buzon_host.pull.maildir import Maildir
from buzon_host.pull.mbox import Mbox, rendered
from buzon_host.pull.pull import pull
from test_board_peer import Peer
from test_cli_verbs import BUZON, buzon, env, one_document, one_sentence

MAIL = [
    b"From: a@b\r\nSubject: one\r\n\r\nFrom here on\r\n>From there\r\n>>From both\r\n From not\r\n",
    b"Subject: no line end\r\n\r\nFrom x",
    b"Subject: dots\r\n\r\n.\r\n..\r\n\r\nFrom \r\n\r\n",
    b"Subject: bytes\r\n\r\n" + bytes(range(256)) * 13,
    b"",
    b"Subject: lone ends\r\n\r\na\rFrom b\nFrom c\r\r\n",
    b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 400,
]


def give(peer: Peer, mail=MAIL, account="main") -> None:
    peer.mail[account] = {f"{n:016x}": message for n, message in enumerate(mail, 0xA0)}


def target(kind: str, folder: Path):
    return Maildir(folder / "Mail") if kind == "maildir" else Mbox(folder / "mail.mbox")


def copy(peer: Peer, kind: str, folder: Path, account="main", move=False):
    with Client(Link(peer.port)) as client, target(kind, folder) as to:
        client.hello()
        return pull(client, account, to, lambda *_: None, move=move)


def lf(message: bytes) -> bytes:
    text = message.replace(b"\r\n", b"\n")
    return text if text.endswith(b"\n") else text + b"\n"


def in_mbox(path: Path) -> "Counter[bytes]":
    """Its messages as another reader of mboxrd finds them."""
    found = []
    for part in re.split(rb"(?:\A|(?<=\n\n))From [^\n]+\n", path.read_bytes())[1:]:
        assert part.endswith(b"\n\n")
        found.append(re.sub(rb"^>(>*From )", rb"\1", part[:-1], flags=re.MULTILINE))
    return Counter(found)


def exactly(kind: str, folder: Path, mail=MAIL) -> None:
    """Each message once, byte for byte, and nothing else in the folder."""
    if kind == "maildir":
        box = folder / "Mail"
        names = [path for sub in ("new", "cur") for path in (box / sub).iterdir()]
        assert Counter(path.read_bytes() for path in names) == Counter(mail)
        assert list((box / "tmp").iterdir()) == []
        assert sorted(each.name for each in box.iterdir()) == ["cur", "new", "tmp"]
    else:
        assert in_mbox(folder / "mail.mbox") == Counter(lf(message) for message in mail)
        assert [each.name for each in folder.iterdir()] == ["mail.mbox"]


KINDS = pytest.mark.parametrize("kind", ["maildir", "mbox"])


@KINDS
def test_each_message_once_and_none_is_marked_as_seen(kind, tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        peer.times = dict.fromkeys(peer.mail["main"], 1_700_000_000)
        done = copy(peer, kind, tmp_path)
        assert (done.copied, done.there) == (len(MAIL), 0)
        exactly(kind, tmp_path)
        reads = peer.done.count("mail.read")
        peer.times = {}  # a board without a clock
        done = copy(peer, kind, tmp_path)
        assert (done.copied, done.there) == (0, len(MAIL))
        assert peer.done.count("mail.read") == reads
        exactly(kind, tmp_path)
        assert peer.seen == set()


def test_pythons_own_readers_read_it(tmp_path) -> None:
    mail = [b"Subject: %d\r\n\r\nText\r\n" % n for n in range(20)]
    with Peer() as peer:
        give(peer, mail)
        copy(peer, "maildir", tmp_path)
        copy(peer, "mbox", tmp_path)
    box = mailbox.mbox(tmp_path / "mail.mbox", create=False)
    assert [m["Subject"] for m in box] == [str(n) for n in range(20)]
    found = mailbox.Maildir(tmp_path / "Mail", create=False)
    assert sorted(int(m["Subject"]) for m in found) == list(range(20))
    assert (tmp_path / "mail.mbox").stat().st_mode & 0o077 == 0
    assert (tmp_path / "Mail").stat().st_mode & 0o077 == 0


def test_a_maildir_knows_its_messages_wherever_a_mail_program_moved_them(tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        copy(peer, "maildir", tmp_path)
        box = tmp_path / "Mail"
        new = sorted((box / "new").iterdir())
        new[0].rename(box / "cur" / f"{new[0].name}:2,S")
        new[1].rename(box / "cur" / f"{new[1].name},U=7:2,RS")
        (box / ".Archive" / "cur").mkdir(parents=True)
        new[2].rename(box / ".Archive" / "cur" / f"{new[2].name}:2,")
        assert copy(peer, "maildir", tmp_path).copied == 0
        assert len(list((box / "new").iterdir())) == len(MAIL) - 3


def test_accounts_that_hold_the_same_message_keep_one_each(tmp_path) -> None:
    for kind in ("maildir", "mbox"):
        with Peer() as peer:
            give(peer)
            give(peer, account="other")
            for _ in range(2):
                for account in ("main", "other"):
                    copy(peer, kind, tmp_path, account)
        if kind == "maildir":
            assert len(list((tmp_path / "Mail" / "new").iterdir())) == 2 * len(MAIL)
        else:
            assert sum(in_mbox(tmp_path / "mail.mbox").values()) == 2 * len(MAIL)


# Cut off


class Cut(BaseException):
    pass


@KINDS
def test_cut_before_any_step_that_makes_something_durable(kind, tmp_path, monkeypatch) -> None:
    steps = ("fsync", "replace", "unlink")
    real = {name: getattr(os, name) for name in steps}
    left = [0]

    def cutting(name):
        def step(*args, **options):
            left[0] -= 1
            if left[0] == 0:
                raise Cut
            return real[name](*args, **options)

        return step

    for name in steps:
        monkeypatch.setattr(os, name, cutting(name))
    cuts = 0
    with Peer() as peer:
        give(peer, MAIL[:3])
        while True:
            folder = tmp_path / str(cuts)
            folder.mkdir()
            left[0] = cuts + 1
            try:
                copy(peer, kind, folder)
            except Cut:
                cuts += 1
            else:
                break
            left[0] = 0
            done = copy(peer, kind, folder)
            assert done.copied + done.there == 3
            exactly(kind, folder, MAIL[:3])
    assert cuts >= 3 * (3 if kind == "maildir" else 5)


@KINDS
def test_cut_in_the_middle_of_an_answer_goes_on_there(kind, tmp_path) -> None:
    """The n-th request finds the board gone, for each n; what came before is not asked for again."""
    for n in range(1, 24):
        folder = tmp_path / str(n)
        folder.mkdir()
        with Peer() as peer:
            give(peer)
            link = Link(peer.port)
            asked = [0]
            request = link.request

            def once(method, params=None, request=request, asked=asked, n=n):
                asked[0] += 1
                if asked[0] == n:
                    raise NoBoard("The board went away.")
                return request(method, params)

            link.request = once
            try:
                with Client(link) as client, target(kind, folder) as to:
                    client.hello()
                    pull(client, "main", to, lambda *_: None)
            except NoBoard:
                pass
            offs = [(r[2]["id"], r[2]["off"]) for r in peer.requests if r[1] == "mail.read"]
            copy(peer, kind, folder)
            again = [(r[2]["id"], r[2]["off"]) for r in peer.requests if r[1] == "mail.read"]
            assert len(set(again)) == len(again), (offs, again)
            exactly(kind, folder)


def test_an_append_that_was_torn_anywhere_is_done_again(tmp_path) -> None:
    path = tmp_path / "mail.mbox"
    old = b"From somebody Thu Jan  1 00:00:00 1970\nSubject: old\n\nold\n"
    for before in (b"", old, old + b"\n", old[:-1]):
        path.write_bytes(before)
        with Peer() as peer:
            give(peer, MAIL[:1])
            copy(peer, "mbox", tmp_path)
        whole = path.read_bytes()
        appended = whole[len(before) :]
        assert appended.lstrip(b"\n") == rendered(
            f"{0xA0:016x}-{len(MAIL[0]):x}-{zlib.crc32(MAIL[0]):08x}.main", 0, MAIL[0]
        )
        for n in range(len(appended) + 1):
            path.write_bytes(whole[: len(before) + n])
            (tmp_path / "mail.mbox.buzon").write_bytes(b"%d\n" % len(before) + appended)
            with Mbox(path) as to:
                assert len(to.there) == 1
            assert path.read_bytes() == whole
            assert [each.name for each in tmp_path.iterdir()] == ["mail.mbox"]


def test_what_another_program_did_to_the_mbox_meanwhile_stays(tmp_path) -> None:
    path = tmp_path / "mail.mbox"
    text = rendered("00000000000000a0-9-00000000.main", 0, b"Subject: cut off\r\n")
    other = b"From somebody Thu Jan  1 00:00:00 1970\nSubject: other\n\nother\n\n"
    for there in (other, text + other, other[:10]):
        path.write_bytes(there)
        (tmp_path / "mail.mbox.buzon").write_bytes(b"0\n" + text)
        with Mbox(path) as to:
            assert len(to.there) == 1
        assert path.read_bytes().startswith(there)
        assert text in path.read_bytes()
    path.write_bytes(other)
    (tmp_path / "mail.mbox.buzon").write_bytes(b"100000\n" + text)
    with Mbox(path):
        pass
    assert path.read_bytes() == other + text


@KINDS
def test_killed_at_any_moment_it_goes_on(kind, tmp_path) -> None:
    rng = random.Random(3)
    mail = [b"Subject: %d\r\n\r\n" % n + b"%08d\r\n" % n * rng.randrange(1200) for n in range(60)]
    where = (
        ["--maildir", str(tmp_path / "Mail")]
        if kind == "maildir"
        else ["--mbox", str(tmp_path / "mail.mbox")]
    )
    with Peer() as peer:
        give(peer, mail)
        for n in range(6):
            seen = len(peer.requests)
            process = subprocess.Popen(
                [*BUZON, "mail", "pull", *where, "--port", peer.port], env=env(), stderr=subprocess.PIPE
            )
            end = time.monotonic() + 20
            goal = seen + 10 + rng.randrange(60)
            while len(peer.requests) < goal and process.poll() is None and time.monotonic() < end:
                time.sleep(0.001)
            process.send_signal(signal.SIGINT if n % 3 == 2 else signal.SIGKILL)
            _, error = process.communicate(timeout=20)
            if n % 3 == 2 and process.returncode != 0:
                assert (process.returncode, error) == (130, b"Interrupted.\n")
        done = one_document(buzon("mail", "pull", *where, "--port", peer.port, "--json"))
        assert done["ok"] is True
        assert 0 < done["accounts"][0]["there"] < 60
        assert done["accounts"][0]["copied"] + done["accounts"][0]["there"] == 60
        exactly(kind, tmp_path, mail)


def test_a_part_whose_bytes_are_wrong_is_copied_anew(tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        (tmp_path / "Mail" / "tmp").mkdir(parents=True)
        (tmp_path / "Mail" / "new").mkdir()
        for id, message in peer.mail["main"].items():
            name = f"0.{id}-{len(message):x}-{zlib.crc32(message):08x}.main.buzon"
            (tmp_path / "Mail" / "tmp" / name).write_bytes(bytes(len(message) // 2 + 1))
        (tmp_path / "Mail" / "tmp" / f"5.{'0' * 16}-5-00000000.main.buzon").write_bytes(b"gone on the board")
        assert copy(peer, "maildir", tmp_path).copied == len(MAIL)
        exactly("maildir", tmp_path)


# What a board may say


@KINDS
def test_a_message_that_comes_damaged_is_not_kept_and_does_not_stop_the_others(kind, tmp_path) -> None:
    where = (
        ["--maildir", str(tmp_path / "Mail")]
        if kind == "maildir"
        else ["--mbox", str(tmp_path / "mail.mbox")]
    )
    with Peer() as peer:
        give(peer)
        bad = f"{0xA3:016x}"
        message = peer.mail["main"][bad]

        peer.lies[bad] = {"crc": zlib.crc32(message) ^ 1}
        peer._do = lambda method, params, do=peer._do: (
            {**Peer._chunk(message, params), "size": len(message)}
            if method == "mail.read" and params["id"] == bad
            else do(method, params)
        )
        done = buzon("mail", "pull", *where, "--port", peer.port, "--json")
        assert done.returncode == 1
        assert bad in one_sentence(done)
        assert one_document(done)["ok"] is False
        assert one_document(done)["accounts"][0]["failed"] == [bad]
        exactly(kind, tmp_path, [each for each in MAIL if each != message])
        del peer.lies[bad]
        assert copy(peer, kind, tmp_path).copied == 1
        exactly(kind, tmp_path)


def test_headers_alone_are_counted_and_not_copied(tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        peer.parts = {f"{0xA1:016x}": 5_000_000}
        listed = buzon("mail", "list", "--port", peer.port)
        assert "5.0 MB, header only" in listed.stdout
        done = buzon("mail", "pull", "--maildir", str(tmp_path / "Mail"), "--port", peer.port)
        assert (done.returncode, done.stderr) == (0, "")
        assert "6 copied" in done.stdout
        assert "1 not copied as only their headers" in done.stdout
        exactly("maildir", tmp_path, [each for each in MAIL if each != MAIL[1]])


def test_a_message_that_is_deleted_meanwhile_is_left_out(tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        gone = f"{0xA6:016x}"

        def vanish(peer):
            reads = [r for r in peer.requests if r[1] == "mail.read" and r[2]["id"] == gone]
            if len(reads) == 2:
                peer.mail["main"].pop(gone, None)

        peer.faults = [vanish] * 100
        done = copy(peer, "maildir", tmp_path)
        assert (done.copied, done.gone) == (len(MAIL) - 1, 1)
        exactly("maildir", tmp_path, MAIL[:-1])


@pytest.mark.parametrize(
    "lie",
    [
        {"id": "../../../../x" + "0" * 3},
        {"id": "/" * 16},
        {"id": "A" * 16},
        {"id": "0" * 16 + "\n"},
        {"id": 5},
        {"size": -1},
        {"crc": -1},
        {"crc": 1 << 40},
        {"crc": "../../x"},
        {"time": -1},
        {"time": 1 << 60},
        {"octets": -1},
        {"size": 10, "crc": 0},
    ],
    ids=str,
)
@KINDS
def test_a_hostile_board_writes_nothing_outside_and_nothing_without_end(kind, lie, tmp_path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with Peer() as peer:
        give(peer, MAIL[-1:])
        peer.lies[f"{0xA0:016x}"] = lie
        try:
            done = copy(peer, kind, inside)
            assert done.copied == 0
        except BuzonError as error:
            assert "not understood" in str(error)  # noqa: PT017
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["b"]
    assert sum(path.stat().st_size for path in inside.rglob("*") if path.is_file()) <= 10


@KINDS
def test_a_message_that_never_ends_is_cut_off_at_its_size(kind, tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        peer._do = lambda method, params, do=peer._do: (
            {"off": params["off"], "data": b"x" * 1000, "end": False}
            if method == "mail.read"
            else do(method, params)
        )
        with pytest.raises(BuzonError, match="not understood"):
            copy(peer, kind, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= len(MAIL[0])


@pytest.mark.parametrize("account", ["../x", "a/b", "", ".", "A", "x" * 17, "a\nb"])
def test_a_hostile_boards_account_is_no_path(account, tmp_path) -> None:
    with Peer() as peer:
        give(peer, account=account)
        peer.statuses = [{"accounts": [{"id": account}]}]
        done = buzon("mail", "pull", "--maildir", str(tmp_path / "Mail"), "--port", peer.port)
        assert done.returncode == 1
        assert "a name that cannot be" in one_sentence(done)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_hostile_board_cannot_make_it_list_or_read_for_ever(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("buzon_host.board.client._MAX_PAGES", 50)
    with Peer() as peer:
        peer._do = lambda method, params, do=peer._do: (
            {"total": 1, "items": [], "next": "0" * 16} if method == "mail.list" else do(method, params)
        )
        with pytest.raises(BuzonError, match="not understood"):
            copy(peer, "maildir", tmp_path)
    with Peer() as peer:
        give(peer)
        peer.lies[f"{0xA6:016x}"] = {"size": 1 << 50}
        done = copy(peer, "mbox", tmp_path)
        assert (done.copied, len(done.failed)) == (len(MAIL) - 1, 1)
    monkeypatch.setattr(pull_module, "MAX_RUN", 5000)
    with Peer() as peer:
        give(peer)
        with pytest.raises(BuzonError, match="more than a board can"):
            copy(peer, "maildir", tmp_path)


# Where to


def test_it_touches_nothing_that_is_no_mailbox(tmp_path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a")
    (tmp_path / "book.txt").write_text("Once upon a time\n")
    (tmp_path / "m").mkdir()
    (tmp_path / "m.buzon").write_text("mine\n")
    with Peer() as peer:
        give(peer)
        for where, text in (
            (["--maildir", "notes"], "other things than mail"),
            (["--maildir", "book.txt"], "not a folder"),
            (["--mbox", "book.txt"], "no mbox file"),
            (["--mbox", "notes"], "not a file"),
            (["--mbox", "none/x"], "no folder"),
            ([], "--maildir DIR or --mbox FILE"),
            (["--maildir", "x", "--mbox", "y"], "one of them"),
        ):
            where = [str(tmp_path / each) if not each.startswith("-") else each for each in where]
            done = buzon("mail", "pull", *where, "--port", peer.port)
            assert done.returncode == 2, where
            assert text in one_sentence(done)
    assert (tmp_path / "book.txt").read_text() == "Once upon a time\n"
    assert [each.name for each in (tmp_path / "notes").iterdir()] == ["a.txt"]
    (tmp_path / "m").rmdir()
    with pytest.raises(UsageError, match="in the way"), Mbox(tmp_path / "m"):
        pass


def test_two_copies_to_one_mbox_at_a_time_are_refused(tmp_path) -> None:
    pytest.importorskip("fcntl")
    with Peer() as peer, Mbox(tmp_path / "mail.mbox"):
        give(peer)
        done = buzon("mail", "pull", "--mbox", str(tmp_path / "mail.mbox"), "--port", peer.port)
        assert done.returncode == 1
        assert "Another program has" in one_sentence(done)


# The other verbs


def test_search_flag_and_list_with_a_filter() -> None:
    mail = [
        b"From: Ada <ada@x.org>\r\nSubject: Lunch\r\n\r\n",
        b"From: bob@y.org\r\nSubject: Ada said\r\n\r\n",
        "From: eve@z.org\r\nSubject: ma\u00f1ana\r\n\r\n".encode(),
    ]
    with Peer() as peer:
        give(peer, mail * 9)

        def found(*arguments: str) -> list[int]:
            done = one_document(buzon("mail", *arguments, "--port", peer.port, "--json"))
            return [(int(one["id"], 16) - 0xA0) % 3 for one in done["messages"]]

        assert Counter(found("search", "ADA")) == {0: 9, 1: 9}
        assert found("search", "ada", "--limit", "3") == [1, 0, 1]
        assert Counter(found("list", "--from", "ada")) == {0: 9}
        assert Counter(found("list", "--from", "y.org", "--subject", "said")) == {1: 9}
        assert Counter(found("search", "man\u0303ana")) == {2: 9}
        assert found("search", "nobody") == []
        none = buzon("mail", "search", "nobody", "--port", peer.port)
        assert none.stdout == "No message on the board matches.\n"
        for text in ("", "  ", "x" * 65):
            assert buzon("mail", "search", text, "--port", peer.port).returncode == 2
        id = f"{0xA0:016x}"
        assert buzon("mail", "flag", id, "--read", "--port", peer.port).stdout == "Marked as read.\n"
        assert peer.seen == {id}
        done = one_document(buzon("mail", "flag", id, "--unread", "--port", peer.port, "--json"))
        assert done == {"ok": True, "id": id, "seen": False}
        assert peer.seen == set()
        assert buzon("mail", "flag", id, "--port", peer.port).returncode == 2
        assert buzon("mail", "flag", "f" * 16, "--read", "--port", peer.port).returncode == 4


def test_a_list_goes_on_when_the_board_forgot_where_it_was() -> None:
    with Peer() as peer, Client(Link(peer.port)) as client:
        client.hello()
        give(peer, [b"m"] * 40)
        forgot = []

        def ask(method, params, do=peer._do):
            if method == "mail.list" and "after" in params and len(forgot) < 2:
                forgot.append(params["after"])
                peer.refuse["mail.list"] = [602, "There is no message.", ""]
                peer.faults = [lambda peer: peer.refuse.clear()]
            return do(method, params)

        peer._do = ask
        ids = [item.id for item in client.list_all("main")]
        assert len(ids) == len(set(ids)) == 40
        assert len(forgot) == 2
        peer.refuse["mail.list"] = [602, "There is no message.", ""]
        with pytest.raises(BoardRefused):
            list(client.list_all("main"))


def test_the_modules_redo_record_is_whole_before_the_mbox_is_touched(tmp_path, monkeypatch) -> None:
    seen = []
    real = os.replace

    def replace(source, to):
        seen.append(((tmp_path / "mail.mbox").stat().st_size, Path(source).read_bytes()))
        real(source, to)

    monkeypatch.setattr(mbox_module.os, "replace", replace)
    with Peer() as peer:
        give(peer, MAIL[:2])
        copy(peer, "mbox", tmp_path)
    assert [int(record.split(b"\n")[0]) for _, record in seen] == [size for size, _ in seen]
    assert (
        sum(len(record.split(b"\n", 1)[1]) for _, record in seen) == (tmp_path / "mail.mbox").stat().st_size
    )


# Moving


@KINDS
def test_a_move_leaves_each_message_here_and_none_on_the_board(kind, tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        done = copy(peer, kind, tmp_path, move=True)
        assert (done.copied, done.moved, done.kept) == (len(MAIL), len(MAIL), [])
        assert peer.mail["main"] == {}
        exactly(kind, tmp_path)
        # Deleted one by one, each when its copy is whole; and only that very content.
        order = [r[1] for r in peer.requests if r[1] in ("mail.read", "mail.delete")]
        assert order.count("mail.delete") == len(MAIL)
        assert order[0] == "mail.read"
        assert order[1] == "mail.delete"
        assert all({"size", "crc"} <= r[2].keys() for r in peer.requests if r[1] == "mail.delete")
        done = copy(peer, kind, tmp_path, move=True)
        assert (done.copied, done.moved) == (0, 0)
        exactly(kind, tmp_path)


@KINDS
def test_a_move_after_a_copy_compares_and_copies_nothing_again(kind, tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        copy(peer, kind, tmp_path)
        reads = [r[2]["id"] for r in peer.requests if r[1] == "mail.read"]
        done = copy(peer, kind, tmp_path, move=True)
        assert (done.copied, done.there, done.moved, done.kept) == (0, len(MAIL), len(MAIL), [])
        assert peer.mail["main"] == {}
        exactly(kind, tmp_path)
        again = [r[2]["id"] for r in peer.requests if r[1] == "mail.read"][len(reads) :]
        # An mbox does not keep the kind of lone line ends: of these the copies were compared with the board's.
        odd = {f"{n:016x}" for n, each in enumerate(MAIL, 0xA0) if lf(each).replace(b"\n", b"\r\n").removesuffix(
            b"" if each.endswith(b"\r\n") else b"\r\n") != each}  # fmt: skip
        assert set(again) == (set() if kind == "maildir" else odd)


@KINDS
def test_a_copy_that_was_changed_here_leaves_the_message_on_the_board(kind, tmp_path) -> None:
    where = (
        ["--maildir", str(tmp_path / "Mail")]
        if kind == "maildir"
        else ["--mbox", str(tmp_path / "mail.mbox")]
    )
    for change in (lambda b: b.replace(b"0123456789abcdef", b"0123456789abcdeX", 1), lambda b: b[:-20]):
        with Peer() as peer:
            give(peer)
            copy(peer, kind, tmp_path)
            last = f"{0xA0 + len(MAIL) - 1:016x}"
            [path] = (
                (tmp_path / "Mail" / "new").glob(f"*{last}*")
                if kind == "maildir"
                else [tmp_path / "mail.mbox"]
            )
            path.write_bytes(change(path.read_bytes()))
            done = buzon("mail", "pull", *where, "--move", "--port", peer.port, "--json")
            assert done.returncode == 1
            assert last in one_sentence(done)
            account = one_document(done)["accounts"][0]
            assert (account["moved"], account["kept"]) == (len(MAIL) - 1, [last])
            assert list(peer.mail["main"]) == [last]
        path.unlink()
        for each in (tmp_path / "Mail" / "new").glob("*"):
            each.unlink()


@KINDS
def test_what_comes_damaged_is_not_deleted(kind, tmp_path) -> None:
    bad = f"{0xA3:016x}"
    with Peer() as peer:
        give(peer)
        peer.lies[bad] = {"crc": zlib.crc32(MAIL[3]) ^ 1}
        peer._do = lambda method, params, do=peer._do: (
            {**Peer._chunk(MAIL[3], params), "size": len(MAIL[3])}
            if method == "mail.read" and params["id"] == bad
            else do(method, params)
        )
        done = copy(peer, kind, tmp_path, move=True)
        assert (done.failed, done.moved) == ([bad], len(MAIL) - 1)
        assert list(peer.mail["main"]) == [bad]


def test_headers_alone_are_not_moved(tmp_path) -> None:
    with Peer() as peer:
        give(peer)
        peer.parts = {f"{0xA1:016x}": 5_000_000}
        assert copy(peer, "maildir", tmp_path, move=True).moved == len(MAIL) - 1
        assert list(peer.mail["main"]) == list(peer.parts)


def test_another_message_that_has_the_id_meanwhile_is_not_deleted(tmp_path) -> None:
    with Peer() as peer:
        give(peer, MAIL[:1])
        id = f"{0xA0:016x}"

        def other(peer):
            if peer.done.count("mail.read"):
                peer.mail["main"][id] = b"Subject: another\r\n\r\n"

        peer.faults = [other] * 10
        assert copy(peer, "maildir", tmp_path, move=True).copied == 1
        assert peer.mail["main"] == {id: b"Subject: another\r\n\r\n"}


@KINDS
def test_killed_at_any_moment_each_message_is_on_the_board_or_here(kind, tmp_path) -> None:
    rng = random.Random(5)
    mail = [b"Subject: %d\r\n\r\n" % n + b"%08d\r\n" % n * rng.randrange(400) for n in range(60)]
    where = (
        ["--maildir", str(tmp_path / "Mail")]
        if kind == "maildir"
        else ["--mbox", str(tmp_path / "mail.mbox")]
    )
    command = [*BUZON, "mail", "pull", *where, "--move"]
    with Peer() as peer:
        give(peer, mail)
        for n in range(6):
            goal = len(peer.requests) + 10 + rng.randrange(40)
            process = subprocess.Popen([*command, "--port", peer.port], env=env(), stderr=subprocess.PIPE)
            end = time.monotonic() + 20
            while len(peer.requests) < goal and process.poll() is None and time.monotonic() < end:
                time.sleep(0.001)
            process.send_signal(signal.SIGINT if n % 3 == 2 else signal.SIGKILL)
            process.communicate(timeout=20)
            if kind == "maildir":
                here = [path.read_bytes() for path in (tmp_path / "Mail" / "new").glob("*")]
                assert not Counter(mail) - Counter(here) - Counter(peer.mail["main"].values())
        done = one_document(buzon("mail", "pull", *where, "--move", "--port", peer.port, "--json"))
        assert done["ok"] is True
        assert peer.mail["main"] == {}
        exactly(kind, tmp_path, mail)


def test_a_full_board_goes_on_when_its_mail_was_moved(tmp_path) -> None:
    full = {
        "id": "main",
        "state": "error",
        "error": [600, "The board has no more room (0 KB left for mail)."],
    }
    for error, syncs in ((full["error"], 1), ([205, "The server stopped answering."], 0), (None, 0)):
        with Peer() as peer:
            give(peer)
            peer.statuses = [{"flash": [1, 2], "accounts": [{**full, "error": error}]}]
            done = buzon(
                "mail", "pull", "--maildir", str(tmp_path / str(syncs)), "--move", "--port", peer.port
            )
            assert done.returncode == 0, done.stderr
            assert f"{len(MAIL)} deleted from the board" in done.stdout
            assert peer.done.count("sync") == syncs
            for path in (tmp_path / str(syncs) / "new").glob("*"):
                path.unlink()
