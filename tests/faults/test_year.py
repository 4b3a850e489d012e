"""A month of `make year` for each purpose; and that what it looks for would be seen."""

import pytest
from buzon_host.provision.purpose import Purpose

from . import year


@pytest.mark.timeout(1200)  # minutes on a busy machine
@pytest.mark.parametrize("what", list(Purpose))
def test_a_month(what: Purpose) -> None:
    report = year.year(what, 30)
    print(report)
    assert not report.faults, str(report)
    assert report.mails > 30 * 40
    assert report.drops > 5
    assert report.cuts > 3
    assert report.errors[211], "the certificate changed"
    if what is Purpose.bring:
        assert report.errors[600], "the flash was full"
        assert report.moved > 30 * 40
    else:
        assert report.stored > 20


def test_what_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that tells, and deletes on the server; and one of which the person loses what was moved."""
    monkeypatch.setitem(year.purpose._ACCOUNT[Purpose.tell], "keep", "delete")
    assert any("without consent" in fault for fault in year.year(Purpose.tell, 1).faults)
    monkeypatch.setattr(year._Year, "move", lambda self: self.do("move") and None)
    assert any("are nowhere" in fault for fault in year.year(Purpose.bring, 1).faults)
