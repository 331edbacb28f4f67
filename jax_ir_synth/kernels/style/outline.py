"""Takes some steps of a program out into a helper function, as people do with what has a name."""

import ast
from collections.abc import Iterator, Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.trees import is_stored, walk

# In percent of programs that have steps to take out.
_OUTLINES = 15
# The fewest steps, the most of them, and the most names that they read.
_FEWEST, _MOST, _READ = 3, 8, 5
_PREFIXES = {"compute_": 70, "_": 10, "_compute_": 20}
# Results whose name says nothing of what a helper does.
_EMPTY = frozenset("out output outputs result results value values res ret y z h x new tmp".split())


def outline(program: Sequence[ast.stmt], static: Sequence[str], stream: Stream) -> list[ast.stmt]:
    """Return the program with a helper function more, or as it is.

    Args:
      program: its statements; the last one is the function itself.
      static: its parameters that stay Python values; no step that reads one is taken out.
      stream: decides.
    """
    main = program[-1]
    assert isinstance(main, ast.FunctionDef)
    if not stream.chance(_OUTLINES):
        return [*program]
    found = [*_list_blocks(main, set(static))]
    if not found:
        return [*program]
    first, last, read, name = found[stream.below(len(found))]
    called = stream.choose(_PREFIXES) + name.strip("_")
    if called in {*_list_names(program)} or not called.isidentifier():
        return [*program]
    steps = main.body[first:last]
    helper = ast.parse(f"def {called}({', '.join(read)}):\n    pass").body[0]
    assert isinstance(helper, ast.FunctionDef)
    helper.body = [*steps, *ast.parse(f"return {name}").body]
    match helper.body[-2]:
        case ast.Assign(targets=[ast.Name(id=own)], value=value) if own == name:
            helper.body[-2:] = [ast.copy_location(ast.Return(value), helper.body[-2])]
    call = ast.parse(f"{name} = {called}({', '.join(read)})").body
    main.body[first:last] = call
    return [*program[:-1], helper, main]


def _list_blocks(
    main: ast.FunctionDef, static: set[str]
) -> Iterator[tuple[int, int, list[str], str]]:
    """List the blocks of steps that read few names, and leave one to the steps after them."""
    first_step = int(ast.get_docstring(main) is not None)
    parameters = {each.arg for each in (*main.args.args, *main.args.kwonlyargs)}
    body = main.body
    stored = [_list_stored(step) for step in body]
    loaded = [_list_loaded(step) for step in body]
    ends = [any(isinstance(node, ast.Return) for node in _walk_own(step)) for step in body]
    unsure = static | _list_unsure(main)
    # What is read from each step on.
    later: list[set[str]] = [set()]
    for read_here in reversed(loaded):
        later.insert(0, later[0].union(read_here))
    before = set(parameters)
    order = {each.arg: k for k, each in enumerate((*main.args.args, *main.args.kwonlyargs))}
    for first in range(len(body)):
        read: list[str] = []
        made: set[str] = set()
        changed: set[str] = set()
        for last in range(first, min(first + _MOST, len(body) - 1) if first >= first_step else 0):
            if ends[last]:
                break
            read += [each for each in loaded[last] if each in before - made - {*read}]
            made |= stored[last]
            changed |= _list_changed(body[last])
            after = later[last + 1] & made
            if last - first + 1 < _FEWEST or len(after) != 1:
                continue
            (name,) = after
            good = 0 < len(read) <= _READ and not unsure & {*read}
            gives = isinstance(body[last], ast.Assign) and name in stored[last]
            told = len(name) > 1 and name not in before | _EMPTY | unsure
            if good and gives and told and not changed & {*read}:
                # In the order of the program's own parameters.
                yield first, last + 1, sorted(read, key=lambda each: order.get(each, 99)), name
        before |= stored[first]


def _list_unsure(main: ast.FunctionDef) -> set[str]:
    """List the names of a function that may be no arrays: functions, sizes, and turns of loops."""
    found: set[str] = set()
    for node in walk(main):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and node is not main:
            # Inside it, its parameters may have names of others outside.
            found |= {each.arg for each in node.args.args}
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.comprehension):
            found |= {each.id for each in walk(node.target) if is_stored(each)}
        elif isinstance(node, ast.Assign):
            text = ast.unparse(node.value)
            if any(part in text for part in ("shape", "len(", "lambda", "range(", "partial", "[]")):
                found |= {each.id for each in walk(node) if is_stored(each)}
        elif isinstance(node, ast.For):
            found |= {each.id for each in walk(node.target) if is_stored(each)}
    return found


def _list_names(program: Sequence[ast.stmt]) -> Iterator[str]:
    for part in program:
        for node in walk(part):
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.FunctionDef):
                yield node.name


def _list_stored(step: ast.stmt) -> set[str]:
    """List the names that a step binds in its own function."""
    nodes = [*_walk_own(step)]
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return functions | {node.id for node in nodes if is_stored(node)}


def _list_changed(step: ast.stmt) -> set[str]:
    """List what a step may change in place: an element, or a list by its method."""
    return {
        node.value.id
        for node in walk(step)
        if isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (isinstance(node.ctx, ast.Store) or getattr(node, "attr", "") in ("append", "extend"))
    }


def _list_loaded(step: ast.stmt) -> list[str]:
    """List the names that a step reads, in the order of its text."""
    nodes = [
        node
        for node in walk(step)
        if isinstance(node, ast.Name)
        and (isinstance(node.ctx, ast.Load) or isinstance(step, ast.AugAssign))
    ]
    nodes.sort(key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
    return [*dict.fromkeys(node.id for node in nodes)]


def _walk_own(step: ast.stmt) -> Iterator[ast.AST]:
    """Walk through a step, but not through the functions inside it."""
    waiting: list[ast.AST] = [step]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.comprehension):
            # Its targets are names of its own.
            waiting += [node.iter, *node.ifs]
        elif not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
