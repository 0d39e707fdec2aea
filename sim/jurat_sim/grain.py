"""The grain of accesses: a switch point before every access to shared state.

Between two operations of the seam a thread may read and write what others read and
write.  A step that is that long is sound only if the locks are right, and whether they are
is the question: delete a `with lock`, and its switch points go with it.  So this module
rewrites the source of the code under test, at import, and puts a call before each access:

    core.waiting += 1        tmp = point_before_load(core).waiting
                             tmp += 1
                             point_before_store(core).waiting = tmp

The rewritten code computes what it computed before; between the evaluation of an operand
and its use, others may run.

**What is visible is defined by exclusion.**  Whatever is not in this list gets a switch
point, and syntax that no rule below knows is refused (`UnknownSyntax`) rather than passed
over.  Not an access to shared state is:

* a local variable that no nested function uses, and a global that no function rebinds;
* an attribute of a module, of an enumeration class, of an immutable value, or of the
  seam's own objects (whose operations are switch points by themselves);
* a truth test, comparison, operation or formatting on an immutable value: a number, a
  string, bytes, a timedelta, None (and for truth, unpacking and iteration a tuple or a range as well);
* a comparison by identity;
* a call of a function, method or class of the code under test itself, whose body has
  switch points of its own;
* entering and leaving a `with`, which are calls;
* the stores to `self` in an `__init__` in which `self` occurs in no other way: nobody
  else has the object yet;
* what runs at import.

Types are looked at when the access happens, so that a rule can speak of values.  A
sequence that C code reads in one go (`a == b`, `f(*a)`) counts as one access.

**What is accessed** is told to a monitor, if the run has one (`Monitor.access`), when the
thread has been chosen to go on and just before it does the access: the object, its field,
and whether it is written.  An attribute is a field if it is kept in the object, in a slot or
in its `__dict__`, and not in its class.  A container (a mutable sequence, mapping or set) has
one field, its content (`CONTENT`), however many items there are.  A call of something outside
the package reads the containers among its arguments, and reads or writes the one that it is a
method of.  A variable that functions share belongs to the function that binds it, all calls
of it together.  Two things are told in less than they do: `zip`, `enumerate` and their like read their
arguments where they are called, though they do so again item by item; and of the two operands
of an operation or a comparison the left one is told only if it is a variable.

Why not a trace function: switching greenlets in one loses events, silently, and
instruction offsets, hence tokens and counts, differ between versions of Python.  Source
does not.  Prior art: the instrumentation of frontrun and of Coyote's binary rewriting.
"""

from __future__ import annotations

import ast
import heapq
from collections.abc import ItemsView, KeysView, MutableMapping, MutableSequence, MutableSet, ValuesView
from datetime import timedelta
from enum import EnumType
from gc import get_referents
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .errors import UnknownSyntax
from .primitives import BenchGate, BenchLock, BenchThread
from .runtime import BenchRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Kind(dict[type, bool]):
    """Whether the values of a type are of this kind: an isinstance of many costs ten times a look-up."""

    def __init__(self, *types: type) -> None:
        self._types = types

    def __missing__(self, asked: type) -> bool:
        self[asked] = found = issubclass(asked, self._types)
        return found


_VALUES = (int, float, complex, str, bytes, timedelta, type(None))
_SEAM = (BenchLock, BenchGate, BenchThread, BenchRuntime)
_IS_VALUE = _Kind(*_VALUES)
_IS_FIXED = _Kind(*_VALUES, tuple, frozenset, range)
_IS_SEAM = _Kind(*_SEAM)
_HAS_CONSTANT_ATTRIBUTES = _Kind(*_VALUES, ModuleType, EnumType, *_SEAM)

CONTENT = "[]"
"""The one field of a container: whatever is in it."""

_MUTATORS = frozenset({
    "__delitem__", "__iadd__", "__ior__", "__setitem__", "add", "append", "appendleft", "clear",
    "difference_update", "discard", "extend", "extendleft", "insert", "intersection_update", "pop",
    "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort",
    "symmetric_difference_update", "update",
})  # fmt: skip
"""Methods of containers that write them; all others read them."""
_WRITE_THE_FIRST = (heapq.heappush, heapq.heappop, heapq.heapify, heapq.heappushpop, heapq.heapreplace)
_OF_A_FIELD = {getattr: False, hasattr: False, setattr: True, delattr: True}
"""Functions of an object and the name of a field, and whether they write it."""


class Site(NamedTuple):
    """What a place accesses, as far as the source says it."""

    function: str
    """Where it is, such as "_worker.Worker.submit"."""
    field: str
    """The attribute, the variable, or `CONTENT`."""
    write: bool
    variable: Variable | None = None
    """What a variable's place accesses; for all others the object is there when they are passed."""


class Variable:
    """A variable that functions share."""

    def __init__(self, scope: str) -> None:
        self.scope = scope


class Points:
    """The calls that rewritten code makes: one set for each build.

    Each takes the place in the source (an index into `places`) and, before an access,
    hands its operand through.  Outside a run they do nothing else.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._runtime: BenchRuntime | None = None
        self._access: Callable[[object], bool] = _nothing
        self._idle = True
        """No thread runs: then each call does what it must, and nothing else."""
        self._fields: dict[tuple[type, str], bool] = {}
        """What `_is_field` has said."""
        self.places: list[str] = []
        """What each place does, for people: "_steps.py:88 reads core.phase"."""
        self.sites: list[Site] = []
        """The same for monitors."""

    def use(self, runtime: BenchRuntime | None) -> None:
        """Switch points belong to this run from now on."""
        self._runtime = runtime
        self._access = _nothing if runtime is None else runtime.access
        self._idle = runtime is None

    def load(self, place: int, of: Any) -> Any:
        """Before an attribute is read."""
        if self._idle:
            return of
        if not _HAS_CONSTANT_ATTRIBUTES[type(of)] and self._access(place):
            self._tell_field(place, of)
        return of

    def store(self, place: int, of: Any) -> Any:
        """Before an attribute is written or deleted."""
        if self._idle:
            return of
        if self._access(place):
            self._tell_field(place, of)
        return of

    def item(self, place: int, of: Any, index: Any) -> Any:
        """An item is read."""
        if self._idle:
            return of[index]
        if self._access(place):
            self._tell_content(place, of)
        return of[index]

    def at(self, place: int, of: Any, index: Any) -> Any:
        """Before an item is written or deleted: its index."""
        if self._idle:
            return index
        if self._access(place):
            self._tell_content(place, of)
        return index

    def variable(self, place: int, value: Any = None) -> Any:
        """Before a shared variable is read or written."""
        if self._idle:
            return value
        if self._access(place):
            site = self.sites[place]
            self._tell(place, site.variable, site.field, write=site.write)
        return value

    def whole(self, place: int, value: Any, left: Any = None) -> Any:
        """Before an operation that looks into a value, and into the one on its left."""
        if self._idle:
            return value
        if not _IS_VALUE[type(value)] and self._access(place):
            self._tell_content(place, left)
            self._tell_content(place, value)
        return value

    def times(self, place: int, value: Any, left: Any = None) -> Any:
        """Before a multiplication, which may look into either side whatever the other is."""
        if self._idle:
            return value
        if self._access(place):
            self._tell_content(place, left)
            self._tell_content(place, value)
        return value

    def shell(self, place: int, value: Any) -> Any:
        """Before a truth test or an unpacking, which looks at the outermost container only."""
        if self._idle:
            return value
        if not _IS_FIXED[type(value)] and self._access(place):
            self._tell_content(place, value)
        return value

    def inplace(self, place: int, target: Any, value: Any) -> Any:
        """Before `target += value`, which may change the target itself."""
        if self._idle:
            return value
        if (not _IS_VALUE[type(target)] or not _IS_VALUE[type(value)]) and self._access(place):
            self._tell_content(place, value, write=False)
            self._tell_content(place, target)
        return value

    def each(self, place: int, values: Any) -> Any:
        """Before each item is taken."""
        if self._idle:
            return values
        return values if _IS_FIXED[type(values)] else self._one_by_one(place, values, iter(values))

    def call(self, place: int, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Before a call, when its arguments are there."""
        if self._idle:
            return function(*args, **kwargs)
        if not self._is_seen_inside(function) and self._access(place):
            self._tell_call(place, function, (*args, *kwargs.values()))
        return function(*args, **kwargs)

    def _is_seen_inside(self, function: Any) -> bool:
        """What the call does has switch points of its own."""
        kind = type(function)
        if kind is MethodType:
            if _IS_SEAM[type(function.__self__)]:
                return True
            function = function.__func__
            kind = type(function)
        if kind is FunctionType:
            return function.__globals__.get(POINTS) is self
        return isinstance(function, type) and function.__module__.startswith(self._package)

    def _one_by_one(self, place: int, values: Any, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            if self._access(place):
                self._tell_content(place, values)
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item

    # What a monitor is told: after the switch point, before the access -----------------------------

    def _tell(self, place: int, owner: object, field: str, *, write: bool) -> None:
        runtime = self._runtime
        if runtime is not None and runtime.monitor is not None:
            runtime.monitor.access(runtime.running, place, owner, field, write)

    def _tell_field(self, place: int, owner: object) -> None:
        """An attribute is accessed, if it is a field of the object itself."""
        site = self.sites[place]
        if self._has_field(type(owner), site.field):
            self._tell(place, owner, site.field, write=site.write)

    def _has_field(self, owner: type, name: str) -> bool:
        """`_is_field`, whose way is long."""
        try:
            return self._fields[owner, name]
        except KeyError:
            self._fields[owner, name] = found = _is_field(owner, name)
            return found

    def _tell_content(self, place: int, value: object, *, write: bool | None = None) -> None:
        """A value is looked into or changed, as the place says if nothing else does, if it is a container."""
        container = _container(value)
        if container is not None:
            write = self.sites[place].write if write is None else write
            self._tell(place, container, CONTENT, write=write)

    def _tell_call(self, place: int, function: Any, args: tuple[Any, ...]) -> None:
        """Something is called that has no switch points of its own."""
        if isinstance(function, type(len)) and function in _OF_A_FIELD:
            if self._has_field(type(args[0]), args[1]):
                self._tell(place, args[0], args[1], write=_OF_A_FIELD[function])
            return
        mine = getattr(function, "__self__", None)
        writes = getattr(function, "__name__", None) in _MUTATORS
        self._tell_content(place, mine, write=writes)
        for at, value in enumerate(args):
            self._tell_content(place, value, write=at == 0 and function in _WRITE_THE_FIRST)


def _nothing(place: object) -> bool:  # noqa: ARG001
    """No run, no switch point."""
    return False


def _is_field(owner: type, name: str) -> bool:
    """Whether objects of this class have the attribute in themselves."""
    for base in owner.__mro__:
        if name in base.__dict__:
            return isinstance(base.__dict__[name], MemberDescriptorType | GetSetDescriptorType)
    return True


def _container(value: object) -> object | None:
    """The container that is looked into; None if it is none."""
    kind = type(value)
    if kind is list or kind is dict:
        return value
    if _IS_VALUE[kind]:
        return None
    if isinstance(value, KeysView | ValuesView | ItemsView):
        value = get_referents(value)[0]  # the mapping that it is a view of
    return value if isinstance(value, MutableSequence | MutableMapping | MutableSet) else None


_VERBS: dict[type[ast.expr_context], str] = {ast.Load: "reads", ast.Store: "writes", ast.Del: "deletes"}

POINTS = "__points__"
"""The global name by which rewritten modules know their `Points`."""


def instrument(tree: ast.Module, file: str, points: Points) -> ast.Module:
    """The module with switch points in the bodies of its functions."""
    rebound = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    return cast("ast.Module", ast.fix_missing_locations(_Module(file, points, rebound).visit(tree)))


class _Module(ast.NodeTransformer):
    """Finds the functions; leaves what runs at import as it is."""

    def __init__(self, file: str, points: Points, rebound: set[str]) -> None:
        self._file = file
        self._points = points
        self._scope = file.removesuffix(".py")
        self._variables = {name: Variable(self._scope) for name in sorted(rebound)}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        scope = self._scope
        self._scope = f"{scope}.{node.name}"
        self.generic_visit(node)
        self._scope = scope
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        scope = f"{self._scope}.{node.name}"
        shared = self._variables | {name: Variable(scope) for name in sorted(_captured(node))}
        _Function(self._file, self._points, scope, shared, _unpublished(node)).body_of(node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        function = _Function(self._file, self._points, f"{self._scope}.<lambda>", self._variables, None)
        return cast("ast.expr", function.visit(node))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        raise UnknownSyntax(type(node).__name__, self._file, node.lineno)


def _captured(function: ast.FunctionDef) -> set[str]:
    """Names that functions nested in this one use: if they are its variables, they are shared."""
    names: set[str] = set()
    for node in ast.walk(function):
        if node is not function and isinstance(node, ast.FunctionDef | ast.Lambda):
            own = {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
            names |= {it.id for it in ast.walk(node) if isinstance(it, ast.Name)} - own
    bound = {
        it.id for it in ast.walk(function) if isinstance(it, ast.Name) and not isinstance(it.ctx, ast.Load)
    }
    return names & (bound | {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)})


def _unpublished(function: ast.FunctionDef) -> str | None:
    """The name of `self`, if this is an `__init__` that does nothing with it but store in it."""
    if function.name != "__init__" or not function.args.args:
        return None
    me = function.args.args[0].arg
    stores = {
        id(node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == me and id(node) not in stores:
            return None
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute):
            return None  # it loads as well
    return me


class _Function(ast.NodeTransformer):
    """Rewrites the body of one function.  Each method is a rule; what has none is refused."""

    def __init__(
        self, file: str, points: Points, scope: str, shared: dict[str, Variable], unpublished: str | None
    ) -> None:
        self._file = file
        self._points = points
        self._scope = scope
        self._shared = shared
        self._unpublished = unpublished
        self._temporaries = 0

    def body_of(self, function: ast.FunctionDef) -> None:
        """Rewrite in place."""
        function.body = self._block(function.body)

    # How a switch point is written ------------------------------------------------------------

    def _label(self, verb: str, node: ast.expr) -> str:
        """What happens at a place, for people.  To be taken before the node is rewritten."""
        what = ast.unparse(node)
        return f"{self._file}:{node.lineno} {verb} {what if len(what) <= 48 else what[:45] + '...'}"

    def _point(
        self,
        kind: str,
        label: str,
        *operands: ast.expr | ast.keyword,
        field: str = CONTENT,
        write: bool = False,
    ) -> ast.expr:
        """`__points__.kind(place, *operands)`."""
        places = self._points.places
        places.append(label)
        variable = self._shared.get(field) if kind == "variable" else None
        self._points.sites.append(Site(self._scope, field, write, variable))
        return ast.Call(
            func=ast.Attribute(value=ast.Name(id=POINTS, ctx=ast.Load()), attr=kind, ctx=ast.Load()),
            args=[ast.Constant(len(places) - 1), *[it for it in operands if isinstance(it, ast.expr)]],
            keywords=[it for it in operands if isinstance(it, ast.keyword)],
        )

    def _expr(self, node: ast.expr) -> ast.expr:
        return cast("ast.expr", self.visit(node))

    def _shell(self, node: ast.expr, verb: str) -> ast.expr:
        """The expression, its outermost container looked at right afterwards."""
        if isinstance(node, ast.Tuple | ast.List | ast.Constant):
            return self._expr(node)
        label = self._label(verb, node)
        return self._point("shell", label, self._expr(node))

    def _test(self, node: ast.expr) -> ast.expr:
        """The expression, its truth looked at."""
        if isinstance(node, ast.BoolOp):
            node.values = [self._test(value) for value in node.values]
            return node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = self._test(node.operand)
            return node
        if isinstance(node, ast.Compare):
            return self._expr(node)
        return self._shell(node, "tests")

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            out += new if isinstance(new, list) else [new]
        return out

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Syntax without a rule, unless it is known to access nothing beyond its parts."""
        if not isinstance(node, _PLAIN):
            raise UnknownSyntax(type(node).__name__, self._file, getattr(node, "lineno", 0))
        return super().generic_visit(node)

    # Expressions ---------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A variable: its own function's alone, unless it is shared."""
        if node.id not in self._shared:
            return node
        if not isinstance(node.ctx, ast.Load):
            raise UnknownSyntax("this way of binding a shared variable", self._file, node.lineno)
        reads = self._point("variable", self._label("reads", node), field=node.id)
        return ast.BoolOp(op=ast.Or(), values=[reads, node])

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """`a.b`, read, written or deleted."""
        base = node.value
        if not isinstance(node.ctx, ast.Load) and isinstance(base, ast.Name) and base.id == self._unpublished:
            return node
        write = not isinstance(node.ctx, ast.Load)
        label = self._label(_VERBS[type(node.ctx)], node)
        kind = "store" if write else "load"
        node.value = self._point(kind, label, self._expr(base), field=node.attr, write=write)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """`a[i]`, read, written or deleted: the index is the last operand."""
        label = self._label(_VERBS[type(node.ctx)], node)
        base, index = self._expr(node.value), self._expr(node.slice)
        if isinstance(node.ctx, ast.Load):
            return self._point("item", label, base, index)
        node.value, again = self._twice(base)
        node.slice = self._point("at", label, again, index, write=True)
        return node

    def _twice(self, value: ast.expr) -> tuple[ast.expr, ast.expr]:
        """The value of an expression, to be used at once and once more."""
        if isinstance(value, ast.Name):
            return value, ast.Name(id=value.id, ctx=ast.Load())
        self._temporaries += 1
        name = f"__tmp{self._temporaries}"
        kept = ast.NamedExpr(target=ast.Name(id=name, ctx=ast.Store()), value=value)
        return kept, ast.Name(id=name, ctx=ast.Load())

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        """`i:j:k`, as the object it is."""
        parts = [
            ast.Constant(None) if part is None else self._expr(part)
            for part in (node.lower, node.upper, node.step)
        ]
        return ast.Call(func=ast.Name(id="slice", ctx=ast.Load()), args=parts, keywords=[])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """`f(...)`, once its arguments are there."""
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return node  # it looks at its caller's frame
        label = self._label("calls", node.func)
        function = self._expr(node.func)
        alone = len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.GeneratorExp)
        args = [self._comprehension(node.args[0])] if alone else [self._expr(arg) for arg in node.args]
        keywords = [ast.keyword(arg=it.arg, value=self._expr(it.value)) for it in node.keywords]
        return self._point("call", label, function, *args, *keywords)

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        """`*a`: read as a whole, or bound."""
        if isinstance(node.ctx, ast.Load):
            node.value = self._shell(node.value, "unpacks")
        else:
            node.value = self._expr(node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`a < b`, but not `a is b`."""
        left = node.left = self._expr(node.left)
        for at, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            label = self._label("compares with", right)
            new = self._expr(right)
            by_identity = isinstance(operator, ast.Is | ast.IsNot)
            node.comparators[at] = new if by_identity else self._point("whole", label, new, *_again(left))
            left = new
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """`a + b`; `a * 2` may read a list on either side."""
        label = self._label("computes", node)
        node.left = self._expr(node.left)
        kind = "times" if isinstance(node.op, ast.Mult) else "whole"
        node.right = self._point(kind, label, self._expr(node.right), *_again(node.left))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """`not a`, `-a`."""
        if isinstance(node.op, ast.Not):
            return self._test(node)
        label = self._label("computes", node)
        node.operand = self._point("whole", label, self._expr(node.operand))
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`a or b`: the last operand is handed out untested."""
        node.values = [*[self._test(value) for value in node.values[:-1]], self._expr(node.values[-1])]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """`a if b else c`."""
        node.test = self._test(node.test)
        node.body = self._expr(node.body)
        node.orelse = self._expr(node.orelse)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        """`{a}` in an f-string."""
        label = self._label("formats", node.value)
        node.value = self._point("whole", label, self._expr(node.value))
        if node.format_spec is not None:
            node.format_spec = self._expr(node.format_spec)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        """`{a: b}`; `{**a}` reads a mapping as a whole."""
        for at, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            node.keys[at] = None if key is None else self._expr(key)
            node.values[at] = self._shell(value, "unpacks") if key is None else self._expr(value)
        return node

    def _comprehension(self, node: ast.expr) -> ast.expr:
        """A comprehension, which runs here and now, item by item."""
        if isinstance(node, ast.DictComp):
            node.key = self._expr(node.key)
            node.value = self._expr(node.value)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            node.elt = self._expr(node.elt)
        for part in node.generators:  # type: ignore[attr-defined]
            if part.is_async:
                raise UnknownSyntax("async comprehension", self._file, node.lineno)
            part.iter = self._each(part.iter)
            part.target = self._expr(part.target)
            part.ifs = [self._test(test) for test in part.ifs]
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = _comprehension  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """A nested function; `_captured` has found what it shares."""
        self._defaults(node.args)
        node.body = self._expr(node.body)
        return node

    def _each(self, node: ast.expr) -> ast.expr:
        label = self._label("iterates over", node)
        return self._point("each", label, self._expr(node))

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self._expr(it) for it in arguments.defaults]
        arguments.kw_defaults = [None if it is None else self._expr(it) for it in arguments.kw_defaults]

    # Statements ----------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """`a = b`: each target's own rule, the value first."""
        if any(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
            value = self._shell(node.value, "unpacks")
        else:
            value = self._expr(node.value)
        for at, target in enumerate(node.targets):
            if not isinstance(target, ast.Name):
                node.targets[at] = self._expr(target)
            elif target.id in self._shared:
                label = self._label("writes", target)
                value = self._point("variable", label, value, field=target.id, write=True)
        node.value = value
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """`a: T = b`; the annotation is for readers."""
        if node.value is None:
            return node
        bare = ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)
        return self.visit_Assign(bare)

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        """`a.b += c`: a load, an operation, a store."""
        target = node.target
        changes, reads, writes = (self._label(verb, target) for verb in ("changes", "reads", "writes"))
        if isinstance(target, ast.Name):
            if target.id in self._shared:
                raise UnknownSyntax("augmented assignment to a shared variable", self._file, node.lineno)
            itself = ast.Name(id=target.id, ctx=ast.Load())
            node.value = self._point("inplace", changes, itself, self._expr(node.value), write=True)
            return [node]
        base = self._temporary(self._expr(target.value), node)
        statements = [base.store]
        if isinstance(target, ast.Attribute):
            name = target.attr
            read = self._point("load", reads, base.load(), field=name)
            load: ast.expr = ast.Attribute(read, name, ast.Load())
            write = self._point("store", writes, base.load(), field=name, write=True)
            store: ast.expr = ast.Attribute(write, name, ast.Store())
        else:
            index = self._temporary(self._expr(target.slice), node)
            statements.append(index.store)
            load = self._point("item", reads, base.load(), index.load())
            at = self._point("at", writes, base.load(), index.load(), write=True)
            store = ast.Subscript(base.load(), at, ast.Store())
        value = self._temporary(load, node)
        operand = self._point("inplace", changes, value.load(), self._expr(node.value), write=True)
        statements += [
            value.store,
            ast.AugAssign(target=ast.Name(id=value.name, ctx=ast.Store()), op=node.op, value=operand),
            ast.Assign(targets=[store], value=value.load()),
        ]
        return [ast.copy_location(statement, node) for statement in statements]

    def _temporary(self, value: ast.expr, at: ast.stmt) -> _Temporary:
        self._temporaries += 1
        return _Temporary(f"__tmp{self._temporaries}", value, at)

    def visit_For(self, node: ast.For) -> ast.stmt:
        """`for a in b`: one access for each item."""
        node.iter = self._each(node.iter)
        node.target = self._expr(node.target)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse)
        return node

    def visit_If(self, node: ast.If) -> ast.stmt:
        """`if a`."""
        node.test = self._test(node.test)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> ast.stmt:
        """`while a`."""
        node.test = self._test(node.test)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse)
        return node

    def visit_With(self, node: ast.With) -> ast.stmt:
        """`with a as b`."""
        for item in node.items:
            item.context_expr = self._expr(item.context_expr)
            if item.optional_vars is not None:
                item.optional_vars = self._expr(item.optional_vars)
        node.body = self._block(node.body)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        """`assert a, b`."""
        node.test = self._test(node.test)
        node.msg = None if node.msg is None else self._expr(node.msg)
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        """`try`; which exceptions a handler takes is written in classes."""
        node.body = self._block(node.body)
        for handler in node.handlers:
            handler.body = self._block(handler.body)
        node.orelse = self._block(node.orelse)
        node.finalbody = self._block(node.finalbody)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        """A nested function: its variables are its own, save those it shares."""
        if node.decorator_list:
            raise UnknownSyntax("a decorated function in a function", self._file, node.lineno)
        self._defaults(node.args)
        scope = f"{self._scope}.{node.name}"
        shared = self._shared | {name: Variable(scope) for name in sorted(_captured(node))}
        inner = _Function(self._file, self._points, scope, shared, None)
        inner.body_of(node)
        return node


def _again(value: ast.expr) -> list[ast.expr]:
    """A variable, to be read once more; of any other expression nothing."""
    return [ast.Name(id=value.id, ctx=ast.Load())] if isinstance(value, ast.Name) else []


class _Temporary:
    """A variable that the source does not have."""

    def __init__(self, name: str, value: ast.expr, at: ast.stmt) -> None:
        self.name = name
        self.store: ast.stmt = ast.copy_location(
            ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store())], value=value), at
        )

    def load(self) -> ast.expr:
        return ast.Name(id=self.name, ctx=ast.Load())


# Nodes that access nothing beyond what their parts access.
_PLAIN: tuple[type[ast.AST], ...] = (
    ast.Constant, ast.Tuple, ast.List, ast.Set, ast.JoinedStr, ast.NamedExpr,
    ast.Expr, ast.Return, ast.Raise, ast.Delete, ast.Pass, ast.Break, ast.Continue,
    ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom, ast.alias, ast.keyword,
    ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
