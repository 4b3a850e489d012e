"""The benchmark: what a row means, that what got worse is found, and that the pages say what was measured."""

import itertools
import json
import re
import shutil
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import narrow
import pytest
import typer
from buzon_host import paths
from buzon_host.bench import alert, code, flash, heap, mail, plots, report, run
from buzon_host.bench.interpreter import from_files, from_rom
from buzon_host.bench.rows import Bench, Goal, Row, paired, spread
from buzon_host.build import library, romfs
from buzon_host.build.mpy import compiled_firmware
from buzon_host.cli import bench as bench_verb
from buzon_host.errors import BuzonError, UsageError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "bench"
READMES = (ROOT / "README.md", ROOT / "README.es.md")


# -- rows


@pytest.mark.parametrize(
    ("goal", "ours", "ratio", "met"),
    [
        (Goal(high=56), 56, None, True),
        (Goal(high=56), 57, None, False),
        (Goal(low=0.5), 10, 0.5, True),
        (Goal(low=0.5), 10, 0.49, False),
        (Goal(low=1, high=2), 3, 1.5, True),
        (Goal(high=128, of="ours"), 128, 900.0, True),  # judged by its figure though it has a ratio
        (Goal(high=128, of="ours"), 129, 0.1, False),
        (None, 10, 0.5, None),
        (Goal(low=0.5), None, None, None),
    ],
)
def test_a_goal_is_met_by_the_ratio_or_by_the_figure(
    goal: Goal | None, ours: float | None, ratio: float | None, met: bool | None
) -> None:
    assert Row("heap", "x", ours, "KiB", ratio=ratio, goal=goal).met is met


def test_what_json_has_of_a_row() -> None:
    row = Row("flash", "x", 1.5, "bytes", 1, 1.5, goal=Goal(low=1, high=2), series={"x": [[1.0, 2.0]]})
    assert row.document() == {
        "group": "flash",
        "name": "x",
        "ours": 1.5,
        "unit": "bytes",
        "reference": 1,
        "ratio": 1.5,
        "runs": 1,
        "spread": 0.0,
        "goal": ">= 1 <= 2",
        "met": True,
    }
    assert Row("link", "mpop", None, "s", missing="mpop is not installed").document()["missing"]


def test_pairs_take_turns_in_who_is_first() -> None:
    order: list[str] = []
    ours = iter([1.0, 2.0, 3.0])
    theirs = iter([2.0, 2.0, 2.0])

    def take(name: str, figures: "itertools.chain[float] | Callable[[], float]") -> float:
        order.append(name)
        return next(figures)  # type: ignore[call-overload]

    found = paired(3, lambda: take("a", ours), lambda: take("b", theirs))
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == (2.0, 2.0, 1.0, 1.0)  # ratios 0.5, 1.0, 1.5


def test_the_spread_is_of_the_median() -> None:
    assert spread([2.0, 4.0, 5.0]) == 0.75
    assert spread([0.0, 0.0]) == 0.0


# -- what got worse


@pytest.fixture
def bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bounds.toml"
    path.write_text("[heap]\na = { high = 60 }\n[retr]\nb = { low = 0.5 }\n[poll]\nc = { high = 4 }\n")
    monkeypatch.setattr(run, "BOUNDS", path)


@pytest.mark.usefixtures("bounds")
def test_a_row_within_its_bounds_is_no_trouble_and_one_without_any_neither() -> None:
    rows = [Row("heap", "a", 60, "KiB"), Row("heap", "z", 9999, "KiB"), Row("retr", "b", 1, "MB/s", 2, 0.5)]
    assert run.worse(rows, ["heap", "retr"]) == []


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (Row("heap", "a", 61, "KiB"), "heap, a: 61 is above 60."),
        (
            Row("heap", "a", None, "KiB", missing="60 KiB were not enough"),
            "heap, a: not measured (60 KiB were not enough).",
        ),
        (Row("heap", "other", 1, "KiB"), "heap, a: it has a bound, but was not measured."),
    ],
)
def test_a_worse_row_and_a_missing_one_are_found(row: Row, sentence: str) -> None:
    assert run.worse([row], ["heap"]) == [sentence]


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize("ci", [False, True])
def test_an_optional_row_may_be_missing_but_not_in_ci(monkeypatch: pytest.MonkeyPatch, ci: bool) -> None:
    run.BOUNDS.write_text("[code]\na = { high = 60, optional = 1 }\n")
    monkeypatch.setenv("CI", "true" if ci else "")
    found = run.worse([Row("code", "a", None, "bytes", missing="nothing to run it")], ["code"])
    assert found == (["code, a: not measured (nothing to run it)."] if ci else [])
    assert run.worse([Row("code", "a", 61, "bytes")], ["code"]) == ["code, a: 61 is above 60."]


@pytest.mark.usefixtures("bounds")
def test_the_ratio_is_compared_where_there_is_one() -> None:
    assert run.worse([Row("retr", "b", 100, "MB/s", 300, 0.33)], ["retr"]) == ["retr, b: 0.33 is below 0.5."]


@pytest.mark.usefixtures("bounds")
def test_a_group_that_does_not_end_keeps_no_other_from_being_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(bench: Bench) -> "list[Row]":
        raise BuzonError("The board has gone.")

    monkeypatch.setattr(heap, "rows", broken)
    monkeypatch.setattr(alert, "rows", lambda bench: [Row("alert", "x", 1, "s")])
    rows = list(run.measure(["heap", "alert"], runs=1, say=lambda text: None))
    assert [(row.group, row.ours, row.missing) for row in rows] == [
        ("heap", None, "The board has gone."),
        ("alert", 1, ""),
    ]
    assert "heap: The board has gone." in run.worse(rows, ["heap"])


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize(("kib", "code"), [(60, 0), (61, 1)])
def test_the_command_fails_when_a_row_got_worse(
    kib: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(heap, "rows", lambda bench: [Row("heap", "a", kib, "KiB")] if bench.check else [])
    if code:
        with pytest.raises(typer.Exit) as end:
            bench_verb.run(only=["heap"], check=True, json=True)
        assert end.value.exit_code == code
    else:
        bench_verb.run(only=["heap"], check=True, json=True)
    said = capsys.readouterr()
    assert [row["ours"] for row in json.loads(said.out)["rows"]] == [kib]
    assert said.err == ("heap, a: 61 is above 60.\n" if code else "")


def test_a_page_without_a_place_for_the_figures_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heap, "rows", lambda bench: pytest.fail("it was measured"))
    page = tmp_path / "page.md"
    page.write_text("no markers\n")
    with pytest.raises(UsageError, match="no place for the figures"):
        bench_verb.run(only=["heap"], plots=tmp_path, page=[page])


def test_every_bound_belongs_to_a_group_that_is_checked() -> None:
    for group, rows in run.bounds().items():
        assert group in run.CHECKED
        for bound in rows.values():
            assert set(bound) <= {"low", "high", "optional"}


def test_a_group_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="no group 'speed'"):
        list(run.measure(["speed"]))


@pytest.mark.usefixtures("bounds")
def test_a_row_that_is_there_hides_no_other() -> None:
    row = Row("heap", "a", 60, "KiB")
    assert run.worse([row], ["heap", "poll"]) == ["poll, c: it has a bound, but was not measured."]


# -- the groups


@pytest.mark.parametrize("guess", [1, 56, 57, 58, 100, 1000])
def test_the_least_heap_is_found_from_any_guess(guess: int) -> None:
    tried: list[int] = []

    def enough(kib: int) -> bool:
        tried.append(kib)
        return kib >= 57

    assert heap.least_heap(enough, guess) == 57
    assert len(tried) == len(set(tried))


def test_a_good_guess_takes_two_tries() -> None:
    tried: list[int] = []
    heap.least_heap(lambda kib: not tried.append(kib) and kib >= 57, 57)  # type: ignore[func-returns-value]
    assert tried == [57, 56]


def test_a_mailbox_that_never_fits_is_an_error() -> None:
    with pytest.raises(BuzonError, match="not collected in 1024 KiB"):
        heap.least_heap(lambda kib: False, 100)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_try_fails_when_the_heap_is_too_small_or_a_byte_is_not_stored(
    tmp_path: Path, in_place: bool
) -> None:
    modules = tmp_path / "library"
    library.build(paths.firmware(), modules)
    launch: heap.Run = partial(from_files, modules=modules)
    if in_place:
        launch = partial(from_rom, rom=romfs.image_file(modules))
        shutil.rmtree(modules)
    places = (tmp_path / f"try{number}" for number in itertools.count())
    with mail.Server(mail.small(5)) as server:
        assert heap._library("blocking", launch, places, server, 200)
        assert not heap._library("blocking", launch, places, server, 40)
        server.content = [*server.content[:-1], mail.message(9, 999)]  # not what is there
        assert not heap._library("blocking", launch, places, server, 200)


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_what_is_measured_is_the_example_of_the_document(name: str) -> None:
    text = (ROOT / "docs" / "library.md").read_text("utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.+?)```", text, re.S)
    script = ROOT / "host" / "buzon_host" / "bench" / "scripts" / f"collect_{name}.py"
    assert found is not None
    assert script.read_text("utf-8") == found[1]


@pytest.mark.parametrize("size", [200, 1000, 65536])
def test_a_message_has_exactly_its_size_and_is_like_no_other(size: int) -> None:
    content = mail.message(1, size)
    assert len(content) == size != 0
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content != mail.message(2, size)


def test_small_messages_are_five_kilobytes_on_average() -> None:
    assert 4900 < statistics.mean(map(len, mail.small(200))) < 5100


def test_what_a_module_needs_is_loaded_before_it() -> None:
    needs = code.imports(paths.firmware())
    assert set(needs["buzon.net.blocking"]) >= {"buzon", "buzon.net", "buzon.errors", "buzon.net.tls", "ssl"}
    assert "typing" not in needs["buzon.sync"]  # only for the type checker
    for name, before in needs.items():
        for number, each in enumerate(before):
            below = set(needs.get(each, ())) - {each}
            assert below <= set(before[:number]), f"{each} comes too early before {name}"


def test_every_file_of_the_library_is_in_a_set(tmp_path: Path) -> None:
    """What is moved out of the sets that have a goal is in another that is shown."""
    named = [*code.CORE, *code.STORE, *itertools.chain(*code.MORE.values())]
    net = set(itertools.chain(*code.DRIVERS.values()))
    assert len(named) == len(set(named) - net)
    library.build(paths.firmware(), tmp_path)
    files = {
        path.relative_to(tmp_path / "buzon").with_suffix("").as_posix() for path in tmp_path.rglob("*.mpy")
    }
    assert {each for each in (*named, *net) if not each.endswith("/__init__")} == files


def test_the_code_of_every_module_is_measured(tmp_path: Path) -> None:
    rows = {row.name: row for row in code.rows(Bench(1, tmp_path, check=True))}
    small, asyncio = (
        rows[f"library (core, net, store), {driver}"].ours for driver in ("blocking", "asyncio")
    )
    everything = rows["library, all of it"].ours
    assert small is not None
    assert asyncio is not None
    assert everything is not None
    assert 8192 < small < everything
    assert 8192 < asyncio < everything
    stays = rows["app, what stays loaded"].ours
    firmware = rows["app, all firmware"].ours
    assert stays is not None
    assert firmware is not None
    assert stays < firmware


def test_what_the_app_has_in_a_boards_heap_is_within_its_bound() -> None:
    narrow.program()
    rows = {row.name: row for row in code.loaded(compiled_firmware(paths.firmware()))}
    heap, names = rows["app: heap after loading, 32 bits"], rows["app: names in memory, 32 bits"]
    assert heap.ours is not None
    assert names.ours is not None
    assert 32 * 1024 < heap.ours <= run.bounds()["code"][heap.name]["high"]
    assert 100 < names.ours < 1000


def test_flash_is_counted_for_each_message(tmp_path: Path) -> None:
    programmed, erased = flash._per_message(tmp_path / "flash.img", 2048, together=True)
    assert 2048 < programmed < 2 * 2048
    assert 1 <= erased < 4


# -- what is left in the repository


def example(**changes: object) -> dict[str, object]:
    row = Row(
        "heap", "library, blocking: 200 messages", 55, "KiB", runs=5, goal=Goal(high=56), plot="heap-messages"
    )
    row.series = {"library, blocking": [[1.0, 54.0], [200.0, 55.0]]}
    return {**report.document(row), **changes}


def test_results_are_kept_of_groups_that_were_not_measured_this_time(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    first = Row("alert", "from the poll's start to alert", 0.5, "s")
    report.write(tmp_path, "Linux", [first], [page])
    report.write(tmp_path, "Linux", [Row("heap", "library, blocking: 200 messages", 55, "KiB")], [page])
    found = report.read(tmp_path)
    assert [row["group"] for row in found["rows"]] == ["heap", "alert"]
    text = page.read_text()
    assert "55 KiB" in text
    assert "0.5 s" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    report.write(tmp_path, "Linux", [Row("heap", "library, blocking: 200 messages", 54, "KiB")], [page])
    assert [row["ours"] for row in report.read(tmp_path)["rows"]] == [54, 0.5]
    assert "54 KiB" in page.read_text()
    # Another machine's figures do not stand beside these.
    report.write(tmp_path, "Other", [first], [page])
    assert [row["group"] for row in report.read(tmp_path)["rows"]] == ["alert"]


def test_a_page_without_a_place_for_the_figures_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers\n")
    with pytest.raises(UsageError, match="no place for the figures"):
        report.quoted(page, {"machine": "", "rows": []})


def test_the_table_says_what_was_missed_and_what_was_missing() -> None:
    missed = example(ours=99, met=False)
    missing = {**example(), "name": "mpop", "ours": None, "missing": "mpop is not installed", "met": None}
    text = report.tables({"machine": "Linux", "rows": [missed, missing]})
    assert "Goals met: 0 of 1." in text
    assert "- heap: library, blocking: 200 messages" in text
    assert "| mpop | mpop is not installed |" in text
    assert "**not met**" in text


def test_plots_are_drawn_of_the_points_of_all_rows_and_always_the_same(tmp_path: Path) -> None:
    one = example(plot="heap-size")
    two = {**one, "series": {"app": [[1.0, 110.0], [20e6, 111.0]]}}
    for folder in ("a", "b"):
        assert plots.draw([one, two], tmp_path / folder) == ["heap-size"]
    for name in ("heap-size.svg", "heap-size.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    three = {**one, "series": {"app": [[1000.0, 112.0]]}}
    curves = {
        "library, blocking": [[1.0, 54.0], [200.0, 55.0]],
        "app": [[1.0, 110.0], [1000.0, 112.0], [20e6, 111.0]],
    }
    assert plots.curves([one, two, three, example()], "heap-size") == (curves, "KiB")
    svg = (tmp_path / "a" / "heap-size.svg").read_text("utf-8")
    for text in ("Heap (KiB)", "Size of the message", "library, blocking", "app"):
        assert f"<!-- {text} -->" in svg  # what matplotlib says of each text it draws as outlines


def test_the_names_of_curves() -> None:
    rows = [
        {
            "group": "link",
            "unit": "s",
            "series": {"time against latency: ours": [[0, 1]], "time: mpop": [[0, 2]]},
        },
        {
            "group": "poll",
            "unit": "bytes",
            "series": {"heap against the number of messages": [[0, 3], [10, 3]]},
        },
    ]
    assert list(plots.curves(rows, "latency")[0]) == ["Buzón", "mpop"]
    assert list(plots.curves(rows, "poll")[0]) == ["Buzón"]


def test_rows_of_a_group_go_to_its_only_plot(tmp_path: Path) -> None:
    rows = [{"group": "retr", "unit": "MB/s", "series": {"Buzón": [[1024, 5], [4 << 20, 90]]}}]
    assert plots.draw(rows, tmp_path) == ["speed"]


def test_the_pages_say_what_results_json_says() -> None:
    """`make bench` fills them in; nothing in between may be edited by hand."""
    results = report.read(DOCS)
    assert results["rows"]
    assert (DOCS / report.TABLES).read_text("utf-8") == report.tables(results)
    page = DOCS / "README.md"
    assert report.quoted(page, results) == page.read_text("utf-8")


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_the_readme_tells_three_figures_of_results_json(page: Path) -> None:
    """None of them depends on the machine: the sentence is typed, so it is compared."""
    rows = {(row["group"], row["name"]): row for row in report.read(DOCS)["rows"]}

    def ours(group: str, name: str) -> int:
        return round(rows[group, name]["ours"])

    assert ours("poll", "bytes programmed, 10,000 messages") == 0  # "writes nothing"
    expected = [
        ours("link", "round trips, 50 ms, kept, first"),
        ours("link", "round trips, 50 ms, kept, poplib"),
        ours("poll", "round trips, 10,000 messages"),
        ours("heap", "app: one of 20 MB"),
    ]
    found = re.search(r"^## (?:Measured|Medido)\n(.+?)^## ", page.read_text("utf-8"), re.M | re.S)
    assert found
    assert [int(number) for number in re.findall(r"\*\*(\d+)\*\*", found[1])] == expected


def drawing(path: Path) -> tuple[str, list[float]]:
    """An SVG's text without its numbers, and these: another processor may round the last digit otherwise."""
    text = path.read_text("utf-8")
    number = r"-?\d+\.\d+"
    return re.sub(number, "", text), [float(found) for found in re.findall(number, text)]


def test_the_plots_show_what_results_json_says(tmp_path: Path) -> None:
    names = plots.draw(report.read(DOCS)["rows"], tmp_path)
    assert names
    for name in names:
        text, numbers = drawing(DOCS / f"{name}.svg")
        new_text, new_numbers = drawing(tmp_path / f"{name}.svg")
        assert text == new_text, name
        assert numbers == pytest.approx(new_numbers, abs=0.01), name
        assert (DOCS / f"{name}.png").exists()


def test_every_headline_is_a_row_that_was_measured() -> None:
    rows = report.read(DOCS)["rows"]
    groups = {row["group"] for row in rows}
    known = {(row["group"], row["name"]) for row in rows}
    wanted = [(group, name) for group, name, _ in report.HEADLINES if group in groups]
    assert [each for each in wanted if each not in known] == []
