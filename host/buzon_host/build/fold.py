"""Makes the firmware's source take less heap before mpy-cross compiles it, without changing what it does.

MicroPython keeps every name in memory for good. So a public constant is replaced by its value, across modules
(mpy-cross folds only `_NAME = const(1)` within a file), private names and parameters get names that MicroPython has in
its ROM (`rom.py`), or such as all modules share, and a module has only its absolute name. What only a PC does
(`if ON_PC:`) is left out.
"""

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from . import rom

_PRIVATE = 45  # names that a module's private ones may have, before theirs get longer
Constants = dict[str, dict[str, int]]
"""Module name -> the public names that it sets with `const(<int>)` at top level."""


@dataclass
class Program:
    """What must be known about all files of a program that nobody else imports.

    `keywords`: the names that some call in it passes by keyword. `attributes`: those of all attributes and methods.
    `renamed`: what attributes of its classes are called instead.
    """

    constants: Constants = field(default_factory=dict)
    keywords: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)


def fold_files(
    src: Path, files: Iterable[Path], as_is: Collection[str], program: Program | None
) -> dict[Path, str]:
    """`files` (relative to `src`), folded; those of which nothing is left are not in it.

    `as_is`: files that stay as they are. `program`: None for a library, whose public names others use.
    """
    texts = {}
    for relative in files:
        text = (src / relative).read_text("utf-8")
        if str(relative) not in as_is:
            text = fold(text, relative, program)
        if text:
            texts[relative] = text
    return texts


def write_tree(out: Path, texts: Mapping[Path, str]) -> None:
    """Make `out` hold just these files; one whose text stays the same is not written again."""
    for relative, text in texts.items():
        target = out / relative
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    for path in list(out.rglob("*")):
        if path.is_file() and path.relative_to(out) not in texts:
            path.unlink()


def module_name(relative: Path) -> str:
    """`buzon/core/wire.py` -> `buzon.core.wire`."""
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def analyse(src: Path, files: Iterable[Path], *, attributes: bool = False) -> Program:
    """Read every file of a program (paths relative to `src`). With `attributes`, those of its classes are renamed too,
    as far as only the program can know of them."""
    program = Program()
    trees = {relative: ast.parse((src / relative).read_text("utf-8")) for relative in files}
    for relative, tree in trees.items():
        program.constants[module_name(relative)] = {
            name: value for statement in tree.body for name, value in _constant(statement)
        }
        program.keywords |= {
            node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg is not None
        }
        program.attributes |= _attributes(tree)
    if attributes:
        ours = set().union(*(_made(tree) for tree in trees.values())) - program.keywords - rom.THEIRS
        for relative, tree in trees.items():
            ours -= _meant(tree)
            if len(relative.parts) == 1:  # it stays as it is
                ours -= _attributes(tree)
        free = [
            name for name in sorted(rom.NAMES, key=len) if name not in program.attributes | program.keywords
        ]
        # Those that are left are for private names.
        program.renamed = dict(zip(sorted(ours, key=lambda n: (-len(n), n)), free[_PRIVATE:], strict=False))
        program.attributes |= set(program.renamed.values())
    return program


def _made(tree: ast.Module) -> set[str]:
    """The public names of attributes that objects set of themselves, and of methods."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                found.add(name)
            case ast.ClassDef(body=body):
                found |= {s.name for s in body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in found if not name.startswith("_")}


def _meant(tree: ast.Module) -> set[str]:
    """The names that are not only attributes of objects: of a module, imported, in a class, or as text."""
    found = set()
    for statement in tree.body:
        found |= _stored(statement)
    for node in ast.walk(tree):
        match node:
            case ast.alias(name=name, asname=asname):
                found |= {name.rpartition(".")[2], asname or ""}
            case ast.ClassDef(body=body):
                found |= {n for s in body if isinstance(s, ast.Assign | ast.AnnAssign) for n in _stored(s)}
            case ast.Constant(value=str() as text):
                found.add(text)
    return found


def _attributes(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.ClassDef(body=body):
                found |= {name for statement in body for name in _stored(statement)}
    return found


def _constant(statement: ast.stmt) -> Iterator[tuple[str, int]]:
    """(name, value) when the statement is `NAME = const(<int or bool>)`."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.Call(func=ast.Name(id="const"), args=[ast.Constant(value=int() as value)]),
        ) if not name.startswith("_"):
            yield name, value


def fold(source: str, relative: Path, program: Program | None) -> str:
    """The source with short names; a program's file also with constants replaced, without dead imports.

    "" when nothing is left to run: a package then needs no `__init__`.
    """
    tree: ast.Module = ast.parse(source)
    if program:
        name = module_name(relative)
        package = name.split(".") if relative.name == "__init__.py" else name.split(".")[:-1]
        tree = _Folder(package, program.constants, dict(program.constants.get(name, {}))).visit(tree)
        tree = _Parameters(tree, program.keywords).visit(tree)
        tree = _Attributes(program.renamed).visit(tree)
    if all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in tree.body):
        return ""
    spare = [
        name
        for name in sorted(rom.NAMES, key=len)
        if program and name not in program.attributes | program.keywords
    ]
    return ast.unparse(ast.fix_missing_locations(_Shortener(tree, spare).visit(tree))) + "\n"


class _Folder(ast.NodeTransformer):
    def __init__(self, package: list[str], known: Constants, names: dict[str, int]) -> None:
        self._package = package
        self._known = known
        self._names = names
        self._modules: dict[str, str] = {}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        kept = []
        if node.level:
            base = [*self._package[: len(self._package) - node.level + 1], *(node.module or "").split(".")]
            module = ".".join(part for part in base if part)
            for alias in node.names:
                value = self._known.get(module, {}).get(alias.name)
                if value is not None:
                    self._names[alias.asname or alias.name] = value
                    continue
                if f"{module}.{alias.name}" in self._known:
                    self._modules[alias.asname or alias.name] = f"{module}.{alias.name}"
                kept.append(alias)
            node.module = module
            node.level = 0
        else:
            # The compiler knows `const` itself.
            kept = [a for a in node.names if (node.module, a.name) != ("micropython", "const")]
        node.names = kept
        return node if kept else None

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        for name, _ in _constant(node):
            if name in self._names:
                return None
        match node.targets:
            case [ast.Name(id="ON_PC")]:
                return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST] | None:
        match node.test:
            case ast.Name(id="TYPE_CHECKING"):
                return None
            case ast.Name(id="ON_PC"):  # a board runs the other branch
                return [self.visit(each) for each in node.orelse]
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id="ON_PC")):
                return [self.visit(each) for each in node.body]
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name, ctx=ast.Load()) if (
                module in self._modules
            ):
                value = self._known[self._modules[module]].get(name)
                if value is not None:
                    return ast.copy_location(ast.Constant(value), node)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._names:
            if not isinstance(node.ctx, ast.Load):
                raise ValueError(f"{node.id} is a constant and is set again in line {node.lineno}")
            return ast.copy_location(ast.Constant(self._names[node.id]), node)
        return node


class _Attributes(ast.NodeTransformer):
    """Renames attributes and methods."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._names.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                statement.name = self._names.get(statement.name, statement.name)
        return self.generic_visit(node)


class _Parameters(ast.NodeTransformer):
    """Renames the parameters that no call passes by keyword, and whose names mean nothing else in the module."""

    def __init__(self, tree: ast.Module, keywords: set[str]) -> None:
        parameters: dict[str, None] = {}
        others: set[str] = set(dir(builtins)) | keywords | {"self"}
        for node in ast.walk(tree):
            match node:
                case ast.arg(arg=name):
                    parameters[name] = None
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    others.add(name)
                case ast.ExceptHandler(name=str() as name):
                    others.add(name)
                case ast.alias(name=name, asname=asname):
                    others.add(asname or name.split(".")[0])
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    others.update(names)
        for statement in tree.body:
            others |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} & _stored(
                statement
            )
        renamed = [name for name in parameters if name not in others]
        taken = others | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        short = chain(
            (name for name in rom.STATIC if name not in taken), (_letters(i)[1:] + "_" for i in count())
        )
        self._names = dict(zip(renamed, short, strict=False))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.get(node.arg, node.arg)
        node.annotation = None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node


def _stored(statement: ast.stmt) -> set[str]:
    """The names that a module-level statement sets in the module, not within its functions and classes."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


class _Shortener(ast.NodeTransformer):
    """Renames the private names that the module itself defines, not those of others (`_io_queue`), with those in
    `spare` first."""

    def __init__(self, tree: ast.AST, spare: Iterable[str]) -> None:
        made: dict[str, None] = {}
        used: set[str] = set()
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    made[name] = None
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    made[name] = None
                case ast.alias(asname=str() as name):
                    made[name] = None
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    used.add(name)
        constants = {
            node.targets[0].id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id == "const"
        }
        private = [n for n in made if n.startswith("_") and not n.startswith("__") and n not in constants]
        taken = ((used | set(made)) - set(private)) | set(dir(builtins))
        taken |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        short = (name for name in chain(spare, (_letters(i) for i in count())) if name not in taken)
        self._names = dict(zip(private, short, strict=False))

    def _new(self, name: str) -> str:
        return self._names.get(name, name)

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                node.name = self._new(node.name)
            case ast.Name():
                node.id = self._new(node.id)
            case ast.Attribute():
                node.attr = self._new(node.attr)
            case ast.alias(asname=str() as name):
                node.asname = self._new(name)
            case ast.alias(name=name) if name in self._names:  # it is imported with `as` elsewhere
                node.asname = self._names[name]
            case ast.Global() | ast.Nonlocal():
                node.names = [self._new(name) for name in node.names]
        return node


def _letters(i: int) -> str:
    """`_a` to `_z`, then `_aa` ..."""
    name = ""
    i += 1
    while i:
        i, rest = divmod(i - 1, 26)
        name = chr(97 + rest) + name
    return "_" + name
