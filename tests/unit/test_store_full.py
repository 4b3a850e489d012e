"""A flash that is full to the brim: a real littlefs on a block device in memory, and what must work on it all the same."""

ONLY = "micropython"

import os
import sys
from binascii import hexlify

import vfs


class Machine:
    """What the files of the console need of a board: it has no watchdog."""

    WDT = None


sys.modules["machine"] = Machine

from buzon import errors, plugins
from buzon.account import Account
from buzon.console import change, config, files, mailbox
from buzon.core.cbor import Encoder
from buzon.store import fs, leave, opening, reserve, rewrite, settings, walk  # noqa: F401
from buzon.store.incoming import Incoming
from buzon.store.journal import LEFT, RECORD, Journal
from buzon.store.mend import compact
from buzon.store.reserve import keep
from buzon.store.spool import key_of

plugins._ours = lambda name: False  # all is loaded before `/` is another file system, and stays

BLOCK = 4096
RESERVE = "/mail/reserve.bin"
DOC = {"v": 1, "device": {"name": "a board"}, "wifi": [{"ssid": "s" * 32, "password": "p" * 64}] * 4}


class Memory:
    """A block device (the extended interface); its blocks lie apart, as a heap in use has no large room in one piece."""

    def __init__(self, blocks):
        self.data = [None] * blocks
        self.reads = 0

    def readblocks(self, block, buf, off=0):
        self.reads += 1
        data = self.data[block]
        buf[:] = data[off : off + len(buf)] if data else bytes(len(buf))

    def writeblocks(self, block, buf, off=0):
        if not self.data[block]:
            self.data[block] = bytearray(BLOCK)
        self.data[block][off : off + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data)
        return BLOCK if op == 5 else 0


class Things:
    """An object with the attributes it is given."""

    def __init__(self, **attributes):
        for name in attributes:
            setattr(self, name, attributes[name])


class Flash:
    """A context: `/` is a new littlefs of so many blocks, with an account in it, as a board has it."""

    def __init__(self, blocks=60, reserve=True):
        self.device = Memory(blocks)
        self.reserve = reserve

    def __enter__(self):
        self.path = sys.path[:]
        vfs.umount("/")
        vfs.mount(vfs.VfsPosix("/"), "/pc")
        sys.path[:] = [each if each == ".frozen" else "/pc" + each for each in sys.path]
        vfs.VfsLfs2.mkfs(self.device)
        vfs.mount(vfs.VfsLfs2(self.device), "/")
        fs.rooms.clear()
        self.start()
        if self.reserve:
            assert keep()
        return self

    def __exit__(self, *_):
        vfs.umount("/")
        vfs.umount("/pc")
        vfs.mount(vfs.VfsPosix(), "/")
        sys.path[:] = self.path

    def start(self):
        """As after the power was off."""
        self.spool = Incoming("acc")
        self.spool.prepare()
        self.journal = Journal(self.spool.folder)
        self.journal.open(self.spool)
        account = Things(id="acc", spool=self.spool, journal=self.journal)
        self.app = Things(
            accounts=[account],
            settings=None,
            staged=bytearray(),
            trial=None,
            upload=["", 0, 0],
            reload=False,
            link=Things(cut=lambda: None),  # no session runs
        )

    def store(self, number, size):
        content = bytearray(b"Subject: %d\r\n\r\n" % number + b"x" * size)
        self.spool.begin(len(content))
        self.spool.write(content, 0, len(content))
        key = self.spool.commit(key_of(b"uid%d" % number))
        self.journal.arrived(key, 1000 + number, octets=len(content), crc=self.spool.sum, size=len(content))
        return str(hexlify(key), "utf-8")

    def ids(self):
        return [str(hexlify(key), "utf-8") for key, _, _ in self.journal.newest()]

    def fill(self):
        """To the last byte, by somebody else's files: large ones, then the room that names and small files have."""
        os.mkdir("/others")
        for size in (65536, 16384, 4096, 1024, 100, 0):
            for n in range(500):
                try:
                    with open("/others/%d-%030d" % (size, n), "wb") as f:
                        f.write(b"y" * size)
                except OSError as err:
                    assert fs.trouble(err).code == errors.E_FLASH_FULL, err
                    break
            else:
                raise AssertionError("the flash has no end")
        free, total = fs.room()
        assert (free, total) == (0, len(self.device.data) * BLOCK), (free, total)

    def delete(self, id):
        mailbox.do_mail_delete(self.app, {"account": "acc", "id": id})

    def flag(self, id, seen=True):
        mailbox.do_mail_flag(self.app, {"account": "acc", "id": id, "seen": seen})

    def set(self, name):
        """Change the settings, in the frames in which the PC tool does."""
        room = Encoder(bytearray(1024))
        room.put(dict(DOC, device={"name": name}))
        data = bytes(room.buf[: room.n])
        for off in range(0, len(data), 120):
            part = data[off : off + 120]
            end = off + 120 >= len(data)
            config.do_settings_stage(self.app, {"off": off, "data": part, "end": end})
        change.do_settings_commit(self.app, {"untested": True})
        self.app.settings = settings.load()
        assert self.app.settings["device"]["name"] == name

    def put(self, size, path="/certs/ca.der", piece=700):
        for off in range(0, size, piece):
            data = b"z" * min(piece, size - off)
            files.do_file_put(self.app, {"path": path, "off": off, "data": data, "end": off + piece >= size})


def refused(what, *args, code=errors.E_FLASH_FULL):
    try:
        what(*args)
    except errors.StoreError as err:
        assert err.code == code, err.code
        return True
    return False


def test_a_full_flash_has_no_room_and_never_more_than_there_is():
    for blocks in (24, 60):
        with Flash(blocks, reserve=False) as flash:
            flash.fill()
            raw = os.statvfs("/")
            assert not 0 <= raw[3] <= raw[2]  # this is what littlefs says of it
            assert fs.room() == (0, blocks * BLOCK)
            assert flash.spool.room() == 0


def test_on_a_flash_filled_to_the_brim_what_a_person_changes_is_written():
    for order in ("flag set delete", "set flag delete", "delete set flag", "flag flag set set delete"):
        with Flash() as flash:
            ids = [flash.store(i, (3000, 200, 20)[i % 3]) for i in range(15)]
            flash.journal.flush()
            flash.set("before")
            flash.fill()
            assert fs.exists(RESERVE)
            for what in order.split():
                if what == "flag":
                    flash.flag(ids[0])
                elif what == "set":
                    flash.set("after")
                else:
                    flash.delete(ids[1])
            flash.start()  # and it is there after a start
            assert settings.load()["device"]["name"] == "after"
            assert sorted(flash.ids()) == sorted(ids[:1] + ids[2:])
            seen = [key for key, _, seen in flash.journal.newest() if seen]
            assert [str(hexlify(key), "utf-8") for key in seen] == ids[:1]


def test_without_the_reserve_mail_can_be_read_and_deleted_and_then_all_is_well():
    with Flash(reserve=False) as flash:
        ids = [flash.store(i, (3000, 20)[i % 2]) for i in range(40)]
        flash.journal.flush()
        flash.set("before")
        flash.fill()
        assert refused(flash.set, "after")
        assert settings.load()["device"]["name"] == "before"
        for id in ids[:2]:
            refused(flash.flag, id)  # there may be room for a record in a block that is begun
        params = {"account": "acc", "id": ids[1], "off": 0}
        assert mailbox.do_mail_read(flash.app, params)["end"]
        for id in ids[:9][::-1]:  # small ones first, which make no room
            flash.delete(id)
        assert sorted(flash.ids()) == sorted(ids[9:])
        flash.set("after")
        flash.flag(ids[10])
        flash.start()
        assert sorted(flash.ids()) == sorted(ids[9:])
        for name in fs.names(flash.spool.folder):
            assert not name.endswith((".part", ".tmp")), name


def test_the_reserve_is_made_again_when_there_is_room():
    with Flash() as flash:
        flash.store(1, 100)
        flash.fill()
        flash.set("more")
        assert not fs.exists(RESERVE)
        assert not keep()
        for name in list(fs.names("/others")):
            os.remove("/others/" + name)
        account = Account({"id": "acc"})  # as the board does at its start
        account.open()
        assert os.stat(RESERVE)[6] == 16384
        assert not account.journal.given


def test_mail_and_files_leave_32_kb():
    for fill in ("mail", "small mail", "file", "file in small pieces"):
        with Flash(70) as flash:
            if fill == "mail":
                for i in range(500):
                    if refused(flash.store, i, 9000 + 37 * i % 5000):
                        break
            elif fill == "small mail":
                for i in range(500):
                    if refused(flash.store, i, 10 + i % 700):
                        break
            else:
                assert refused(flash.put, 262144, "/lib/big.py", 240 if fill != "file" else 1000)
                assert not fs.exists("/lib/big.py.tmp")
                for i in range(100):  # as much as it takes
                    if refused(flash.put, 6000, "/certs/%d.der" % i):
                        break
            free = fs.room()[0]
            assert fs.SPARE - 3 * BLOCK <= free < fs.SPARE + 6 * BLOCK, (fill, free)
            flash.set("still")
            # All of it, by what may use it.
            with open("/test", "wb") as f:
                f.write(b"t" * (fs.SPARE - 4 * BLOCK))


def test_a_file_that_is_put_while_mail_comes_in_leaves_the_room_too():
    with Flash(100) as flash:
        off = 0
        n = 0
        try:
            while True:
                data = b"z" * 240
                files.do_file_put(flash.app, {"path": "/lib/a.py", "off": off, "data": data, "end": False})
                off += 240
                if off % 2400 == 0:
                    refused(flash.store, n, 9000)
                    n += 1
        except errors.StoreError as err:
            assert err.code == errors.E_FLASH_FULL
        while not refused(flash.store, n, 3000):
            n += 1
        assert fs.room()[0] >= fs.SPARE - 5 * BLOCK, fs.room()


def test_a_large_journal_can_be_made_anew_on_a_full_flash_however_much_is_changed():
    with Flash(160) as flash:
        for i in range(2600):  # 72 KB of them
            flash.journal.arrived(key_of(b"left%d" % i), 1000, LEFT)
        flash.journal.flush()
        n = 0
        while not refused(flash.store, n, 6000):
            n += 1
        flash.journal.flush()
        ids = flash.ids()
        assert len(ids) == n > 20
        size = os.stat(flash.journal.path)[6]
        for i in range(300):
            flash.flag(ids[i % n], i // n % 2 == 0)
        assert flash.journal.changes <= 64
        assert os.stat(flash.journal.path)[6] <= size + 64 * RECORD
        assert fs.exists(RESERVE)
        compact(flash.journal)


def test_only_want_of_room_takes_the_reserve():
    with Flash():
        assert not reserve.give(OSError(5))
        assert fs.exists(RESERVE)
        assert reserve.give(OSError(28))
        assert not fs.exists(RESERVE)
        assert not reserve.give(OSError(28))
