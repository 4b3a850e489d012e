"""The button says that a person has seen what is new: all of it, in every account, for good."""

import json
from typing import Any

import pytest
from app_board import ACCOUNT, SAMPLES, Rig, account_of, files_on, message, tree_of, until
from buzon_host.cli.press import run as press
from buzon_host.errors import NoBoard


def new_in(rig: Rig) -> dict[str, int]:
    return {one["id"]: one["new"] for one in rig.status()["accounts"]}


def test_a_press_marks_all_that_is_new_in_every_account_for_good(boot: Any, serve: Any) -> None:
    servers = [serve(samples=False), serve(samples=False)]
    for number in range(3):
        servers[0].deliver(message(number))
    for number in range(3, 8):
        servers[1].deliver(message(number))
    rig: Rig = boot()
    # Both sign with a CA of their own: the second goes without TLS.
    accounts = [account_of(servers[0]), account_of(servers[1], id="club", tls="none", port=servers[1].pop3)]
    rig.provision(servers[0], tree_of(*accounts))
    rig.settled()
    rig.settled("club")
    rig.page("alert")
    rig.shows("+7 more")
    assert new_in(rig) == {ACCOUNT: 3, "club": 5}
    press(port=rig.board.port)
    rig.page("idle")
    until(lambda: new_in(rig) == {ACCOUNT: 0, "club": 0}, 5, "all seen")
    rig.shows("No new mail")
    for account in (ACCOUNT, "club"):
        assert all(item.seen for item in rig.client.list_all(account))

    rig.power_cycle()
    assert until(lambda: new_in(rig)) == {ACCOUNT: 0, "club": 0}
    rig.shows("No new mail")

    servers[1].deliver(message(9))
    assert rig.sync("club").new == 1
    rig.page("alert")
    rig.shows("Sender 9")
    assert new_in(rig) == {ACCOUNT: 0, "club": 1}


def test_a_press_says_what_it_did(boot: Any, serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server = serve(samples=False)
    for number in range(3):
        server.deliver(message(number))
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    rig.page("alert")
    press(port=rig.board.port)
    assert capsys.readouterr().out == "Pressed the button on pin 0.\n"  # the test has the serial port
    until(lambda: new_in(rig) == {ACCOUNT: 0}, 5, "all seen")
    for number in range(3, 5):
        server.deliver(message(number))
    assert rig.sync().new == 2
    rig.page("alert")
    rig.client.close()
    press(button=5, port=rig.board.port)
    assert capsys.readouterr().out == (
        "Pressed the button on pin 5: 2 messages are still new.\n"
        "The display shows new mail: buzon screen draws it.\n"
    )
    for said in ("2 messages are marked as seen", "no message was new"):
        press(port=rig.board.port)
        assert capsys.readouterr().out == (
            f"Pressed the button on pin 0: {said}.\n"
            "The display shows that nothing is new: buzon screen draws it.\n"
        )
    id = next(iter(rig.client.list_all(ACCOUNT))).id
    rig.client.flag_message(ACCOUNT, id, seen=False)  # which brings no alert
    rig.client.close()
    press(button=5, port=rig.board.port)
    assert capsys.readouterr().out == (
        "Pressed the button on pin 5: 1 message is still new.\n"
        "The display shows its idle page: buzon screen draws it.\n"
    )
    with pytest.raises(NoBoard, match=r"^There is no port /dev/nothing-here: plug the board in"):
        press(port="/dev/nothing-here")
    press(port=rig.board.port)
    capsys.readouterr()
    press(port=rig.board.port, json=True)
    assert json.loads(capsys.readouterr().out) == {"ok": True, "pressed": 0, "seen": 0, "page": "idle"}


def test_many_are_marked_in_a_small_heap_and_the_journal_stays_small(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    for number in range(200):
        server.deliver(message(number))
    rig: Rig = boot(flash_size=4 << 20)
    rig.provision(server, keep="forever")
    assert rig.settled(timeout=120).new == 200
    one = rig.client.list_page(ACCOUNT).items[0]
    rig.client.delete_message(ACCOUNT, one.id)
    assert new_in(rig) == {ACCOUNT: 199}
    rig.board.press(hold_s=0.02)
    until(lambda: new_in(rig) == {ACCOUNT: 0}, 10, "all seen")
    before = rig.board.stats()["programs"]
    rig.board.press()  # nothing is new: nothing is written
    rig.shows("199 messages")
    assert rig.board.stats()["programs"] == before
    rig.power_cycle()
    assert until(lambda: new_in(rig)) == {ACCOUNT: 0}
    assert rig.sync().fetched == 0
    rig.close()
    journal = files_on(rig.board.flash_file, f"/mail/{ACCOUNT}")["journal"]
    assert len(journal) < 300 * 24


def test_what_a_session_is_bringing_is_not_marked_before_it_was_shown(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    server.deliver(message(1))
    rig: Rig = boot(flash_size=16 << 20)
    rig.provision(server)
    rig.settled()
    rig.page("alert")
    server.deliver(message(2))
    server.deliver(message(3, 8_000_000))
    rig.client.sync()

    def one_of_two() -> bool:
        account = rig.status()["accounts"][0]
        return (account["fetched"], account["todo"]) == (1, 2)

    until(one_of_two, 15, "the first of two")
    rig.board.press(hold_s=0.02)
    until(lambda: new_in(rig) == {ACCOUNT: 1}, 5, "the one that was shown is seen")
    assert rig.settled(timeout=60).new == 2
    rig.page("alert")
    rig.shows("Sender 3", "+1 more")


def test_power_that_goes_in_the_middle_of_it_costs_nothing(boot: Any, serve: Any) -> None:
    server = serve()
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    for operation in (1, 2, 3):
        rig.board.cut(rig.board.stats()["operations"] + operation)
        rig.power_cycle(clock=False)
        before = until(lambda: new_in(rig))
        rig.board.press(hold_s=0.02)
        if not rig.board.wait_exit(3):
            assert operation > 1
            return  # it took fewer
        rig.power_cycle(clock=False)
        account = until(lambda: rig.status()["accounts"])[0]
        assert account["stored"] == len(SAMPLES)
        assert account["new"] in (0, before[ACCOUNT])
        for item in rig.client.list_all(ACCOUNT):
            rig.client.flag_message(ACCOUNT, item.id, seen=False)
