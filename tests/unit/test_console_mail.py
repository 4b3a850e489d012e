"""mail.list, mail.read, mail.flag, mail.delete over a real spool and journal: pages, searches, what they cost."""

ONLY = "micropython"

import builtins
import gc
import os
import time
from binascii import crc32, hexlify

from buzon import errors
from buzon.console import listing, mailbox
from buzon.core.cbor import Encoder, decode
from buzon.core.frames import OUT_ROOM
from buzon.store import fs
from buzon.store.incoming import Incoming
from buzon.store.journal import DELETED, RECORD, Journal
from buzon.store.spool import key_of


class Things:
    """An object with the attributes it is given."""

    def __init__(self, **attributes):
        for name in attributes:
            setattr(self, name, attributes[name])


def fresh():
    """An app with one account in a folder that no other test uses."""
    n = 0
    while fs.exists("mail%d" % n):
        n += 1
    spool = Incoming("acc", "mail%d" % n)
    spool.prepare()
    journal = Journal(spool.folder)
    journal.open(spool)
    account = Things(id="acc", spool=spool, journal=journal)
    return Things(accounts=[account]), account


def store(account, uid, content, now=1000):
    account.spool.begin(len(content))
    account.spool.write(bytearray(content), 0, len(content))
    key = account.spool.commit(key_of(uid))
    account.journal.arrived(key, now)
    return str(hexlify(key), "utf-8")


def message(number, sender="Sender <s@example.org>", subject="Message"):
    return ("From: %s\r\nSubject: %s %d\r\n\r\nText of %d\r\n" % (sender, subject, number, number)).encode()


def stored(account, n, **fields):
    """The ids of n messages, newest first."""
    return [store(account, b"uid%d" % i, message(i, **fields), 1000 + i) for i in range(n)][::-1]


def ask(app, params):
    """What mail.list answers, through a frame."""
    room = Encoder(bytearray(OUT_ROOM))
    room.put({0: 1 << 30, 3: listing.do_mail_list(app, params)})
    return decode(bytes(room.buf[: room.n]), 8)[3]


def pages(app, between=None, **params):
    """(items, requests) of all pages."""
    params["account"] = "acc"
    params.setdefault("n", 8)
    found = []
    requests = 0
    while True:
        page = ask(app, params)
        requests += 1
        found += page["items"]
        if page["next"] is None:
            return found, requests
        params["after"] = page["next"]
        if between:
            between()


def ids(found):
    return [item["id"] for item in found]


def refused(code, call, app, params):
    try:
        call(app, params)
    except errors.MailError as err:
        assert err.code == code, err.code
    else:
        raise AssertionError("not refused")


def test_pages_are_newest_first_and_whole_whatever_their_size():
    app, account = fresh()
    want = stored(account, 21)
    for brief in (False, True):
        for n in (1, 3, 8, 100):
            found, _ = pages(app, n=n, brief=brief)
            assert ids(found) == want
            assert [item["time"] for item in found] == list(range(1020, 999, -1))
            assert ("subject" in found[0]) is not brief
    for item in found:
        content = message(int(item["time"]) - 1000)
        assert (item["size"], item["crc"]) == (len(content), crc32(content))


def test_mail_that_comes_or_goes_between_two_pages_neither_doubles_nor_hides_any():
    app, account = fresh()
    want = stored(account, 30)
    came = []

    def between():
        came.append(store(account, b"new%d" % len(came), message(100)))
        gone = want[4 * len(came) - 1]  # the very message that the page ended with
        mailbox.do_mail_delete(app, {"account": "acc", "id": gone})

    found, requests = pages(app, between)
    assert ids(found) == want
    assert len(came) == requests - 1 == 7


def test_a_page_goes_on_behind_a_message_through_a_compaction():
    app, account = fresh()
    want = stored(account, 12)
    first = ask(app, {"account": "acc", "n": 4})
    for turn in range(70):  # more changes than the journal keeps
        mailbox.do_mail_flag(app, {"account": "acc", "id": want[turn % 3], "seen": turn % 2 == 0})
    assert os.stat(account.spool.folder + "/journal")[6] < (12 + 64) * 16
    rest, _ = pages(app, after=first["next"])
    assert ids(first["items"]) + ids(rest) == want


def test_a_page_behind_a_message_that_never_was_is_refused():
    app, account = fresh()
    stored(account, 3)
    refused(errors.E_NO_MESSAGE, listing.do_mail_list, app, {"account": "acc", "n": 8, "after": "0" * 16})
    for after in ("", "0", "x" * 16, 5, None, b""):
        refused(errors.E_PARAMS, listing.do_mail_list, app, {"account": "acc", "n": 8, "after": after})


def test_search_finds_decoded_text_in_any_case_of_its_ascii_letters():
    app, account = fresh()
    coded = store(
        account,
        b"coded",
        b"From: =?utf-8?B?THVjw61hIEliw6HDsWV6?= <Lucia@Example.ORG>\r\n"
        b"Subject: =?iso-8859-1?Q?=BFComemos?=\r\n =?iso-8859-1?Q?_ma=F1ana=3F?= He\treservado\r\n\r\nhidden\r\n",
    )
    plain = store(account, b"plain", b"From: bob@example.com\r\nSubject: Lunch\r\n\r\nLuc\xc3\xada\r\n")
    none = store(account, b"none", b"\r\nNo header\r\n")
    for params, want in (
        ({"from": "Lucía"}, [coded]),
        ({"from": "lucÍA"}, [coded]),
        ({"from": "lucia@EXAMPLE.org"}, [coded]),
        ({"from": "EXAMPLE"}, [plain, coded]),
        ({"subject": "¿comemos MAÑana".replace("Ñ", "ñ")}, [coded]),
        ({"subject": "he  reservado"}, [coded]),
        ({"subject": "lucia"}, []),  # it is in the text
        ({"text": "lun"}, [plain]),
        ({"text": "example"}, [plain, coded]),
        ({"text": "hidden"}, []),
        ({"from": "example", "subject": "lunch"}, [plain]),
        ({"from": "bob", "text": "reservado"}, []),
        ({"text": "  LU\x1bN\u202e "}, [plain]),
        ({"text": ""}, [none, plain, coded]),
    ):
        assert ids(pages(app, **params)[0]) == want, params
    refused(errors.E_PARAMS, listing.do_mail_list, app, {"account": "acc", "n": 8, "from": 5})


def test_search_finds_what_a_list_cuts_off():
    app, account = fresh()
    id = store(account, b"long", b"Subject: " + b"long " * 50 + b"needle\r\n\r\n")
    found, _ = pages(app, subject="NEEDLE")
    assert ids(found) == [id]
    assert "needle" not in found[0]["subject"]


def test_one_search_request_looks_at_a_bounded_number_of_messages():
    app, account = fresh()
    want = stored(account, 50)
    opened = []
    whole = builtins.open

    def counted(path, mode="r"):
        if path.endswith(".eml"):
            opened.append(path)
        return whole(path, mode)

    builtins.open = counted
    try:
        page = ask(app, {"account": "acc", "n": 8, "text": "nowhere"})
        assert page["items"] == [] and page["next"] == want[7]
        assert len(opened) == 8
        found, requests = pages(app, text="nowhere")
        assert (found, requests) == ([], 7)
        assert ids(pages(app, text="message 3")[0]) == [want[49 - i] for i in range(39, 29, -1)] + [want[46]]
    finally:
        builtins.open = whole


def test_a_slow_flash_ends_a_search_request_after_a_quarter_of_a_second():
    app, account = fresh()
    want = stored(account, 20)
    whole = builtins.open

    def slow(path, mode="r"):
        if path.endswith(".eml"):
            time.sleep_ms(100)
        return whole(path, mode)

    builtins.open = slow
    try:
        begun = time.ticks_ms()
        page = ask(app, {"account": "acc", "n": 8, "text": "nowhere"})
        assert time.ticks_diff(time.ticks_ms(), begun) < 600
        assert page["next"] == want[2]
        assert len(pages(app, subject="message")[0]) == 20
    finally:
        builtins.open = whole


def test_the_longest_texts_fit_a_frame():
    app, account = fresh()
    long = "\u00f1" * 90
    want = [
        store(
            account, b"%d" % i, ("From: %s\r\nSubject: %s\r\nDate: %s\r\n\r\n" % (long, long, long)).encode()
        )
        for i in range(9)
    ][::-1]
    assert ids(pages(app)[0]) == want
    assert ids(pages(app, brief=True, n=100)[0]) == want


def test_a_search_keeps_nothing_in_the_heap():
    app, account = fresh()
    stored(account, 100)
    ask(app, {"account": "acc", "n": 8, "text": "nowhere"})
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(20):
        pages(app, text="nowhere")
    gc.collect()
    assert gc.mem_alloc() < before + 256


def test_read_marks_as_seen_and_a_peek_does_not():
    app, account = fresh()
    content = message(1) + b"x" * 3000
    id = store(account, b"uid", content)
    item = pages(app)[0][0]
    named = {"size": item["size"], "crc": item["crc"]}
    for more in ({"peek": True}, dict(named, peek=True), {}, named):
        got = b""
        end = False
        while not end:
            part = mailbox.do_mail_read(app, dict(more, account="acc", id=id, off=len(got)))
            got += bytes(part["data"])
            end = part["end"]
        assert got == content
        assert pages(app)[0][0]["seen"] is ("peek" not in more)
        mailbox.do_mail_flag(app, {"account": "acc", "id": id, "seen": False})
    assert account.journal.new == 1


def test_read_by_its_checksum_gives_that_message_or_none():
    app, account = fresh()
    id = store(account, b"uid", message(1))
    item = pages(app)[0][0]
    ask = {"account": "acc", "id": id, "off": 0, "size": item["size"], "crc": item["crc"]}
    assert bytes(mailbox.do_mail_read(app, ask)["data"]) == message(1)
    for wrong in ({"crc": item["crc"] ^ 1}, {"size": item["size"] + 1}, {"id": "0" * 16}):
        refused(errors.E_NO_MESSAGE, mailbox.do_mail_read, app, dict(ask, **wrong))
    for wrong in ({"crc": "../../x"}, {"crc": -1}, {"size": "1"}, {"id": "../../settings"}):
        refused(errors.E_PARAMS, mailbox.do_mail_read, app, dict(ask, **wrong))


def test_flags_are_counted_kept_and_written_only_when_they_change():
    app, account = fresh()
    want = stored(account, 3)
    account.journal.flush()

    def flag(id, seen):
        assert mailbox.do_mail_flag(app, {"account": "acc", "id": id, "seen": seen}) == {"seen": seen}
        again = Journal(account.spool.folder)
        again.open(account.spool)
        assert (again.stored, again.new) == (account.journal.stored, account.journal.new)
        return again.new

    size = lambda: os.stat(account.spool.folder + "/journal")[6]  # noqa: E731
    was = size()
    assert flag(want[0], False) == 3
    assert size() == was
    assert [flag(want[0], True), flag(want[1], True), flag(want[0], True)] == [2, 1, 1]
    assert size() == was + 2 * RECORD
    assert [item["seen"] for item in pages(app)[0]] == [True, True, False]
    assert [flag(want[1], False), flag(want[1], True), flag(want[0], False)] == [2, 1, 2]
    for _ in range(40):
        flag(want[2], True)
        flag(want[2], False)
    assert [item["seen"] for item in pages(app)[0]] == [False, True, False]
    mailbox.do_mail_delete(app, {"account": "acc", "id": want[0]})
    mailbox.do_mail_delete(app, {"account": "acc", "id": want[1]})
    assert (account.journal.stored, account.journal.new) == (1, 1)
    for id in (want[0], "0" * 16):
        refused(errors.E_NO_MESSAGE, mailbox.do_mail_flag, app, {"account": "acc", "id": id, "seen": False})
    refused(errors.E_PARAMS, mailbox.do_mail_flag, app, {"account": "acc", "id": want[2]})
    refused(errors.E_PARAMS, mailbox.do_mail_flag, app, {"account": "acc", "id": want[2], "seen": 1})
    assert account.journal.state(key_of(b"uid2")) == DELETED


def test_a_name_tells_whether_only_the_header_is_there():
    assert listing.told("0123456789abcdef-3e8-89abcdef.eml") == {
        "id": "0123456789abcdef",
        "size": 1000,
        "crc": 0x89ABCDEF,
    }
    header = listing.told("0123456789abcdef-3e8-89abcdef-f4240.hdr")
    assert (header["part"], header["octets"], header["size"]) == (True, 1_000_000, 1000)


class FullJournal(Journal):
    """Nothing can be written as long as there are so many messages."""

    spool = None

    def flush(self):
        if self.pending and self.spool and self.spool.count() > 3:
            raise errors.StoreError(errors.E_FLASH_FULL, "0 KB free")
        super().flush()


def test_a_message_can_be_deleted_though_the_flash_is_full_to_the_last_block():
    app, account = fresh()
    ids = stored(account, 4)
    account.journal.flush()
    account.journal = FullJournal(account.spool.folder)
    account.journal.open(account.spool)
    account.journal.spool = account.spool
    assert mailbox.do_mail_delete(app, {"account": "acc", "id": ids[1]}) == {"deleted": True}
    assert (account.spool.count(), account.journal.stored) == (3, 3)
    assert account.journal.state(key_of(b"uid2")) == DELETED
