"""Control flow and function transforms: cond, switch, loops, scans, vmap, checkpoint."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from jax_ir_synth.kernels.builder.loop_simulation import forgets, simulate_loop
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder, find_captured
from jax_ir_synth.kernels.builder.values import (
    SAMPLES,
    Block,
    Group,
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Value,
)
from jax_ir_synth.kernels.ops import OPS

_STEPS = np.linspace(0.0, 1.0, SAMPLES)

# Makes an inner function's results of its parameters.
Build = Callable[..., Group]


def _as_tuple(results: Group) -> Operands:
    """The results as a tuple, also where there is only one."""
    return results if isinstance(results, tuple) else (results,)


def _make_block(
    params: tuple[Group, ...], results: tuple[Group, ...], level: int, role: str
) -> Block:
    """An inner function. Raises Rejected where it returns a literal or an argument."""
    block = Block(params, results, level, role)
    for value in block.flat_results():
        if value.is_literal or value.level < level and value.op == "argument":
            raise Rejected("an inner function returns an argument or a literal")
    return block


def _unite(masks: Iterable[int]) -> int:
    """The bits that are in any of the masks."""
    united = 0
    for mask in masks:
        united |= mask
    return united


def _require_used(block: Block, optional: Sequence[Value] = ()) -> None:
    """Raises Rejected where no result depends on a parameter, unless it is one of `optional`."""
    deps = _unite(v.deps for v in block.flat_results())
    for parameter in block.flat_params():
        if parameter not in optional and not deps & parameter.params["marker"]:
            raise Rejected("a parameter is not used")


def _require_agreement(blocks: Sequence[Block]) -> None:
    """Raises Rejected where the functions' results differ in shape or dtype."""
    first = [(v.shape, v.dtype) for v in blocks[0].flat_results()]
    for block in blocks[1:]:
        if [(v.shape, v.dtype) for v in block.flat_results()] != first:
            raise Rejected("the branches' results differ in shape or dtype")


def _make_branch(
    builder: ProgramBuilder, like: Sequence[Value], build: Build, role: str, owned: bool = False
) -> Block:
    """An inner function with a parameter like each of the values; for `owned` see `inner`."""
    with builder.inner(owned) as level:
        params = tuple(builder.parameter_like(v) for v in like)
        results = _as_tuple(build(*params))
    return _make_block(params, results, level, role)


def _merge(values: Sequence[Value]) -> Value:
    """What a choice among the values gives: it depends on all that any of them depends on."""
    return Value(
        "merged",
        (),
        {},
        values[0].shape,
        values[0].dtype,
        min(v.low for v in values),
        max(v.high for v in values),
        diff=_unite(v.diff for v in values),
        deps=_unite(v.deps for v in values),
    )


def _choose(
    builder: ProgramBuilder,
    name: str,
    chooser: Value,
    operands: Operands,
    builds: Sequence[Build],
    choices: Samples,
) -> list[Value]:
    """A choice among functions of the operands; `choices` has the chosen number of each sample."""
    # A branch's own values are written in it, also those made of values from outside alone.
    blocks = tuple(_make_branch(builder, operands, build, "branch", owned=True) for build in builds)
    _require_agreement(blocks)
    for i in range(len(operands)):
        if not any(
            v.deps & block.flat_params()[i].params["marker"]
            for block in blocks
            for v in block.flat_results()
        ):
            raise Rejected("an operand of the branches is not used")
    merged, samples = [], []
    for values in zip(*(block.flat_results() for block in blocks), strict=True):
        merged.append(_merge(values))
        samples.append(
            np.select([choices == i for i in range(len(values))], [v.samples for v in values])
        )
    return builder.control(
        name,
        (chooser, *operands),
        blocks,
        merged,
        [pair for b in blocks for pair in zip(b.flat_params(), operands, strict=True)],
        {},
        samples=samples,
        selectors=(chooser,),
    )


def cond(
    builder: ProgramBuilder,
    predicate: Value,
    operands: Operands,
    true: Build,
    false: Build,
) -> list[Value]:
    """`lax.cond(predicate, true_fn, false_fn, *operands)`; closures where there are no operands."""
    if predicate.dtype != "bool" or predicate.ndim:
        raise Rejected("cond wants a scalar condition")
    choices = 1 - predicate.samples.round()
    return _choose(builder, "cond", predicate, operands, (true, false), choices)


def switch(
    builder: ProgramBuilder, index: Value, operands: Operands, builds: Sequence[Build]
) -> list[Value]:
    """`lax.switch(index, branches, *operands)`."""
    if index.dtype != "int32" or index.ndim or index.low < 0 or index.high > len(builds) - 1:
        raise Rejected("switch wants a scalar index within its branches")
    return _choose(builder, "switch", index, operands, builds, index.samples.round())


def piecewise(
    builder: ProgramBuilder, x: Value, conditions: Operands, builds: Sequence[Build]
) -> Value:
    """`jnp.piecewise(x, conditions, functions)`, the last function for where no condition holds."""
    blocks = tuple(_make_branch(builder, (x,), build, "piece") for build in builds)
    values = [block.flat_results()[0] for block in blocks]
    if len(blocks) != len(conditions) + 1 or any(
        v.shape != x.shape or v.dtype != x.dtype for v in values
    ):
        raise Rejected("piecewise: one function more than conditions, each of the argument's shape")
    for block in blocks:
        _require_used(block)
        if any(v.level < block.level and not v.is_literal for v in find_captured(block)):
            raise Rejected("piecewise: a function that uses values from outside")
    picked = np.select(
        [c.samples > 0.5 for c in conditions], [v.samples for v in values[:-1]], values[-1].samples
    )
    return builder.control(
        "piecewise",
        (x, *conditions),
        blocks,
        [_merge(values)],
        [(parameter, x) for block in blocks for parameter in block.flat_params()],
        {},
        samples=[picked],
        selectors=conditions,
    )[0]


def inside(value: Value, invariant: Interval) -> None:
    """Raises Rejected where the value's range leaves the loop's invariant."""
    if value.low < invariant[0] - 1e-9 or value.high > invariant[1] + 1e-9:
        raise Rejected(f"{value!r} leaves the loop's range {invariant}")


def fori_loop(
    builder: ProgramBuilder,
    steps: int,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    start: int = 0,
    checked: bool = True,
) -> list[Value]:
    """`lax.fori_loop(start, start + steps, body, init)`; `build(i, *carry)` gives the next carry.

    `invariants` holds a range for each carried value. The initial value must lie in it, and so must
    the body's result; with `checked=False` the caller knows that it does, as for sums of bounded
    terms.
    """
    for value, invariant in zip(init, invariants, strict=True):
        inside(value, invariant)

    with builder.inner() as level:
        counter = builder.parameter(
            (), start, start + steps - 1, "int32", np.round(start + _STEPS * (steps - 1)), "counter"
        )
        carry = _carry(builder, init, invariants)
        results = _as_tuple(build(counter, *carry))
    block = _make_block((counter, carry), results, level, "body")
    params = {"start": start, "steps": steps}
    return _loop(builder, "fori_loop", block, init, invariants, steps, params, checked)


def _carry(builder: ProgramBuilder, init: Operands, invariants: Sequence[Interval]) -> Operands:
    """Parameters of a loop's body for the values that it carries."""
    return tuple(_carried(builder, v, r) for v, r in zip(init, invariants, strict=True))


def _carried(builder: ProgramBuilder, value: Value, invariant: Interval) -> Value:
    # Samples of the initial value, moved about: a carry looks like its start only at the start.
    low, high = max(invariant[0], value.low - 1.0), min(invariant[1], value.high + 1.0)
    samples = np.clip(np.roll(value.samples, 5) + 0.3 * (_STEPS - 0.5) * (high - low), low, high)
    return builder.parameter(value.shape, *invariant, value.dtype, samples, "carry")


def _require_carried(
    init: Sequence[Value],
    ends: Sequence[Value],
    invariants: Sequence[Interval],
    checked: bool,
) -> None:
    """Raises Rejected where the next carry has another type, or where `checked` another range."""
    for value, result, invariant in zip(init, ends, invariants, strict=True):
        if value.shape != result.shape or value.dtype != result.dtype or value.weak:
            raise Rejected("a carry changes its shape or dtype")
        if checked:
            inside(result, invariant)


def _loop(
    builder: ProgramBuilder,
    name: str,
    block: Block,
    init: Operands,
    invariants: Sequence[Interval],
    steps: int,
    params: Params,
    checked: bool,
    selectors: Operands = (),
) -> list[Value]:
    """A loop whose body has a counter and the carried values as its parameters."""
    counter, *carry = block.flat_params()
    results = block.flat_results()
    _require_carried(init, results, invariants, checked)
    _require_used(block, (counter,))
    triples = list(zip(carry, init, results, strict=True))
    samples, _ = simulate_loop(
        block.level, triples, invariants, [], [], steps, counter, params.get("start", 0)
    )
    number = Value("counter", (), {}, (), "int32", 0, 0)
    return builder.control(
        name,
        (*selectors, *init),
        (block,),
        results,
        [*zip(carry, init, strict=True), (counter, number)],
        params,
        selectors=selectors,
        samples=samples,
        recurrent=list(zip(carry, results, strict=True)),
        ranges=invariants,
        forgotten=_forgotten(block, triples, invariants, [], [], steps),
    )


def _forgotten(
    block: Block,
    carry: Sequence[tuple[Value, Value, Value]],
    ranges: Sequence[Interval],
    slices: Sequence[tuple[Value, Value]],
    outs: Sequence[Value],
    steps: int,
) -> int:
    """Bits of the arguments that reach only a loop's start, on which its end no longer depends."""
    sources = [*(xs for _, xs in slices), *(end for _, _, end in carry), *outs]
    common = _unite(v.deps for v in sources)
    kept = lost = 0
    for k, (_, init, _) in enumerate(carry):
        own = init.deps & ~common
        if own and forgets(block.level, carry, ranges, slices, steps, k):
            lost |= own
        else:
            kept |= own
    return lost & ~kept


def scan(
    builder: ProgramBuilder,
    init: Operands,
    xs: Operands,
    invariants: Sequence[Interval],
    build: Callable[..., tuple[Operands, Operands]],
    checked: bool = True,
    reverse: bool = False,
    length: int | None = None,
) -> list[Value]:
    """`lax.scan(body, init, xs)`.

    `build(carry, xs)`, both tuples, gives (next carry, stacked outputs).

    Returns the final carries, then the stacked outputs. With no xs, `length` says how many steps.
    """
    steps = xs[0].shape[0] if xs else length or 0
    if any(x.ndim < 1 or x.shape[0] != steps for x in xs):
        raise Rejected("scan: the inputs differ in length")
    for value, invariant in zip(init, invariants, strict=True):
        inside(value, invariant)

    with builder.inner() as level:
        carry = _carry(builder, init, invariants)
        elements = tuple(builder.parameter_like(x, x.shape[1:], role="step") for x in xs)
        ends, outs = build(carry, elements)
    block = _make_block((carry, elements), (ends, outs), level, "step")
    _require_carried(init, ends, invariants, checked)
    _require_used(block)
    triples = list(zip(carry, init, ends, strict=True))
    slices = list(zip(elements, xs, strict=True))
    last, stacked = simulate_loop(level, triples, invariants, slices, outs, steps)
    return builder.control(
        "scan",
        (*init, *xs),
        (block,),
        [*ends, *outs],
        [*zip(carry, init, strict=True), *slices],
        {"carries": len(init), "steps": steps, "reverse": reverse, "xs": len(xs)},
        samples=[*last, *stacked],
        recurrent=list(zip(carry, ends, strict=True)),
        shapes=[v.shape for v in ends] + [(steps, *v.shape) for v in outs],
        ranges=list(invariants) + [(v.low, v.high) for v in outs],
        forgotten=_forgotten(block, triples, invariants, slices, outs, steps),
    )


def _map(
    builder: ProgramBuilder,
    name: str,
    xs: Operands,
    build: Build,
    axes: Sequence[int | None],
    params: Params,
) -> list[Value]:
    """A function of slices along the arrays' axes, applied to all of them."""
    sizes = {x.shape[a] for x, a in zip(xs, axes, strict=True) if a is not None}
    if len(sizes) != 1:
        raise Rejected(f"{name}: the mapped axes differ in length")
    size = sizes.pop()

    with builder.inner() as level:
        parameters = tuple(
            builder.parameter_like(x, x.shape if a is None else x.shape[:a] + x.shape[a + 1 :])
            for x, a in zip(xs, axes, strict=True)
        )
        results = _as_tuple(build(*parameters))
    block = _make_block(parameters, results, level, "fn")
    _require_used(block)
    mapped = _unite(p.deps for p, a in zip(parameters, axes, strict=True) if a is not None)
    if any(not v.deps & mapped for v in results):
        raise Rejected(f"{name}: a result does not depend on the mapped arguments")
    return builder.control(
        name,
        xs,
        (block,),
        results,
        list(zip(parameters, xs, strict=True)),
        params,
        shapes=[(size, *v.shape) for v in results],
    )


def vmap(
    builder: ProgramBuilder,
    xs: Operands,
    build: Build,
    in_axes: tuple[int | None, ...] | None = None,
) -> list[Value]:
    """`jax.vmap(fn, in_axes)(*xs)`; an axis of None passes the whole array to each call."""
    axes = in_axes or (0,) * len(xs)
    if any(a is not None and x.ndim <= a for x, a in zip(xs, axes, strict=True)):
        raise Rejected("vmap: no such axis")
    return _map(builder, "vmap", xs, build, axes, {"in_axes": axes})


def lax_map(builder: ProgramBuilder, xs: Operands, build: Build) -> list[Value]:
    """`lax.map(fn, xs)`."""
    if any(x.ndim < 1 for x in xs):
        raise Rejected("map: a scalar")
    return _map(builder, "map", xs, build, (0,) * len(xs), {})


def checkpoint(builder: ProgramBuilder, operands: Operands, build: Build) -> list[Value]:
    """`jax.checkpoint(fn)(*operands)`: the body is computed again in the backward pass."""
    block = _make_branch(builder, operands, build, "block")
    _require_used(block)
    bound = list(zip(block.flat_params(), operands, strict=True))
    return builder.control("checkpoint", operands, (block,), block.flat_results(), bound, {})


def associative_scan(builder: ProgramBuilder, xs: Value, name: str, reverse: bool = False) -> Value:
    """`lax.associative_scan(fn, xs)` along the first axis with an associative operation."""
    n = xs.shape[0] if xs.ndim else 0
    if n < 2 or n > 64:
        raise Rejected("associative_scan: length")
    running = OPS[name].cumulated
    if running is None:
        raise ValueError(f"`name` (={name!r}) must be an operation with a `cumulated` rule")
    low, high = running(xs, n)
    with builder.inner() as level:
        left = builder.parameter(xs.shape, low, high, xs.dtype, xs.samples)
        right = builder.parameter(xs.shape, low, high, xs.dtype, np.roll(xs.samples, 3))
        result = _unchecked(name, left, right)
    block = Block((left, right), (result,), level, "combine")
    return builder.control(
        "associative_scan",
        (xs,),
        (block,),
        [result],
        [(left, xs), (right, xs)],
        {"reverse": reverse},
        ranges=[(low, high)],
        samples=[xs.samples * (0.6 + _STEPS)],
    )[0]


def _unchecked(name: str, left: Value, right: Value) -> Value:
    """The combining operation on running values, whose range is the scan's."""
    return Value(
        name,
        (left, right),
        {},
        left.shape,
        left.dtype,
        left.low,
        left.high,
        left.samples,
        diff=left.diff | right.diff,
        deps=left.deps | right.deps,
        level=left.level,
    )


def while_loop(
    builder: ProgramBuilder,
    limit: Value,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    test: Callable[..., Value] | None = None,
    checked: bool = True,
) -> list[Value]:
    """`lax.while_loop` that counts to `limit`, an integer, with the counter first in its carry.

    `test(*carry)`, a scalar condition, may end it sooner. The carry has no gradient, since
    reverse-mode differentiation has no rule for `while`.
    """
    if any(v.diff for v in init) or limit.dtype != "int32" or limit.ndim or limit.low < 1:
        raise Rejected("while_loop: a carry with a gradient, or no positive limit")

    with builder.inner() as level:
        counter = builder.parameter((), 0, limit.high, "int32", role="counter")
        carry = _carry(builder, init, invariants)
        results = _as_tuple(build(counter, *carry))
    block = _make_block((counter, carry), results, level, "body")
    own = _unite(p.diff for p in carry)
    if any(v.diff & ~own for v in results):
        raise Rejected("while_loop: the body makes values with a gradient")
    steps = int(limit.samples.mean())
    parts = _loop(
        builder, "while_loop", block, init, invariants, steps, {}, checked, selectors=(limit,)
    )
    if test is not None:
        with builder.inner() as level:
            carry = _carry(builder, init, invariants)
            result = test(*carry)
        condition = _make_block(carry, (result,), level, "condition")
        if result.dtype != "bool" or result.ndim:
            raise Rejected("while_loop: the test is no scalar condition")
        node = parts[0].operands[0]
        node = node.changed(blocks=(*node.blocks, condition), params=dict(node.params))
        parts = [part.changed(operands=(node,)) for part in parts]
        node.params["parts"] = parts
    return parts


def linear_recurrence(
    builder: ProgramBuilder, a: Value, b: Value, reverse: bool = False
) -> list[Value]:
    """`h[t] = a[t] * h[t-1] + b[t]` by `lax.associative_scan` over the pairs; a in [0, 1].

    Returns the running products of a, and h.
    """
    if (
        a.shape != b.shape
        or a.dtype != b.dtype
        or a.ndim < 1
        or not 2 <= a.shape[0] <= 32
        or a.low < 0
        or a.high > 1
    ):
        raise Rejected("linear_recurrence: shapes, length or decay")
    # h[t] is a sum of at most n terms, each an element of b times powers of a: its range is that of
    # b, widened to zero, times 1 + a + a² + ... < 1 / (1 - a).
    steps = a.shape[0]
    gain = steps if a.high > 0.99 else min(steps, 1 / (1 - a.high))
    low, high = min(0.0, b.low) * gain, max(0.0, b.high) * gain

    def pair() -> tuple[Value, Value]:
        return (
            builder.parameter(a.shape, 0.0, a.high, a.dtype, a.samples),
            builder.parameter(b.shape, low, high, b.dtype, b.samples),
        )

    with builder.inner() as level:
        left, right = pair(), pair()
        decay = builder.apply("mul", left[0], right[0])
        value = builder.apply("add", builder.apply("mul", right[0], left[1]), right[1])
    block = _make_block((left, right), (decay, value), level, "combine")
    bound = [(p, v) for group in (left, right) for p, v in zip(group, (a, b), strict=True)]
    return builder.control(
        "linear_recurrence",
        (a, b),
        (block,),
        (decay, value),
        bound,
        {"reverse": reverse},
        ranges=[(0.0, a.high), (low, high)],
        samples=[a.samples * (1.0 - 0.6 * _STEPS), b.samples * (1.0 + _STEPS * (gain - 1) * 0.4)],
    )


def unrolled(
    builder: ProgramBuilder,
    init: Operands,
    build: Build,
    steps: int = 0,
    items: tuple[float, ...] | None = None,
) -> list[Value]:
    """A Python `for` whose body rebinds the carried names.

    `build(*carry)` gives the next carry, or `build(*carry, item)` with literal `items` to go over.
    It is traced as its steps one after another, and its identity is theirs.
    """
    steps = len(items) if items is not None else steps
    with builder.inner() as level:
        params = [builder.parameter_like(v, role="carry") for v in init]
        if items is not None:
            params.append(
                builder.parameter(
                    (), min(items), max(items), builder.dtype, np.resize(items, SAMPLES)
                )
            )
        results = _as_tuple(build(*params))
    block = Block(tuple(params), results, level, "body")
    _require_used(block)
    carry = init
    for k in range(steps):
        given = carry if items is None else (*carry, builder.literal(items[k]))
        memo = {id(p): v for p, v in zip(params, given, strict=True)}
        carry = tuple(_replayed(builder, v, level, memo) for v in results)
    node = Value(
        "unrolled",
        init,
        {"steps": steps, "items": items, "means": carry},
        (),
        "tuple",
        0,
        0,
        blocks=(block,),
        level=max(v.level for v in (*init, *find_captured(block))),
    )
    parts = [
        Value(
            "part",
            (node,),
            {"index": i},
            v.shape,
            v.dtype,
            v.low,
            v.high,
            v.samples,
            level=node.level,
            diff=v.diff,
            deps=v.deps,
            centred=v.centred,
        )
        for i, v in enumerate(carry)
    ]
    node.params["parts"] = parts
    return parts


def _replayed(builder: ProgramBuilder, value: Value, level: int, memo: dict[int, Value]) -> Value:
    """Applies the value's operations again, to what `memo` has in place of the parameters."""
    if id(value) in memo:
        return memo[id(value)]
    if value.level < level or value.is_literal:
        return value
    if value.op == "part" or value.blocks or value.op == "parameter":
        raise Rejected("unrolled: control flow inside")
    operands = [_replayed(builder, v, level, memo) for v in value.operands]
    memo[id(value)] = builder.apply(value.op, *operands, **value.params)
    return memo[id(value)]


def split_key(builder: ProgramBuilder, key: Value) -> list[Value]:
    """`key, subkey = jax.random.split(key)`."""
    halves = [
        Value("half", (), {}, (2,), "uint32", 0, 2**32 - 1, key.samples, deps=key.deps)
        for _ in range(2)
    ]
    parts = builder.control("split_key", (key,), (), halves, [], {})
    for part in parts:
        part.named("key")
    return parts
