"""What `buzon doctor` says of a board whose way to the mailbox is free; the whole verb is in tests/virtual."""

import pytest
from buzon_host import standing
from buzon_host.board.client import Status

NOW = 1_800_000_000


def board(uptime: int = 90_000, ago: int | None = 60, error: tuple[int, str] | None = None, **more) -> Status:
    account = {
        "id": "main",
        "state": "error" if error else "idle",
        "stored": 7,
        "last_ok": NOW - ago if ago is not None else 0,
        "error": {"code": error[0], "message": error[1]} if error else None,
    }
    return Status.model_validate({"uptime": uptime, "epoch": NOW, "accounts": [account], **more})


def found(status: Status, **tree):
    return list(standing.of_account({"id": "main", "keep": "forever", **tree}, status))


def failed(checks) -> list[tuple[str, int]]:
    assert all(check.text.endswith(".") and check.remedy.endswith(".") for check in checks)
    return [(check.name, check.code) for check in checks if check.result == "failed"]


def test_nothing_is_said_where_all_is_well() -> None:
    assert found(board()) == []
    assert found(board(), keep="delete", delete_confirmed=True) == []
    assert found(board(ago=None, uptime=600)) == []  # the first poll may take its time
    assert found(board(), id="other") == []
    assert list(standing.of_board(Status(notify=[("display", None), ("log", None)]))) == []


@pytest.mark.parametrize(
    ("ago", "uptime", "poll_s", "stuck"),
    [
        (3_599, 90_000, 300, False),
        (3_700, 90_000, 300, True),
        (3_700, 3_000, 300, False),  # the clock was set after its first poll
        (86_400 * 2, 86_400 * 9, 86_400, False),
        (86_400 * 4, 86_400 * 9, 86_400, True),
        (None, 3_700, 300, True),
        (None, 3_500, 300, False),
        (-50, 90_000, 300, False),  # the clock went back
    ],
)
def test_nothing_collected_for_several_polls_is_a_fault(ago, uptime, poll_s, stuck) -> None:
    checks = found(board(ago=ago, uptime=uptime), poll_s=poll_s)
    assert failed(checks) == ([("collecting", 0)] if stuck else [])


def test_a_clock_that_was_never_set_says_nothing_but_the_uptime() -> None:
    assert failed(found(board(epoch=None, uptime=3_000))) == []
    assert failed(found(board(epoch=None, uptime=4_000))) == [("collecting", 0)]


def test_a_full_board_is_a_fault_and_the_way_out_is_named() -> None:
    full = board(error=(600, "The board has no more room (0 KB left for mail): move its mail."))
    [check] = found(full)
    assert failed([check]) == [("room", 600)]
    assert check.text == "The board is full (7 messages): new mail stays on the server."
    assert "buzon mail pull --move" in check.remedy
    [check] = found(board(error=(604, "A message of 2000 KB has no room here.")))
    assert failed([check]) == [("last error", 604)]
    assert "max_bytes" in check.remedy


def test_an_error_that_stands_is_a_fault() -> None:
    [check] = found(board(error=(204, "The server pop.x does not answer: try later.")))
    assert failed([check]) == [("last error", 204)]
    assert check.text == "The last try failed: The server pop.x does not answer."
    assert "buzon sync" in check.remedy
    [check] = found(board(error=(410, "Message 3 may not be whole: it stays on the server; read it there.")))
    assert failed([check]) == [("last error", 410)]


def test_deleting_that_waits_for_a_person_is_no_fault_but_said() -> None:
    [check] = found(board(), keep="delete")
    assert (check.name, check.result) == ("deleting", "warn")


def test_a_display_that_is_missing_is_a_fault() -> None:
    checks = list(
        standing.of_board(Status(notify=[("log", "x"), ("display", "The display does not answer.")]))
    )
    assert [(check.name, check.result) for check in checks] == [("log", "warn"), ("display", "failed")]
    assert "null" in checks[1].remedy


def test_how_full_is_between_0_and_100() -> None:
    for flash in ([], [1], [0, 0], [5, 32768]):
        assert standing.full_percent(flash) is None
    assert standing.full_percent([1 << 44, 1 << 20]) == 0
    assert standing.full_percent([-5, 1 << 20]) == 100
