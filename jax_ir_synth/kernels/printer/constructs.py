"""Writes constructs as Python: a function for each."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from jax_ir_synth.kernels.builder.values import Block, Value
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.printer.frames import INDENT, Frame, grouped
from jax_ir_synth.kernels.printer.spelling import ATOM, Text, number

if TYPE_CHECKING:
    from jax_ir_synth.kernels.printer.writer import Writer

_PLAIN_CALL = re.compile(r"(jnp\.\w+)\(\{0\}, \{1\}\)")


def write_cond(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.cond`."""
    predicate = writer.value(node.operands[0], frame)
    operands = [writer.value(v, frame) for v in node.operands[1:]]
    lambdas = writer.stream.chance(60)
    true = writer.function(node.blocks[0], frame, "true", lambdas)
    false = writer.function(node.blocks[1], frame, "false", lambdas)
    return Text(f"lax.cond({', '.join([predicate, true, false, *operands])})")


def write_switch(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.switch`; long branches become a list with a name."""
    index = writer.value(node.operands[0], frame)
    operands = [writer.value(v, frame) for v in node.operands[1:]]
    functions = [writer.function(block, frame) for block in node.blocks]
    if len(", ".join(functions)) > 60:
        branches = writer.book.fresh(
            {"branches": (("branches", "fns", "funcs"), (6, 2, 1))}, "branches"
        )
        frame.add(f"{branches} = [{', '.join(functions)}]")
    else:
        branches = f"[{', '.join(functions)}]"
    return Text(f"lax.switch({', '.join([index, branches, *operands])})")


def write_piecewise(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `jnp.piecewise`."""
    x = writer.value(node.operands[0], frame)
    conditions = [writer.value(v, frame) for v in node.operands[1:]]
    functions = [writer.function(block, frame) for block in node.blocks]
    return Text(f"jnp.piecewise({x}, [{', '.join(conditions)}], [{', '.join(functions)}])")


def write_fori_loop(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.fori_loop`."""
    init = [writer.value(v, frame) for v in node.operands]
    body = writer.function(node.blocks[0], frame)
    start, steps = node.params["start"], node.params["steps"]
    return Text(f"lax.fori_loop({start}, {start + steps}, {body}, {grouped(init)})")


def write_while_loop(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.while_loop`, after its condition and its body."""
    limit = writer.value(node.operands[0], frame)
    init = [writer.value(v, frame) for v in node.operands[1:]]
    condition = writer.book.function("condition")
    state = writer.book.fresh({"s": (("state", "val", "carry"), (4, 2, 2))}, "s")
    frame.blank()
    frame.add(f"def {condition}({state}):")
    _while_condition(writer, node, state, limit, frame)
    body = _while_body(writer, node.blocks[0], frame)
    picked = "[1]" if len(init) == 1 else "[1:]"
    return Text(f"lax.while_loop({condition}, {body}, (0, {', '.join(init)})){picked}")


def _while_condition(writer: "Writer", node: Value, state: str, limit: str, frame: Frame) -> None:
    """Writes a `while_loop`'s condition: the counter is below the limit, and its test holds."""
    indent = INDENT * (frame.indent + 1)
    if len(node.blocks) == 1:
        frame.lines.append(f"{indent}return {state}[0] < {limit}")
        return
    block = node.blocks[1]
    inner, saved = writer.enter(block, frame)
    counter = writer.book.fresh({"i": (("i", "step", "k", "n"), (6, 2, 1, 1))}, "i")
    names = [counter, *(writer.parameter(v) for v in block.flat_params())]
    inner.add(f"{', '.join(names)} = {state}")
    test = writer.value(block.flat_results()[0], inner)
    pair = (
        f"jnp.logical_and({counter} < {limit}, {test})"
        if writer.stream.chance(60)
        else f"({counter} < {limit}) & "
        f"{test.within(51) if test.precedence == ATOM else f'({test})'}"
    )
    inner.add(f"return {pair}")
    writer.frames[block.level :] = saved
    frame.lines.extend(inner.lines)


def _while_body(writer: "Writer", block: Block, frame: Frame) -> str:
    inner, saved = writer.enter(block, frame)
    counter, *carry = block.flat_params()
    state = writer.book.fresh({"s": (("state", "val", "carry"), (4, 2, 2))}, "s")
    i = (
        writer.book.parameter(counter)
        if id(counter) in writer.left
        else writer.book.fresh({"i": (("i", "step", "k", "n"), (6, 2, 1, 1))}, "i")
    )
    writer.names[id(counter)] = i
    inner.add(f"{', '.join([i, *(writer.parameter(v) for v in carry)])} = {state}")
    texts = [writer.value(v, inner) for v in block.flat_results()]
    inner.add(f"return {', '.join([f'{i} + 1', *texts])}")
    writer.frames[block.level :] = saved
    name = writer.book.function("body")
    frame.blank()
    frame.add(f"def {name}({state}):")
    frame.lines.extend(inner.lines)
    frame.blank()
    return name


def write_scan(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.scan`."""
    carries = node.params["carries"]
    texts = [writer.value(v, frame) for v in node.operands]
    step = writer.function(node.blocks[0], frame, lambdas=False)
    xs = grouped(texts[carries:]) if node.params["xs"] else "None"
    extra = ", reverse=True" if node.params["reverse"] else ""
    if not node.params["xs"]:
        extra += f", length={node.params['steps']}"
    return Text(f"lax.scan({step}, {grouped(texts[:carries])}, {xs}{extra})")


def write_unrolled(writer: "Writer", node: Value, frame: Frame) -> None:
    """Writes a `for` statement, after which the carried names hold the results."""
    block = node.blocks[0]
    inits = [writer.value(v, frame) for v in node.operands]
    items, parameters = node.params["items"], block.flat_params()
    inner, saved = writer.enter(block, frame)
    names: list[str] = []
    for parameter, init, text in zip(parameters[: len(inits)], node.operands, inits, strict=True):
        free = (
            writer.names.get(id(init)) == text
            and writer.left[id(init)] == 0
            and init.level == node.level
            and id(init) not in writer.pinned
            and inits.count(text) == 1
            and not writer.awaited(text, writer.pending[:-1])
        )
        name = str(text) if free else writer.book.parameter(parameter)
        if not free:
            frame.add(f"{name} = {text}")
        writer.names[id(parameter)] = name
        names.append(name)
    counter = "_"
    if items is not None:
        counter = writer.book.fresh(
            {"item": (("c", "w", "a", "coef", "rate", "s"), (6, 3, 3, 3, 2, 2))}, "item"
        )
        writer.names[id(parameters[-1])] = counter
    results = [writer.value(v, inner) for v in block.flat_results()]
    over = (
        f"({', '.join(map(number, items))})"
        if items is not None
        else f"range({node.params['steps']})"
    )
    frame.add(f"for {counter} in {over}:")
    frame.lines.extend(inner.lines)
    frame.lines.append(INDENT * inner.indent + f"{', '.join(names)} = {', '.join(results)}")
    writer.frames[block.level :] = saved
    for part, name in zip(node.params["parts"], names, strict=True):
        writer.names[id(part)] = name


def write_map(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.map`."""
    xs = [writer.value(v, frame) for v in node.operands]
    block = node.blocks[0]
    if len(block.params) > 1:
        block = Block((tuple(block.flat_params()),), block.results, block.level, block.role)
    return Text(f"lax.map({writer.function(block, frame)}, {grouped(xs)})")


def write_vmap(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `jax.vmap(fn)(...)`."""
    xs = [writer.value(v, frame) for v in node.operands]
    axes = node.params["in_axes"]
    fn = writer.function(node.blocks[0], frame)
    extra = "" if set(axes) == {0} else f", in_axes={axes!r}"
    return Text(f"jax.vmap({fn}{extra})({', '.join(xs)})")


def write_split_key(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `jax.random.split`."""
    return Text(f"jax.random.split({writer.value(node.operands[0], frame)})")


def write_helper(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes a call of an inner function; the first call writes the function, too."""
    xs = [writer.value(v, frame) for v in node.operands]
    block = node.blocks[0]
    name = writer.helpers.get(id(block))
    if name is None:
        # A call with values of an outer function alone is written there.
        home = writer.frames[writer.homes[id(block)]]
        name = writer.function(block, home)
        if name.startswith("lambda"):
            text, name = name, writer.book.function(block.role)
            home.add(f"{name} = {text}")
        writer.helpers[id(block)] = name
    call = f"jnp.vectorize({name})" if node.params["vectorize"] else name
    return Text(f"{call}({', '.join(xs)})")


def write_split(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `jnp.split`."""
    x, sizes, axis = node.operands[0], node.params["sizes"], node.params["axis"]
    where = (
        str(len(sizes))
        if len(set(sizes)) == 1
        else repr([sum(sizes[:i]) for i in range(1, len(sizes))])
    )
    last = (
        ", axis=-1"
        if axis and axis == x.ndim - 1 and writer.stream.chance(70)
        else f", axis={axis}"
        if axis
        else ""
    )
    return Text(f"jnp.split({writer.value(x, frame)}, {where}{last})")


def write_unstack(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `jnp.unstack`."""
    x, axis = node.operands[0], node.params["axis"]
    last = ", axis=-1" if axis and axis == x.ndim - 1 else f", axis={axis}" if axis else ""
    return Text(f"jnp.unstack({writer.value(x, frame)}{last})")


def write_iterate(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes the array alone, which Python unpacks by rows."""
    return writer.value(node.operands[0], frame)


def write_components(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes the components of an array, one index for each."""
    x = node.operands[0]
    axis: int = node.params["axis"]
    text = writer.value(x, frame)
    if text.precedence < ATOM or not text.isidentifier():
        text = Text(writer.statement(x, text, writer.frames[x.level]))
    before = (
        ":, " * axis
        if axis != x.ndim - 1
        else "..., "
        if x.ndim > 1 and writer.stream.chance(60)
        else ":, " * axis
    )
    return Text(", ".join(f"{text}[{before}{i}]" for i in range(x.shape[axis])))


def write_meshgrid(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `jnp.meshgrid`."""
    x, y = (writer.value(v, frame) for v in node.operands)
    extra = "" if node.params["indexing"] == "xy" else ', indexing="ij"'
    return Text(f"jnp.meshgrid({x}, {y}{extra})")


def write_update_index(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.dynamic_update_index_in_dim`."""
    return Text(
        "lax.dynamic_update_index_in_dim("
        f"{', '.join(writer.value(v, frame) for v in node.operands)}, 0)"
    )


def write_top_k_pair(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.top_k`."""
    return Text(f"lax.top_k({writer.value(node.operands[0], frame)}, {node.params['k']})")


def write_checkpoint(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes a function under `jax.checkpoint`, as its decorator or around it in the call."""
    xs = [writer.value(v, frame) for v in node.operands]
    if writer.stream.chance(50):
        fn = writer.function(node.blocks[0], frame, decorator="@jax.checkpoint")
        return Text(f"{fn}({', '.join(xs)})")
    return Text(f"jax.checkpoint({writer.function(node.blocks[0], frame)})({', '.join(xs)})")


def write_linear_recurrence(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.associative_scan` over pairs."""
    a, b = (writer.value(v, frame) for v in node.operands)
    function = writer.function(node.blocks[0], frame, lambdas=False)
    extra = ", reverse=True" if node.params["reverse"] else ""
    return Text(f"lax.associative_scan({function}, ({a}, {b}){extra})")


def write_associative_scan(writer: "Writer", node: Value, frame: Frame) -> Text:
    """Writes `lax.associative_scan`."""
    x = writer.value(node.operands[0], frame)
    block = node.blocks[0]
    combine = block.flat_results()[0].op
    function = next(
        found[1]
        for _, template, *_ in OPS[combine].spellings
        if (found := _PLAIN_CALL.fullmatch(template))
    )
    if combine in ("add", "mul") and writer.stream.chance(50):
        function = writer.function(block, frame)
    extra = ", reverse=True" if node.params["reverse"] else ""
    return Text(f"lax.associative_scan({function}, {x}{extra})")


# The operation that each function writes.
CONSTRUCTS: dict[str, Callable[["Writer", Value, Frame], Text | None]] = {
    "cond": write_cond,
    "switch": write_switch,
    "piecewise": write_piecewise,
    "fori_loop": write_fori_loop,
    "while_loop": write_while_loop,
    "scan": write_scan,
    "unrolled": write_unrolled,
    "map": write_map,
    "vmap": write_vmap,
    "split_key": write_split_key,
    "helper": write_helper,
    "split": write_split,
    "unstack": write_unstack,
    "iterate": write_iterate,
    "components": write_components,
    "meshgrid": write_meshgrid,
    "update_index": write_update_index,
    "top_k_pair": write_top_k_pair,
    "checkpoint": write_checkpoint,
    "linear_recurrence": write_linear_recurrence,
    "associative_scan": write_associative_scan,
}
