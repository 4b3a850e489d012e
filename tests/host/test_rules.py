"""tests/RULES.md names the tests that prove each rule: they are there, and pytest collects them."""

import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
MISSING = "not built yet"


def rows() -> list[tuple[str, str]]:
    """(rule, its tests' cell) of every table in the file."""
    text = (TESTS / "RULES.md").read_text("utf-8")
    found = [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in text.splitlines()]
    return [(row[0], row[1]) for row in found if len(row) == 2 and row != ("rule", "tests")]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_each_rule_names_tests_or_says_that_it_is_not_built() -> None:
    rules = rows()
    assert len(rules) > 50
    for rule, cell in rules:
        left = re.sub(r"`[a-z_/0-9]+\.py::test_\w+`", "", cell).strip()
        assert left == (MISSING if not named(cell) else ""), rule
    assert len({rule for rule, _ in rules}) == len(rules)


def test_each_named_test_is_collected() -> None:
    tests = {test for _, cell in rows() for test in named(cell)}
    files = sorted({test.split("::")[0] for test in tests})
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-n",
            "0",
            *(str(TESTS / file) for file in files),
        ],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    collected = {
        line.split("[")[0].removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line
    }
    assert tests - collected == set()
