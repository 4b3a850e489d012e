"""Settings on a whole board: checked, staged, tested, committed, and whole after a power cut at any moment."""

import copy
import shutil
import time
from collections import Counter

import cbor2
import pytest
from app_board import PASSWORD, WIFI, account_of, files_on, mail_on, message, tree_of, until
from buzon_host.errors import BoardRefused
from buzon_host.provision.schema import SettingsError
from buzon_host.virtual.profile import Timing


@pytest.fixture
def server(serve):
    return serve(samples=False)


@pytest.fixture
def rig(boot, server):
    made = boot()
    made.provision(server)
    made.settled()
    return made


def raw(rig, server, **changes):
    """Settings as the board gets them, with its own CA."""
    account = {
        **account_of(server, protocol="pop3", tls="implicit", tls_verify=True, keep="delete"),
        "ca": rig.settings()["account"][0]["ca"],
    }
    return {"v": 1, **tree_of({**account, **changes})}


def put(tree, path: str, value) -> None:
    *parents, last = [
        int(part) if part.isdigit() else part for part in path.replace("[", ".").replace("]", "").split(".")
    ]
    for part in parents:
        tree = tree[part]
    tree[last] = value


def test_keys_that_the_board_does_not_know_are_ignored_there_and_an_error_on_the_pc(rig, server) -> None:
    tree = raw(rig, server, colour="red", port_knock=[1, {"a": 2}])
    tree["future"] = {"deep": [1, 2, {"x": None}]}
    rig.stage(tree)
    assert rig.test().state == "ok"
    rig.client.commit()
    rig.in_force(tree)
    server.deliver(message(1))
    assert rig.sync().error is None
    assert mail_on(rig.board.flash_file) == Counter([message(1)])
    tree["account"][0].pop("port_knock")
    del tree["future"]
    with pytest.raises(SettingsError, match=r"colour in \[\[account\]\]"):
        rig.provision(server, tree)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("v", 2, 101),
        ("wifi", {}, 101),
        ("wifi[0]", "text", 101),
        ("wifi[0].ssid", 5, 101),
        ("wifi[0].ssid", "x" * 33, 101),
        ("wifi[0].password", "line\r\nend", 102),
        ("account", None, 101),
        ("account[0].port", "995", 101),
        ("account[0].port", 0, 101),
        ("account[0].port", 65536, 101),
        ("account[0].port", True, 101),
        ("account[0].id", "Up/../per", 101),
        ("account[0].host", "", 101),
        ("account[0].user", "a\r\nDELE 1", 102),
        ("account[0].password", "nul\0nul", 102),
        ("account[0].password", b"bytes", 101),
        ("account[0].tls", "maybe", 101),
        ("account[0].tls_verify", 1, 101),
        ("account[0].keep", "never", 101),
        ("account[0].delete_confirmed", "yes", 101),
        ("account[0].poll_s", -1, 101),
        ("display", [], 101),
    ],
    ids=str,
)
def test_wrong_settings(path: str, value: object, code: int, shared_rig) -> None:
    rig, server = shared_rig
    before = rig.settings()
    tree = raw(rig, server)
    put(tree, path, value)
    with pytest.raises(BoardRefused) as error:
        rig.stage(tree)
    assert (error.value.code, error.value.path) == (code, path)
    assert path in str(error.value)
    if isinstance(value, str) and code == 102:
        assert value not in str(error.value)
    with pytest.raises(BoardRefused, match="no new settings"):
        rig.client.commit(untested=True)
    assert rig.settings() == before


@pytest.mark.parametrize(
    "data",
    [b"", b"\xa1", b"\xff", b"\x80", cbor2.dumps([1]), b"\xa1\x61v\xfb" + bytes(8), b"\xa1\x61v\x81" * 40],
    ids=["nothing", "cut off", "break", "list", "array", "float", "deep"],
)
def test_settings_that_are_no_settings(data: bytes, shared_rig) -> None:
    rig, _ = shared_rig
    before = rig.settings()
    with pytest.raises(BoardRefused) as error:
        rig.client.stage(data)
    assert error.value.code in (101, 704)
    assert rig.settings() == before
    assert rig.sync().error is None


def test_too_large_settings_are_refused(shared_rig) -> None:
    rig, server = shared_rig
    before = rig.settings()
    with pytest.raises(BoardRefused, match="too long") as error:
        rig.stage({**raw(rig, server), "x": "y" * 3000})
    assert error.value.code == 706
    assert rig.settings() == before


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory):
    """One board for the tests that must not change anything on it."""
    from app_board import Rig
    from buzon_host.server.run import LocalServer

    with LocalServer(samples=False, password=PASSWORD) as server:
        rig = Rig(tmp_path_factory.mktemp("shared"))
        try:
            rig.provision(server)
            rig.settled()
            yield rig, server
            rig.keeps_secrets()
        finally:
            rig.close()


def test_a_secret_is_kept_while_its_server_stays_the_same(rig, server) -> None:
    tree = raw(rig, server, password=True, poll_s=3600)
    tree["wifi"][0]["password"] = True
    rig.stage(tree)
    assert rig.test().state == "ok"
    rig.client.commit()
    rig.in_force(tree)
    shown = rig.settings()
    assert shown["account"][0]["password"] is True
    assert shown["wifi"][0]["password"] is True
    assert shown["account"][0]["poll_s"] == 3600
    assert rig.sync().error is None
    stored = cbor2.loads(files_on(rig.board.flash_file)["settings.cbor"])
    assert (stored["account"][0]["password"], stored["wifi"][0]["password"]) == (PASSWORD, WIFI[1])


@pytest.mark.parametrize(
    "change",
    [{"host": "localhost"}, {"port": 1}, {"user": "other"}, {"tls": "none"}, {"tls_verify": False}],
    ids=str,
)
def test_a_secret_is_not_kept_for_another_server(change, shared_rig) -> None:
    rig, server = shared_rig
    with pytest.raises(BoardRefused, match="given again") as error:
        rig.stage(raw(rig, server, **{"password": True, **change}))
    assert (error.value.code, error.value.path) == (103, "account[0].password")


def test_a_wifi_password_is_not_kept_for_another_network(shared_rig) -> None:
    rig, server = shared_rig
    tree = raw(rig, server)
    tree["wifi"] = [{"ssid": "Other", "password": True}]
    with pytest.raises(BoardRefused) as error:
        rig.stage(tree)
    assert (error.value.code, error.value.path) == (103, "wifi[0].password")


def test_commit_needs_a_test_that_passed(rig, server) -> None:
    before = rig.settings()
    with pytest.raises(BoardRefused) as error:
        rig.client.commit()
    assert error.value.code == 106
    with pytest.raises(BoardRefused) as error:
        rig.client.test()
    assert error.value.code == 106
    tree = raw(rig, server)
    rig.stage(tree)
    with pytest.raises(BoardRefused, match="not passed their test") as error:
        rig.client.commit()
    assert error.value.code == 107
    wrong = copy.deepcopy(tree)
    wrong["account"][0]["password"] = "wrong"
    rig.stage(wrong)
    assert rig.test().error.code == 502
    for untested in (False, True):  # what has failed is not committed, whatever one says
        with pytest.raises(BoardRefused) as error:
            rig.client.commit(untested=untested)
        assert error.value.code == 107
    assert rig.settings() == before
    rig.stage(tree)
    rig.client.commit(untested=True)
    rig.in_force(tree)


def test_a_commit_ends_the_session_of_the_old_settings(boot, server) -> None:
    """What was to be deleted by them is not deleted after it."""
    rig = boot(timing=Timing(program_ns=3200), real_time=True)
    rig.provision(server)
    rig.settled()
    tree = raw(rig, server, keep="forever")
    rig.stage(tree)
    sent = [message(i, 20000) for i in range(30)]
    for each in sent:
        server.deliver(each)
    rig.client.sync()
    until(lambda: rig.client.status().accounts[0].fetched >= 3, what="some of the messages")
    rig.client.commit(untested=True)
    rig.in_force(tree)
    account = rig.sync(timeout=120)
    assert (account.error, account.stored) == (None, 30)
    assert server.left() == 30  # nothing was deleted
    assert mail_on(rig.board.flash_file) == Counter(sent)


def test_a_test_beside_a_session_is_answered_and_does_not_wait_for_all_of_it(boot, server) -> None:
    """The session ends when what is in flight (1 MB) has come, and the next one brings the rest."""
    rig = boot(timing=Timing(program_ns=3200), real_time=True)
    rig.provision(server)
    rig.settled()
    tree = raw(rig, server, keep="forever")
    sent = [message(i, 30000) for i in range(45)]
    for each in sent:
        server.deliver(each)
    rig.client.sync()
    until(lambda: rig.client.status().accounts[0].fetched >= 1, what="some of the messages")
    rig.stage(tree)
    answers = []
    while rig.client.status().accounts[0].state == "sync":
        began = time.monotonic()
        answers.append(rig.client.test().state)
        assert time.monotonic() - began < 2
    assert len(answers) > 3
    assert set(answers) == {"running"}
    report = rig.test()
    assert (report.state, report.error) == ("ok", None)
    assert rig.client.status().accounts[0].stored < len(sent)
    account = rig.sync(timeout=120)
    assert (account.error, account.stored) == (None, len(sent))


def test_discard(rig, server) -> None:
    before = rig.settings()
    tree = raw(rig, server)
    rig.stage(tree)
    assert "settings.new" in files_on(rig.board.flash_file)
    rig.client.discard()
    assert "settings.new" not in files_on(rig.board.flash_file)
    with pytest.raises(BoardRefused) as error:
        rig.client.commit(untested=True)
    assert error.value.code == 106
    assert rig.settings() == before
    rig.stage(tree)
    rig.power_cycle()  # staged and not committed: gone
    assert rig.settings() == before
    assert "settings.new" not in files_on(rig.board.flash_file)
    assert rig.settled().error is None


def test_a_power_cut_in_any_operation_of_a_change_leaves_old_or_new_settings(boot, server, tmp_path) -> None:
    rig = boot(flash=tmp_path / "base.img")
    rig.provision(server)
    rig.settled()
    old = rig.settings()
    tree = raw(rig, server)
    new = {
        **tree,
        "account": [{**tree["account"][0], "password": True}],
        "wifi": [{"ssid": WIFI[0], "password": True}],
    }
    rig.close()

    def change(rig) -> tuple[int, int]:
        """The operations done before the commit and after it."""
        rig.client.hello()
        rig.stage(tree)
        before = rig.board.stats()["operations"]
        rig.client.commit(untested=True)
        return before, rig.board.stats()["operations"]

    shutil.copy(tmp_path / "base.img", tmp_path / "dry.img")
    dry = boot(flash=tmp_path / "dry.img")
    staged, done = change(dry)
    dry.close()
    assert 0 < staged < done
    outcomes = []
    for cut in range(1, done + 1):
        for torn in (0.0, 0.5, 0.99) if cut > staged else (0.5,):
            flash = tmp_path / f"{cut}-{torn}.img"
            shutil.copy(tmp_path / "base.img", flash)
            rig = boot(flash=flash, cut_at=cut, cut_torn=torn)
            rig.client.link._waits = (0.2,) * 3  # the board dies: do not wait long for it
            with pytest.raises(Exception, match=r"answer|went away"):
                change(rig)
            assert rig.board.wait_exit(5)
            rig.power_cycle()
            found = rig.settings()
            assert found in (old, new), (cut, torn)
            if cut <= staged:
                assert found == old
            outcomes.append(found == new)
            assert "settings.new" not in files_on(flash)
            until(lambda rig=rig: rig.client.status().accounts, 5)
            assert rig.settled(timeout=10).error is None
            rig.close()
    assert outcomes.count(False) >= staged


def test_a_board_that_was_never_provisioned_says_what_to_do(boot) -> None:
    rig = boot()
    info = rig.client.hello()
    assert not info.configured
    rig.page("notice")
    rig.shows("Buzón", "buzon", "provision")
    assert rig.status()["state"] == "unset"
    with pytest.raises(BoardRefused) as error:
        rig.client.sync()
    assert error.value.code == 104
    with pytest.raises(BoardRefused) as error:
        rig.settings()
    assert error.value.code == 106


def test_a_damaged_settings_file_stops_nothing_but_the_polls(rig, server, boot, tmp_path) -> None:
    from buzon_host.virtual.flash import open_image

    flash = rig.board.flash_file
    rig.close()
    fs = open_image(flash)
    with fs.open("/settings.cbor", "rb") as file:
        rest = file.read()[3:]
    with fs.open("/settings.cbor", "wb") as file:
        file.write(b"\xff\xff\xff" + rest)
    fs.unmount()
    flash.write_bytes(fs.context.buffer)
    rig = boot(flash=flash)
    rig.client.hello()
    rig.page("notice")
    rig.shows("provision")
    assert rig.status()["error"][0] == 100
    assert "provision" in rig.status()["error"][1]
    rig.provision(server)
    assert rig.settled().error is None


def _wiped(rig) -> bool:
    """A poll may begin at any moment, and then nothing is wiped."""
    try:
        rig.client.wipe("mail")
    except BoardRefused as error:
        if error.code != 705:
            raise
        return False
    return True


def test_settings_that_are_staged_while_others_are_applied_stay_staged(rig, server) -> None:
    """A wipe has the settings in force applied anew a moment later: that took away what was staged meanwhile."""
    for _ in range(3):
        until(lambda: _wiped(rig), what="rest")
        rig.stage(raw(rig, server))
        time.sleep(0.5)
        rig.client.commit(untested=True)
