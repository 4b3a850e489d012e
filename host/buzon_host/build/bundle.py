"""Puts modules of a program into one, the *bundle*, without changing what it does.

A module costs a board's heap its path, its two names, a dictionary, a table of names and what it imports, and a
file to open at each start. In a bundle, a name of a module is one of the whole bundle, and all that imports it,
in any file, imports the bundle's. What that cannot carry is refused: a module that is used as a value, `import
a.b` of a module in it.
"""

import ast
import builtins
import copy
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, count
from keyword import iskeyword

from ..errors import BuzonError

_INTERNED = 10  # mpy-cross makes a name of a text that is not longer
_FIRST = 125  # names that get a number below 128; the file's and __name__ are before them
Sources = dict[str, str]
"""Module name -> its source, with absolute imports, as `fold` leaves it."""


class BundleError(BuzonError):
    """The program has something that cannot be bundled; `str()` says in which module."""


def bundle(sources: Sources, parts: Mapping[str, Collection[str]], public: Collection[str] = ()) -> Sources:
    """Each of `parts` (name -> modules of the program `sources`) becomes one module of that name; of those in
    `public` a module stays that has their public names, for programs of others. Raises BundleError.

    A part may be a single module that keeps its name: then its names get shorter.
    """
    trees = {module: ast.parse(text) for module, text in sources.items()}
    home = {module: part for part, modules in parts.items() for module in modules}
    for module in home:
        trees[module] = _Constants(trees[module]).visit(trees[module])
    orders = {part: _ordered(trees, modules) for part, modules in parts.items()}
    names = {module: own for order in orders.values() for module, own in _names(trees, order).items()}
    imported: dict[str, dict[tuple[str, str], str]] = {part: {} for part in parts}
    rewritten = {
        module: _Rewriter(module, home, names, tree, imported.get(home.get(module, ""), {})).rewritten()
        for module, tree in trees.items()
    }
    made = {part: _text(_often_first(_together(order, rewritten))) for part, order in orders.items()}
    for module in trees:
        if module not in home:
            made[module] = _text(rewritten[module])
        elif module in public:
            exported = [
                ast.alias(new, old) for old, new in sorted(names[module].items()) if not old.startswith("_")
            ]
            made[module] = _text([ast.ImportFrom(home[module], exported, 0)])
    return made


def _together(order: Sequence[str], bodies: Mapping[str, list[ast.stmt]]) -> list[ast.stmt]:
    """The modules one after the other, with each import once."""
    together: list[ast.stmt] = []
    imported: dict[str, str] = {}
    for module in order:
        for statement in bodies[module]:
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                together.append(statement)
                continue
            for one in _single(statement):
                local, text = one.names[0].asname or one.names[0].name, ast.unparse(one)
                if local not in imported:
                    together.append(one)
                elif imported[local] != text:
                    raise BundleError(f"{module}: '{text}', and elsewhere '{imported[local]}'")
                imported[local] = text
    return together


def _often_first(body: list[ast.stmt]) -> list[ast.stmt]:
    """The module with a statement in front that never runs and mentions the names that its functions use most.

    mpy-cross numbers names in the order in which it meets them. An instruction refers to the first of them with one
    byte and to others with two; the code of a function stays in memory, that of the module goes once it has run.
    """
    uses: Counter[str] = Counter()
    for statement in body:
        uses.update(_names_used(statement, None))
    often = [name for name, _ in uses.most_common() if name.isidentifier() and not iskeyword(name)]
    if len(often) <= _FIRST:
        return body
    never = ast.parse("if not __name__:\n    __name__." + ".".join(often[:_FIRST])).body
    return [*never, *body]


def _names_used(node: ast.AST, own: frozenset[str] | None) -> Iterator[str]:
    """The names that the functions in `node` use, once for each use. `own`: local variables, which have numbers, of the
    functions around it; None outside of any."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            own = (own or frozenset()) | _locals(node)
            yield from (arg.arg for arg in _arguments(node.args))
        case ast.Attribute(attr=name) if own is not None:
            yield name
        case ast.Constant(value=str() as name) if own is not None and len(name) <= _INTERNED:
            yield name
        case ast.Name(id=name) if own is not None and name not in own:
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _names_used(child, own)


def reachable(sources: Sources, start: str) -> set[str]:
    """The modules of the program that `start` imports, directly or not, at once or late; itself among them."""
    found: set[str] = set()
    new = {start}
    while new:
        found |= new
        new = {i for m in new for i in _imports(ast.parse(sources[m]), sources)} - found
    return found


def _text(body: Sequence[ast.stmt]) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Module(list(body), []))) + "\n"


def _single(statement: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    """An import of several names as several imports."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            yield ast.Import([alias])
        else:
            yield ast.ImportFrom(statement.module, [alias], 0)


def _imports(tree: ast.AST, known: Collection[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = node.module or ""
                full = f"{module}.{alias.name}"
                if full in known:
                    yield full
                elif module in known:
                    yield module


def _ordered(trees: Mapping[str, ast.Module], modules: Collection[str]) -> list[str]:
    """The modules, each after those that it needs while it is loaded."""
    order: list[str] = []
    begun: set[str] = set()

    def add(module: str) -> None:
        if module in order:
            return
        if module in begun:
            raise BundleError(f"{module} needs itself while it is loaded")
        begun.add(module)
        now = ast.Module([s for s in trees[module].body if isinstance(s, ast.ImportFrom)], [])
        for needed in _imports(now, modules):
            add(needed)
        order.append(module)

    for module in sorted(modules):
        add(module)
    return order


def _names(trees: Mapping[str, ast.Module], order: Sequence[str]) -> dict[str, dict[str, str]]:
    """For each bundled module: its names -> those in the bundle.

    These are names that the bundle has anyway, for attributes and parameters: a name that MicroPython has seen
    takes heap for good. None is hidden by a local variable anywhere in the bundle.
    """
    taken = set(dir(builtins)) | {"micropython"}
    spare: set[str] = set()
    own: dict[str, list[str]] = {}
    for module in order:
        own[module] = sorted({name for statement in trees[module].body for name in _set_by(statement)})
        for node in ast.walk(trees[module]):
            match node:
                case ast.Attribute(attr=name):
                    spare.add(name)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                    taken |= _locals(node)
                case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                    taken |= _stored_in(node)
                case ast.ClassDef():
                    taken |= {name for statement in node.body for name in _set_by(statement)}
                case ast.alias(name=name, asname=asname):
                    taken.add(asname or name.split(".")[0])
    free = iter(sorted((n for n in spare - taken if not n.startswith("__")), key=lambda n: (len(n), n)))
    more = (f"_{i}" for i in count())
    return {module: {name: next(free, None) or next(more) for name in own[module]} for module in order}


def _set_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement sets, imports aside."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case _:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id


class _Constants(ast.NodeTransformer):
    """Puts private constants in place: `_SIZE` may be another number in another module."""

    def __init__(self, tree: ast.Module) -> None:
        self._values: dict[str, ast.expr] = {}
        for statement in tree.body:
            match statement:
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="const"), args=[value])
                ) if name.startswith("_"):
                    self._values[name] = value

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        match node.targets:
            case [ast.Name(id=name)] if name in self._values:
                return None
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self._values.get(node.id)
        return self.visit(copy.deepcopy(value)) if value is not None else node


class _Scope:
    """What names mean in a module, class or function: a name of the bundle, a module in it, or (`own`) neither."""

    def __init__(
        self, own: Collection[str] = (), names: Mapping[str, str] | None = None, is_class: bool = False
    ) -> None:
        self.own = set(own)
        self.names = dict(names or {})
        self.modules: dict[str, str] = {}
        self.stored: set[str] = set()  # names of the bundle that this function sets through a module
        self.is_class = is_class


class _Rewriter(ast.NodeTransformer):
    """One module, with the bundle's names for what is in the bundle."""

    def __init__(
        self,
        module: str,
        home: Mapping[str, str],
        names: Mapping[str, Mapping[str, str]],
        tree: ast.Module,
        imported: dict[tuple[str, str], str],
    ) -> None:
        self._module = module
        self._imported = imported  # (module, name) -> what the bundle calls it, from all modules in it
        self._home = home
        self._part = home.get(module)
        self._names = names
        self._tree = tree
        self._scopes = [_Scope(names=names.get(module, {}))]
        self._used = _all_names(tree).union(
            *(new.values() for each, new in names.items() if each == module or home[each] == self._part)
        )

    def rewritten(self) -> list[ast.stmt]:
        return self._body(self._tree.body)

    def _body(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The statements without docstrings; one at least in a function or class."""
        body: list[ast.stmt] = []
        for statement in statements:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            new = self.visit(statement)
            body += new if isinstance(new, list) else [new]
        return body or ([ast.Pass()] if len(self._scopes) > 1 else [])

    def _new(self, module: str, name: str) -> str:
        if name not in self._names[module]:
            raise BundleError(f"{self._module}: {module} sets no {name}")
        return self._names[module][name]

    def _meaning(self, name: str) -> tuple[str | None, str | None]:
        """(the bundle's name, or None; the module's name, or None)"""
        for scope in reversed(self._scopes):
            if scope.is_class and scope is not self._scopes[-1]:
                continue  # functions in it do not see its names
            if name in scope.modules:
                return scope.names.get(name), scope.modules[name]
            if name in scope.names:
                return scope.names[name], None
            if name in scope.own:
                break
        return None, None

    # -- imports

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        scope = self._scopes[-1]
        kept: list[ast.alias] = []
        made: list[ast.stmt] = []
        module = node.module or ""
        for alias in node.names:
            local = alias.asname or alias.name
            full = f"{module}.{alias.name}"
            if full in self._names:
                scope.modules[local] = full
                if self._home[full] != self._part:
                    package, _, last = self._home[full].rpartition(".")
                    made.append(self._import(package, last, local))
            elif module in self._names:
                new = self._new(module, alias.name)
                if self._home[module] == self._part:
                    scope.names[local] = new
                else:
                    made.append(self._import(self._home[module], new, local))
            else:
                kept.append(alias)
        if kept:
            made.append(ast.ImportFrom(node.module, kept, 0))
        return made

    def _import(self, module: str, name: str, local: str) -> ast.stmt:
        local = self._local(local, module, name)
        return ast.ImportFrom(module, [ast.alias(name, None if name == local else local)], 0)

    def _local(self, name: str, module: str, wanted: str) -> str:
        """What an imported name is called here. A local variable's name is not kept in memory, but a module's is, and
        the bundle's is there anyway."""
        if len(self._scopes) > 1:
            return name
        there = self._imported.get((module, wanted))
        if there is None or there in self._used:
            taken = self._used.union(self._imported.values())
            there = next(each for each in chain([wanted], (f"_{i}" for i in count())) if each not in taken)
        self._imported[module, wanted] = there
        self._used.add(there)
        self._scopes[0].names[name] = there
        return there

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        for alias in node.names:
            if alias.name in self._names:
                raise BundleError(f"{self._module}: 'import {alias.name}' cannot be bundled")
        return node

    # -- names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        new, module = self._meaning(node.id)
        if module:
            raise BundleError(f"{self._module}: the module {node.id} is used as a value")
        node.id = new or node.id
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.value, ast.Name):
            return self.generic_visit(node)
        local, module = self._meaning(node.value.id)
        if not module:
            return self.generic_visit(node)
        new = self._new(module, node.attr)
        if self._home[module] != self._part:
            node.value.id = local or node.value.id
            node.attr = new
            return node
        if not isinstance(node.ctx, ast.Load):
            self._scopes[-1].stored.add(new)
        return ast.Name(new, node.ctx)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._scopes[0].names.get(name, name) for name in node.names]
        return node

    # -- scopes

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._meaning(node.name)[0] or node.name
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.returns = None
        self._arguments(node.args)
        self._scopes.append(_Scope(_locals(node)))
        node.body = self._body(node.body)
        stored = self._scopes.pop().stored
        if stored:
            node.body.insert(0, ast.Global(sorted(stored)))
        return node

    visit_FunctionDef = _function
    visit_AsyncFunctionDef = _function

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._arguments(node.args)
        self._scopes.append(_Scope(_locals(node)))
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def _arguments(self, args: ast.arguments) -> None:
        args.defaults = [self.visit(each) for each in args.defaults]
        args.kw_defaults = [each and self.visit(each) for each in args.kw_defaults]
        for arg in _arguments(args):
            arg.annotation = None

    def _comprehension(self, node: ast.AST) -> ast.AST:
        self._scopes.append(_Scope(_stored_in(node)))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._meaning(node.name)[0] or node.name
        node.bases = [self.visit(each) for each in node.bases]
        self._scopes.append(_Scope({n for s in node.body for n in _set_by(s)}, is_class=True))
        node.body = self._body(node.body)
        self._scopes.pop()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | list[ast.stmt]:
        if node.value is None:
            return []
        return self.generic_visit(ast.Assign([node.target], node.value, lineno=node.lineno))


def _all_names(tree: ast.Module) -> set[str]:
    """Every name that is set or used in a module, those of attributes aside."""
    found: set[str] = set(dir(builtins))
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str() as name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.split(".")[0])
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
    return found


def _arguments(args: ast.arguments) -> list[ast.arg]:
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return [arg for arg in every if arg]


def _stored_in(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _locals(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """The local names of a function, without those of functions in it."""
    found = {arg.arg for arg in _arguments(function.args)}
    others: set[str] = set()

    def walk(node: ast.AST) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                return
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                others.update(names)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found.update(alias.asname or alias.name.split(".")[0] for alias in aliases)
            case ast.ExceptHandler(name=str() as name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
        for child in ast.iter_child_nodes(node):
            walk(child)

    for statement in function.body if isinstance(function.body, list) else [function.body]:
        walk(statement)
    return found - others
