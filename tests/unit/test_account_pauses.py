"""What an account does after each kind of failure: how long it waits, and that it keeps its password."""

from buzon import errors
from buzon.account import Account

SETTINGS = {"id": "acc", "host": "h", "user": "u", "password": "p", "poll_s": 300}


def pause(code, times=1):
    """Seconds from the `times`-th failure in a row to the next try."""
    account = Account(dict(SETTINGS))
    for _ in range(times):
        account.error = errors.ServerError(code, "")
        account.settle(1000)
    assert account.state == "error"
    assert account.settings["password"] == "p"
    return account.due - 1000


def test_a_mailbox_in_use_or_a_server_in_trouble_is_tried_again_soon_and_then_more_seldom():
    for code in (errors.E_IN_USE, errors.E_SYS_TEMP, errors.E_LOGIN_DELAY):
        assert 5 <= pause(code) < 7
        assert 10 <= pause(code, 2) < 13
        assert 900 <= pause(code, 30) < 1130


def test_a_refused_login_keeps_the_password_whatever_the_reason():
    for code in (errors.E_LOGIN, errors.E_PASSWORD, errors.E_IN_USE):
        pause(code, 30)


def test_a_server_that_needs_a_person_is_left_alone_for_a_day():
    assert pause(errors.E_SYS_PERM) == 86400


def test_what_is_wrong_with_one_message_delays_nothing():
    for code in (errors.E_REFUSED, errors.E_DOUBT, errors.E_EMPTY, errors.E_STAYS, errors.E_NO_TOP):
        account = Account(dict(SETTINGS))
        account.fails = 3
        account.error = errors.ServerError(code, "")
        account.minor = True
        account.settle(1000)
        assert (account.state, account.fails, account.due) == ("error", 0, 1300)
        account.more = True  # on at once, but never in a circle without a pause
        account.settle(1000)
        assert 1005 <= account.due <= 1006


def test_sessions_that_bring_nothing_come_more_and_more_seldom():
    """As where the flash refuses one message: the session is over in a moment, and there is more to do."""
    account = Account(dict(SETTINGS))
    account.minor = account.more = True
    account.error = errors.StoreError(errors.E_FLASH, "EIO")
    for least in (5, 10, 20, 40, 80, 160, 300, 300):
        account.settle(1000)
        assert least <= account.due - 1000 <= min(300, least * 5 // 4), (least, account.due)
    account.fetched = 1  # something came after all
    account.settle(1000)
    assert 1005 <= account.due <= 1006


def test_what_goes_well_ends_the_pauses():
    account = Account(dict(SETTINGS))
    account.error = errors.ServerError(errors.E_IN_USE, "")
    account.settle(1000)
    account.error = None
    account.settle(2000)
    assert (account.fails, account.due) == (0, 2300)


def test_a_next_session_comes_no_sooner_than_the_server_allows():
    account = Account(dict(SETTINGS))
    account.more = True  # the last one ended before its work
    account.settle(1000)
    assert account.due == 1000
    account.memory["delay"] = 120
    account.settle(1000)
    assert account.due == 1120
    account.more = False
    account.settle(1000)
    assert account.due == 1300
    account.error = errors.ServerError(errors.E_LOGIN_DELAY, "")
    account.settle(1000)
    assert account.due == 1120
