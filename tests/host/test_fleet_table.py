"""The table of a fleet: every mistake has its row and its column, and no password is in any of them."""

import csv

import pytest
from buzon_host.board import find
from buzon_host.errors import NoBoard, UsageError
from buzon_host.fleet import results, table
from buzon_host.fleet.results import Line

SECRET = "geheim-SECRET-99"
ENV = {"CASA_1": "one-SECRET-1", "CASA_2": "two-SECRET-2", "BUZON_WIFI_PASSWORD": "wifi-SECRET-3"}
TEMPLATE = {
    "wifi": [{"ssid": "Casa"}],
    "account": [{"host": "pop.example.com", "keep": "forever"}],
    "time": {"zone": 60},
}


def parse(text, template=TEMPLATE, env=ENV):
    return table.parse(text, template, "boards.csv", env=env, keyring=False)


def problems(text, template=TEMPLATE, env=ENV):
    with pytest.raises(table.TableError) as error:
        parse(text, template, env)
    assert SECRET not in str(error.value)
    assert error.value.exit_code == 2
    return error.value.problems


def test_rows_over_the_template() -> None:
    text = (
        "\ufeffid,name,user,password,port,wifi,wifi_password\r\n".removeprefix("\ufeff")
        + 'AA:BB:CC:00:00:01,Hall,"one@x.example",env:CASA_1,,,\r\n'
        + "\r\n"
        + "aabbcc000002, Kitchen ,two@x.example,env:CASA_2,1995,Other,open\r\n"
    )
    one, two = parse(text)
    assert (one.id, one.number, one.name) == ("aabbcc000001", 2, "Hall")
    assert (one.settings.account[0].user, one.settings.account[0].secret) == ("one@x.example", "one-SECRET-1")
    assert (one.settings.account[0].keep, one.settings.account[0].effective_port) == ("forever", 995)
    assert one.settings.wifi[0].ssid == "Casa"
    assert one.settings.wifi[0].password.get_secret_value() == "wifi-SECRET-3"
    assert one.settings.time.zone == 60
    assert (two.number, two.name, two.settings.account[0].port) == (4, "Kitchen", 1995)
    assert (two.settings.wifi[0].ssid, two.settings.wifi[0].password.get_secret_value()) == ("Other", "")


def test_a_table_alone_and_with_semicolons() -> None:
    text = "id;host;user;password;wifi\naabb;h.example;u;env:CASA_1;Casa\n"
    (row,) = parse(text, {})
    assert (row.settings.account[0].host, row.settings.wifi[0].ssid) == ("h.example", "Casa")


def test_every_mistake_at_once() -> None:
    text = (
        "id,user,password,port,wifi_password\n"
        f"aabb,u,{SECRET},99,\n"
        ",u,env:CASA_1,,\n"
        "aacc,,env:CASA_1,x,\n"
        "aadd,u,env:NONE,70000,\n"
        "AA:DD,u,env:CASA_1,,,more\n"
        "aaee,u,env:CASA_1,,\n"
        "aa ee,u,env:CASA_1,,\n"
        "zz,u,env:CASA_1,,env:CASA_9\n"
    )
    found = problems(text)
    assert [(row, column) for row, column, _ in found] == [
        *((2, "password"), (3, "id"), (4, "port"), (4, "user"), (5, "password"), (5, "port")),
        *((6, "column 6"), (8, "id"), (9, "id"), (9, "wifi_password")),
    ]
    assert ("is missing" in found[1][2], "row 7" in found[7][2]) == (True, True)
    assert problems("id,user\naabb,u\n", env={}) == [
        (2, "password", "is missing: write env:NAME or keyring:USER"),
        (2, "wifi_password", "is missing: write env:NAME, keyring:USER or open"),
    ]
    assert problems("id,name\naabb,n\n", {}) == [(2, "wifi", "is missing"), (2, "user", "is missing")]
    short = {"BUZON_WIFI_PASSWORD": "x", "BUZON_PASSWORD": SECRET + "\n"}
    assert [one[:2] for one in problems("id,user\naabb,u\n", env=short)] == [
        (2, "password"),
        (2, "wifi_password"),
    ]


@pytest.mark.parametrize(
    ("text", "row", "column", "what"),
    [
        ("id,usr\n", 1, "column 2", "did you mean user?"),
        ("id,id\n", 1, "id", "is there twice"),
        ("name\nx\n", 1, "id", "is missing"),
        ("", 1, "id", "is missing"),
        ("id,user\n\n", 0, "rows", "there are none"),
    ],
)
def test_the_head(text, row, column, what) -> None:
    found = problems(text)
    assert found[0][:2] == (row, column)
    assert what in found[0][2]


def test_files_that_are_no_table(tmp_path) -> None:
    path = tmp_path / "boards.csv"
    with pytest.raises(UsageError, match="cannot be read"):
        table.load(path)
    path.write_bytes(b"id\n\xff\xfe\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        table.load(path)
    path.write_text('id\n"aabb\n')
    with pytest.raises(UsageError, match="no CSV"):
        table.load(path)
    path.write_text("id,user\naabb,u\n")
    with pytest.raises(table.TableError, match="row 2, wifi"):
        table.load(path, env={}, keyring=False)


def test_a_template_that_does_not_fit() -> None:
    assert problems("id,user\naabb,u\n", {"account": 3, "wifi": [{"ssid": "x"}]})[0][:2] == (2, "user")
    assert problems("id,user\naabb,u\n", {**TEMPLATE, "colour": 1})[0][:2] == (2, "colour")


def test_results_come_back(tmp_path) -> None:
    path = tmp_path / "r.csv"
    assert results.read(path) == {}
    lines = [
        Line("aabb", "Hall", "/dev/x", "done", 0, "Well, then.", 3, 4, "2026-01-01T00:00:00+00:00"),
        Line("aacc", "=cmd()", "", "failed", 502, 'No "good"\x1b[31m', None, None, ""),
    ]
    results.write(path, lines)
    back = results.read(path)
    assert back["aabb"] == lines[0]
    assert back["aacc"].code == 502
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    assert rows[2][1] == "'=cmd()"
    assert "\x1b" not in path.read_text("utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["r.csv"]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="no result file"):
        results.read(path)
    head = ",".join(results.HEAD)
    path.write_text(f'{head}\n00ff,"{"x" * 200_000}",,done,,,,,\n')
    with pytest.raises(UsageError, match="no result file"):
        results.read(path)
    path.write_text(f"{head}\n00ff,n,p,done,{'9' * 5000},m,,,\n")
    assert results.read(path)["00ff"].code == 0


def test_all_ports(monkeypatch) -> None:
    monkeypatch.delenv("BUZON_PORTS", raising=False)
    monkeypatch.setattr(find, "boards", list)
    with pytest.raises(NoBoard):
        find.find_all()
    monkeypatch.setattr(find, "boards", lambda: [find.Found("/dev/a", ""), find.Found("/dev/b", "")])
    assert find.find_all() == (["/dev/a", "/dev/b"], False)
    monkeypatch.setenv("BUZON_PORTS", " /dev/c, /dev/d\n/dev/c ")
    assert find.find_all() == (["/dev/c", "/dev/d"], True)
    assert find.find_all(["/dev/e"]) == (["/dev/e"], True)
