"""Provisioning over a real pty: what the board gets, in which order, and what a failure leaves."""

import time

import pytest
from buzon_host.board.client import Client
from buzon_host.errors import BoardRefused, BuzonError
from buzon_host.provision import ca as certificates
from buzon_host.provision import schema, steps
from test_board_peer import Peer

DER = b"0\x82 not really a certificate " * 30


def settings(**more) -> schema.Settings:
    account = {"host": "pop.example.com", "user": "me", "password": "hunter2-Zx9!", **more}
    return schema.parse({"wifi": [{"ssid": "Home", "password": "correct horse"}], "account": [account]})


def state(kind: str, **more) -> dict:
    return {"state": kind, "step": "login", "account": "main", "error": None, "accounts": [], **more}


OK = state("ok", accounts=[{"id": "main", "messages": 412, "bytes": 1_900_000_000}])


def run(peer: Peer, tree: schema.Settings, answer: bool = True, ca: bytes | None = DER):
    asked: list[str] = []
    told: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return answer

    with Client.connect(peer.port, timeout=5) as client:
        result = steps.provision(client, tree, ca=ca, confirm=confirm, progress=told.append)
    return result, asked, told


def test_everything_in_its_order_and_confirmed() -> None:
    with Peer() as peer:
        peer.tests = [state("running", step="wifi"), state("running"), OK]
        result, asked, told = run(peer, settings())
        assert abs(peer.clock - time.time()) < 30
        path = certificates.board_path(DER)
        assert peer.files == {path: DER}
        account = peer.settings["account"][0]
        assert account["ca"] == path
        assert account["password"] == "hunter2-Zx9!"
        assert account["delete_confirmed"] is True
        order = [m for m in dict.fromkeys(peer.done) if m != "status"]
        assert order == [
            "hello",
            "time.set",
            "file.put",
            "settings.stage",
            "settings.test",
            "settings.commit",
        ]
    assert asked == [
        "me on pop.example.com: 412 messages, 1.9 GB; this board has room for 1.8 MB. The board deletes each "
        "message from the server once it has stored it. Do you agree?"
    ]
    assert result.unconfirmed == []
    assert result.mailboxes == [steps.Mailbox("main", 412, 1_900_000_000)]
    assert "The board joins the Wi-Fi" in told
    assert "hunter2" not in repr(told) + repr(result)


def test_mail_of_an_account_with_another_name_is_not_forgotten_silently() -> None:
    with Peer() as peer:
        peer.tests = [OK]
        peer.statuses = [
            {"accounts": [{"id": "main", "stored": 3}, {"id": "home", "stored": 12}, {"id": "old"}]}
        ]
        result, _, _ = run(peer, settings())
        assert result.unnamed == {"home": 12}


def test_nothing_is_deleted_without_a_yes() -> None:
    with Peer() as peer:
        peer.tests = [OK]
        result, asked, _ = run(peer, settings(), answer=False)
        assert len(asked) == 1
        assert peer.settings["account"][0]["delete_confirmed"] is False
        assert result.unconfirmed == ["main"]


@pytest.mark.parametrize("more", [{"keep": "forever"}, {"delete_confirmed": True}])
def test_nothing_is_asked_where_nothing_is_to_be_confirmed(more) -> None:
    with Peer() as peer:
        peer.tests = [OK]
        result, asked, _ = run(peer, settings(**more))
        assert asked == []
        assert result.unconfirmed == []


@pytest.mark.parametrize(
    ("path", "of"),
    [
        ("account[0].password", "account main, password: "),
        ("account[0]", "account main: "),
        ("account[7]", "account: "),
        ("wifi[0].password", 'Wi-Fi "Home", password: '),
        ("wifi", ""),
        ("time", "time: "),
        ("", ""),
        ("]", ""),
    ],
)
def test_a_failed_test_leaves_the_old_settings_and_says_why(path, of) -> None:
    with Peer() as peer:
        peer.settings = {"old": 1}
        peer.tests = [
            state("running"),
            state(
                "failed",
                error=[502, "The password is wrong (no): run buzon provision with the right one.", path],
            ),
        ]
        with pytest.raises(BoardRefused) as error:
            run(peer, settings())
        assert peer.settings == {"old": 1}
        assert peer.staged is None
        assert str(error.value) == f"{of}The password is wrong (no): correct it, and run this again."
        assert error.value.code == 502
        assert error.value.exit_code == 4


def test_ctrl_c_during_the_test_discards() -> None:
    with Peer() as peer:
        peer.tests = [state("running")]

        def interrupt(text: str) -> None:
            if "logs in" in text:
                raise KeyboardInterrupt

        with Client.connect(peer.port, timeout=5) as client, pytest.raises(KeyboardInterrupt):
            steps.provision(client, settings(), ca=DER, confirm=lambda _: True, progress=interrupt)
        assert peer.staged is None
        assert peer.settings is None


def test_a_test_that_never_ends_has_a_deadline(monkeypatch) -> None:
    monkeypatch.setattr(steps, "TEST_S", 0.8)
    with Peer() as peer:
        peer.tests = [state("running")]
        with pytest.raises(BuzonError, match="got no further"):
            run(peer, settings())
        assert peer.staged is None


def test_a_board_that_is_reset_between_stage_and_commit_keeps_the_old_settings() -> None:
    with Peer() as peer:
        peer.settings = {"old": 1}
        peer.tests = [state("running"), state("running"), OK]

        def reset(board: Peer) -> str:
            return "reset" if board.done[-1:] == ["settings.test"] else ""

        peer.faults = [reset] * 60
        with pytest.raises(BuzonError):
            run(peer, settings())
        assert peer.settings == {"old": 1}


def test_every_fault_on_the_line_still_provisions() -> None:
    with Peer(faults=["drop", "", "lose", "", "damage", "", "cut", "noise", "twice", "", "event"]) as peer:
        peer.tests = [OK]
        run(peer, settings())
        assert peer.settings["account"][0]["delete_confirmed"] is True
        assert list(peer.files.values()) == [DER]


@pytest.mark.parametrize("more", [{"tls": "none"}, {"tls_verify": False}, {"ca": "/certs/mine.der"}])
def test_no_ca_is_sent_where_none_is_used(more) -> None:
    with Peer() as peer:
        peer.tests = [OK]
        run(peer, settings(**more), ca=None)
        assert peer.files == {}
        assert peer.settings["account"][0].get("ca") == more.get("ca")


def test_without_a_ca_an_unknown_server_s_is_never_sent() -> None:
    with Peer() as peer:
        with pytest.raises(BuzonError, match="No secure connection to 127"):
            run(peer, settings(host="127.0.0.1", port=1), ca=None)
        assert peer.files == {}
        assert "settings.stage" not in peer.done


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_800_000, "1.8 MB"),
        (412_000_000, "412 MB"),
    ],
)
def test_sizes_for_people(size, text) -> None:
    assert steps.human(size) == text
