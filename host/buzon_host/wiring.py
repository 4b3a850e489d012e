"""How a board and its displays are wired, in words; and the boards' pages, which `build/docs.py` writes."""

from collections.abc import Iterator, Sequence

from .board.printable import escape
from .boards import Board, Chip, Display
from .build import firmware
from .qualify import report
from .qualify.report import Report

_WORDS = (("ok", "passed"), ("warn", "slow or short of memory"), ("failed", "failed"), ("skipped", "skipped"))


def wires(board: Board, display: Display) -> list[tuple[str, str]]:
    """(pin of the part, pin of the board) for each wire to connect; none for a display on the board."""
    found = []
    if display.driver != "null" and not display.built_in:
        found += [
            ("GND of the display", board.pins.ground),
            ("VCC of the display", board.pins.power),
            ("SCL (SCK) of the display", board.pins.name(display.pins.scl)),
            ("SDA of the display", board.pins.name(display.pins.sda)),
        ]
    if board.pins.button is not None and not board.pins.button_on_board:
        found += [
            ("one leg of a push button", board.pins.name(board.pins.button)),
            ("the other leg of the button", board.pins.button_ground or board.pins.ground),
        ]
    return found


def facts(board: Board) -> list[tuple[str, str]]:
    """(what, value) of the facts that a person may want to know about a board."""
    pins = board.pins
    button, led = "none", "none"
    if pins.button is not None:
        kind = f"the {pins.button_name} button on the board" if pins.button_on_board else "wired by you"
        button = f"{pins.name(pins.button)}, {kind}"
    if pins.led == "LED":
        led = "on the board, at the radio's chip"
    elif pins.led is not None:
        led = pins.name(pins.led) + (", lit when low" if pins.led_active_low else "")
    fs = board.filesystem
    return [
        ("Chip", board.soc.title),
        ("Flash", f"{board.flash.kib // 1024} MB"),
        ("Room for code and mail", f"{fs.size // 1024} KB from {fs.offset:#x} (partition {fs.label})"),
        ("Heap", f"about {board.heap_kib} KB"),
        ("Button", button),
        ("LED", led),
        ("Serial port", _serial(board)),
    ]


def _serial(board: Board) -> str:
    ids = ", ".join(board.serial.usb)
    return f"{board.serial.baud} baud" + (f"; USB {ids}" if ids else "")


def page(board: Board) -> str:
    """The board's page, in Markdown."""
    return "\n".join(_page(board)) + "\n"


def _page(board: Board) -> Iterator[str]:
    yield from (
        f"<!-- Made from boards/{board.name}/board.toml: python -m buzon_host.build.docs -->",
        f"# {board.name}",
        "",
        f"{board.description}. The name is the one of the board's MicroPython firmware on micropython.org.",
        "",
        "| | |",
        "|---|---|",
    )
    for what, value in facts(board):
        yield f"| {what} | {value} |"
    for name, display in [("", board.display), *board.displays.items()]:
        yield from ("", f"## {display.label}", "")
        if name:
            yield from (f"For this one, add `--display {name}` to `image`, `flash` and `merge`.", "")
        if display.built_in:
            yield from ("It is on the board: there is nothing to wire.", "")
        rows = wires(board, display)
        if rows:
            yield from ("| part | board |", "|---|---|")
            yield from (f"| {part} | {pin} |" for part, pin in rows)
            yield ""
        yield from (
            "In a settings file:",
            "",
            "```toml",
            "[display]",
            *(_toml(key, value) for key, value in display.settings().items()),
            "```",
        )
    yield from ("", "## Flashing", "", *_flashing(board))
    yield from ("", "## Verified on", "", *_verified(board.name, report.of_board(board.name)))


def _toml(key: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{key} = {{ " + ", ".join(f"{k} = {v}" for k, v in value.items()) + " }"
    if isinstance(value, str):
        return f'{key} = "{value}"'
    return f"{key} = 0x{value:02X}" if key == "addr" else f"{key} = {value}"


def _flashing(board: Board) -> Iterator[str]:
    pattern, example, site = firmware.source(board)
    yield from (
        f"Download `{pattern}` (such as `{example}`) or a later version from {site}.",
        "In its folder, which must not have another file that fits the pattern:",
        "",
    )
    yield from ("```", f"buzon flash --board {board.name} --firmware {pattern}", "```", "")
    start = "If the chip does not answer, " if board.soc.image_id is not None else "First "
    yield f"{start}{loader_hint(board.soc)}"


def _verified(name: str, reports: Sequence[Report]) -> Iterator[str]:
    """Who has run `buzon qualify` on one, with the figures of the newest report, and how to send a report."""
    real = [each for each in reports if not each.virtual]
    if real:
        yield from ("| date | firmware | Buzón | checks |", "|---|---|---|---|")
        for each in real:
            counts = [f"{each.count(result)} {word}" for result, word in _WORDS if each.count(result)]
            kind = " (quick)" if each.quick else ""
            yield f"| {_cell(each.date)} | {_cell(each.firmware)} | {_cell(each.version)} | {', '.join(counts)}{kind} |"
        yield from ("", f"The figures of {_cell(real[0].date)}:", "", "| | | bound |", "|---|---|---|")
        for check in real[0].checks:
            if check.figure is not None:
                bound = "" if check.bound is None else f"{check.bound:g} {check.unit}"
                yield f"| {_cell(check.name)} | {check.figure:g} {_cell(check.unit)} | {_cell(bound)} |"
        yield ""
    else:
        yield "Nobody has sent a report of this board yet."
    yield from (
        "With a board and its cable, `buzon qualify` installs, runs and measures everything on it, puts back the",
        "settings and mail that it had, and writes a report, which names no network, address or person. To send one,",
        f"put the file into `boards/{name}/` and open a pull request, or attach it to an issue.",
    )


def _cell(text: str) -> str:
    """What a board or a person's file says, as the cell of a table."""
    return escape(text).replace("|", "/").replace("<", "(")[:60]


def loader_hint(chip: Chip) -> str:
    """How a person gets the chip into its loader, as the end of a sentence."""
    button = chip.button
    if chip.uf2_family is not None:
        return (
            f"hold the {button} button while you plug the cable in, until a drive named {chip.drive} appears."
        )
    return f"hold its {button} button, press RESET (or EN) once, let {button} go, and run the command again."
