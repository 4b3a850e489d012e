"""Makes the pages of docs/ that come from the code: `python -m buzon_host.build.docs [FOLDER]`.

A page is a function that returns its text; tests/host/test_docs.py compares the committed pages with it.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le, MaxLen
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from .. import boards, errors, paths, wiring
from ..provision import schema
from ..remedies import REMEDIES

_NO_LIMIT = 1 << 40  # a bound from here on means any size
_MADE = "<!-- Made from {}: python -m buzon_host.build.docs -->"


def pages() -> dict[str, Callable[[], str]]:
    """Every generated page: its path below docs/, and what makes it."""
    made: dict[str, Callable[[], str]] = {"settings.md": settings, "troubleshooting.md": troubleshooting}
    for name in boards.names():
        if name != "virtual":
            made[f"boards/{name}.md"] = lambda name=name: wiring.page(boards.load(name))  # type: ignore[misc]
    return made


def main(folder: str = "docs") -> None:
    """Writes all pages."""
    for name, make in pages().items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8")


# -- all settings


def settings() -> str:
    """The page of all settings, from the schema."""
    lines = [
        _MADE.format("host/buzon_host/provision/schema.py"),
        "# All settings",
        "",
        "A settings file is TOML: `buzon provision SETTINGS.toml` puts it on a board, `buzon check SETTINGS.toml`",
        "tests its accounts from the PC. What is wrong is told with its line (`line 9: port in [[account]] must be",
        "...`). Only networks and accounts must be there. A `–` under *left out* means no default.",
        "",
        "| table | |",
        "|---|---|",
    ]
    tables = list(_tables(schema.Settings, ""))
    for name, help, _ in tables:
        lines.append(
            f"| [`{name}`](#{''.join(c for c in name if c.isalnum() or c in '._-').replace('.', '')}) | {help} |"
        )
    for name, _, kind in tables:
        lines += ["", f"## `{name}`", "", "| setting | value | left out | |", "|---|---|---|---|"]
        hints = get_type_hints(kind, include_extras=True)
        for field, info in kind.model_fields.items():
            if _model(hints[field]) is None:
                named = info.alias or field
                lines.append(
                    f"| `{named}` | {_kind(hints[field])} | {_default(named, info)} | {info.description} |"
                )
    lines += [
        "",
        f"The file may begin with `v = 1`, {_lower(schema.Settings.model_fields['v'].description)}",
    ]
    return "\n".join(lines) + "\n"


def _tables(kind: type[BaseModel], above: str) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """(its header, its help, its model) for each table below `kind`."""
    hints = get_type_hints(kind, include_extras=True)
    for field, info in kind.model_fields.items():
        inner = _model(hints[field])
        if inner is None:
            continue
        most = next((m.max_length for m in info.metadata if isinstance(m, MaxLen)), None)
        path = f"{above}{field}"
        help = str(info.description) + (f" At most {most}." if most else "")
        yield f"[[{path}]]" if most else f"[{path}]", help, inner
        yield from _tables(inner, f"{path}.")


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model of a table or of a list of tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    if get_origin(annotation) is Literal:
        return None
    return next((found for found in map(_model, parts) if found), None)


def _kind(annotation: Any) -> str:
    """What a value may be, in words."""
    if get_origin(annotation) is Annotated:
        base, *notes = get_args(annotation)
        for note in notes:
            if isinstance(note, AfterValidator) and note.func.__doc__:
                return note.func.__doc__
        limits = [m for note in notes if isinstance(note, FieldInfo) for m in note.metadata]
        for limit in limits:
            if getattr(limit, "pattern", None):
                return f"text that matches `{limit.pattern}`"
        least = next((m.ge for m in limits if isinstance(m, Ge)), None)
        most = next((m.le for m in limits if isinstance(m, Le)), None)
        if least is None:
            return _kind(base)
        return (
            f"{_kind(base)}, {least} to {most}"
            if most and int(str(most)) < _NO_LIMIT
            else f"{_kind(base)}, {least} or more"
        )
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{json.dumps(value)}`" for value in get_args(annotation))
    rest = [each for each in get_args(annotation) if each is not NoneType]
    if rest:
        return _kind(rest[0])
    return {bool: "`true` or `false`", int: "whole number"}.get(annotation, "text")


def _default(name: str, info: FieldInfo) -> str:
    if info.is_required():
        return "must be there"
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "–"
    return f"`0x{value:02X}`" if name == "addr" else f"`{json.dumps(value)}`"


def _lower(text: str | None) -> str:
    return (text or "")[:1].lower() + (text or "")[1:]


# -- what to do about errors

_GROUPS = {
    1: "Settings",
    2: "The way to the server: Wi-Fi, DNS, TLS",
    3: "The program itself",
    4: "The server says what it must not",
    5: "The server refuses",
    6: "The flash",
    7: "The serial protocol",
    8: "The board",
}
_EXITS = {
    errors.DONE: "done",
    errors.FAILED: "failed",
    errors.USAGE: "wrong usage, or a file that cannot be used",
    errors.NO_BOARD: "no board, or none that answers",
    errors.REFUSED: "the board refused",
    errors.INTERRUPTED: "interrupted",
}


def codes() -> list[int]:
    """The codes of the error tree."""
    paths.use_firmware()
    import buzon.errors

    return sorted(int(value) for name, value in vars(buzon.errors).items() if name.startswith("E_"))


def said(code: int) -> str:
    """The sentence of a code, with an ellipsis for its detail."""
    paths.use_firmware()
    from buzon.errors import sentence

    return str(sentence(code, "…"))


def troubleshooting() -> str:
    """The page of all errors, from the error tree and the remedies."""
    lines = [
        _MADE.format("firmware/buzon/errors.py, firmware/buzon/sentences and host/buzon_host/remedies.py"),
        "# Troubleshooting",
        "",
        "`buzon doctor` looks at everything from the cable to the mailbox, stops at the first thing that fails, and",
        "says what to do; `buzon doctor --bundle` writes a report without passwords, to give away. `buzon status`",
        "shows the last error, and `buzon log` the last lines. The display shows what keeps the board from its work.",
        "",
        "Each error has a number that does not change. `…` is what the board fills in. A board tries again by itself,",
        "after a growing pause; no mail is lost meanwhile, as nothing is deleted on the server before it is stored.",
    ]
    for group, title in _GROUPS.items():
        lines += ["", f"## {title}", "", "| | the board says | what to do |", "|---|---|---|"]
        lines += [f"| {code} | {said(code)} | {REMEDIES[code]} |" for code in codes() if code // 100 == group]
    lines += ["", "## Exit codes of the command line", "", "| | |", "|---|---|"]
    lines += [f"| {code} | {what} |" for code, what in _EXITS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:2])
