"""`buzon completion`: a script that makes a shell complete verbs, options and their values.

It is made from the command line itself, so that it matches what there is."""

import inspect
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from .options import Json
from .output import Out


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


Which = Annotated[Shell, typer.Argument(help="Your shell.", metavar="SHELL", show_default=False)]


@dataclass(frozen=True)
class Word:
    """A verb or an option. `values`: what may follow it; `path`: a file or folder does; `takes`: anything."""

    name: str
    help: str
    values: tuple[str, ...] = ()
    path: bool = False
    takes: bool = False


def run(shell: Which, json: Json = False) -> None:
    """Print a script that makes your shell complete buzon's verbs and options.

    For bash: buzon completion bash >> ~/.bash_completion

    For zsh, in a folder of $fpath: buzon completion zsh > ~/.zfunc/_buzon

    For fish: buzon completion fish > ~/.config/fish/completions/buzon.fish

    Then open a new terminal.
    """
    from . import build
    from .help import polished

    out = Out(json)
    tree = dict(_tree(polished(typer.main.get_command(build()))))
    script = {Shell.bash: bash, Shell.zsh: zsh, Shell.fish: fish}[shell](tree)
    out.document({"ok": True, "shell": shell.value, "script": script})
    out.raw(script)


def _tree(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Word]]]:
    """For every verb: (its path, () for buzon itself; what can follow it)."""
    below = getattr(command, "commands", {})
    words = [Word(name, each.get_short_help_str(limit=10_000)) for name, each in below.items()]
    types = get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
    for each in command.params:
        kinds = get_args(types.get(each.name)) or (types.get(each.name),)
        values = _values(each.name, kinds)
        if each.param_type_name == "argument":
            words += [Word(value, "") for value in values]
        elif not each.hidden:
            takes = not each.is_flag
            for name in (*each.opts, *each.secondary_opts):
                if name.startswith("--"):
                    words.append(Word(name, _phrase(each.help), values, Path in kinds, takes))
    yield path, [*words, Word("--help", "What it does, and its options")]
    for name, each in below.items():
        yield from _tree(each, (*path, name))


def _phrase(text: str | None) -> str:
    """The start of an option's help: a shell has one line for it."""
    return re.split(r"\. | \(", text or "")[0].rstrip(".")


def _values(name: str, kinds: Sequence[Any]) -> tuple[str, ...]:
    """A parameter's possible values, if they are a few words."""
    from .. import boards

    if name in ("board", "name"):
        return tuple(boards.names())
    return tuple(
        each.value for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) for each in kind
    )


def _cases(tree: dict[tuple[str, ...], list[Word]]) -> str:
    """Patterns for each `<verb so far> <next word>` that makes a longer verb."""
    return "|".join(shlex.quote(" ".join(("", *path))) for path in tree if path)


def bash(tree: dict[tuple[str, ...], list[Word]]) -> str:
    lines = [
        "# bash completion for buzon, made by: buzon completion bash",
        "_buzon() {",
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" verb="" words="" i',
        "    COMPREPLY=()",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        case "$verb ${COMP_WORDS[i]}" in',
        f'            {_cases(tree)}) verb="$verb ${{COMP_WORDS[i]}}" ;;',
        "        esac",
        "    done",
        '    case "$verb $before" in',
    ]
    for path, words in tree.items():
        for word in words:
            if word.takes:
                pattern = shlex.quote(" ".join(("", *path, word.name)))
                values = (
                    f'COMPREPLY=($(compgen -W "{" ".join(word.values)}" -- "$word")); ' if word.values else ""
                )
                lines.append(f"        {pattern}) {values}return ;;")
    lines += ["    esac", '    case "$verb" in']
    for path, words in tree.items():
        pattern = shlex.quote(" ".join(("", *path)) if path else "")
        lines.append(f'        {pattern}) words="{" ".join(word.name for word in words)}" ;;')
    lines += [
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
        '    if [[ "$word" != -* ]]; then  # options only when they are asked for',
        "        local kept=() each",
        '        for each in "${COMPREPLY[@]}"; do [[ "$each" == -* ]] || kept+=("$each"); done',
        '        COMPREPLY=("${kept[@]}")',
        "    fi",
        "}",
        "complete -o default -F _buzon buzon",
    ]
    return "\n".join(lines) + "\n"


def zsh(tree: dict[tuple[str, ...], list[Word]]) -> str:
    lines = [
        "#compdef buzon",
        "# zsh completion for buzon, made by: buzon completion zsh",
        "_buzon() {",
        "    local verb='' i",
        "    local -a verbs options",
        "    for ((i = 2; i < CURRENT; i++)); do",
        '        case "$verb ${words[i]}" in',
        f'            ({_cases(tree)}) verb="$verb ${{words[i]}}" ;;',
        "        esac",
        "    done",
        '    case "$verb ${words[CURRENT-1]}" in',
    ]
    for path, words in tree.items():
        for word in words:
            if word.takes:
                pattern = shlex.quote(" ".join(("", *path, word.name)))
                what = (
                    f"compadd -- {' '.join(word.values)}; "
                    if word.values
                    else "_files; "
                    if word.path
                    else ""
                )
                lines.append(f"        ({pattern}) {what}return ;;")
    lines += ["    esac", '    case "$verb" in']
    for path, words in tree.items():
        pattern = shlex.quote(" ".join(("", *path)) if path else "")
        described = [
            (word, shlex.quote(f"{word.name}:{word.help}" if word.help else word.name)) for word in words
        ]
        verbs = " ".join(text for word, text in described if not word.name.startswith("-"))
        options = " ".join(text for word, text in described if word.name.startswith("-"))
        lines.append(f"        ({pattern}) verbs=({verbs}) options=({options}) ;;")
    lines += [
        "    esac",
        '    if [[ "$PREFIX" == -* ]]; then _describe -o option options',
        "    elif (( $#verbs )); then _describe verb verbs",
        "    else _files; fi",
        "}",
        'if [[ "$funcstack[1]" == _buzon ]]; then _buzon "$@"; else compdef _buzon buzon; fi',
    ]
    return "\n".join(lines) + "\n"


def fish(tree: dict[tuple[str, ...], list[Word]]) -> str:
    lines = ["# fish completion for buzon, made by: buzon completion fish"]
    for path, words in tree.items():
        below = [each[len(path)] for each in tree if len(each) > len(path) and each[: len(path)] == path]
        conditions = [f"__fish_seen_subcommand_from {verb}" for verb in path]
        if below:
            conditions.append(f"not __fish_seen_subcommand_from {' '.join(dict.fromkeys(below))}")
        when = "; and ".join(conditions)
        for word in words:
            line = f"complete -c buzon -n {shlex.quote(when)}"
            if word.name.startswith("--"):
                line += f" -l {word.name[2:]}"
                line += " -x" if word.takes and not word.path else " -r -F" if word.takes else ""
                line += f" -a {shlex.quote(' '.join(word.values))}" if word.values and word.takes else ""
            else:
                line += f" -f -a {word.name}"
            lines.append(line + (f" -d {shlex.quote(word.help)}" if word.help else ""))
    return "\n".join(lines) + "\n"
