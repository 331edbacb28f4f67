"""Control flow and function transforms: cond, switch, loops, scans, vmap, checkpoint."""

from collections.abc import Callable

import numpy as np

from jax_ir_synth.kernels.builder.loop_simulation import forgets, simulate_loop
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder, find_captured
from jax_ir_synth.kernels.builder.values import SAMPLES, Block, Rejected, Value
from jax_ir_synth.kernels.ops import OPS

_STEPS = np.linspace(0.0, 1.0, SAMPLES)


def _single(results) -> tuple:
    return results if isinstance(results, tuple) else (results,)


def _function(
    builder: ProgramBuilder, params: Callable, build: Callable, role: str, owned: bool = False
) -> Block:
    """An inner function: `params()` makes its parameters, `build(*params)` its results."""
    with builder.inner(owned) as level:
        parameters = params()
        results = _single(build(*parameters))
    block = Block(tuple(parameters), results, level, role)
    for value in block.flat_results():
        if value.is_literal or value.level < level and value.op == "argument":
            raise Rejected("an inner function returns an argument or a literal")
    return block


def _require_used(block: Block, optional: tuple[Value, ...] = ()) -> None:
    deps = 0
    for value in block.flat_results():
        deps |= value.deps
    for parameter in block.flat_params():
        if parameter not in optional and not deps & parameter.params["marker"]:
            raise Rejected("a parameter is not used")


def _agree(blocks: tuple[Block, ...]) -> None:
    first = [(v.shape, v.dtype) for v in blocks[0].flat_results()]
    for block in blocks[1:]:
        if [(v.shape, v.dtype) for v in block.flat_results()] != first:
            raise Rejected("the branches' results differ in shape or dtype")


def _branches(builder, name, chooser, operands, builds, weights, optional, role):
    # A branch's own values are written in it, also those made of values from outside alone.
    blocks = tuple(
        _function(
            builder, lambda: [builder.parameter_like(v) for v in operands], build, role, owned=True
        )
        for build in builds
    )
    _agree(blocks)
    for i in range(len(operands)):
        used = any(
            v.deps & block.params[i].params["marker"] for block in blocks for v in block.results
        )
        if not used and not optional:
            raise Rejected("an operand of the branches is not used")
    results, ranges, samples, bound = [], [], [], []
    for values in zip(*(block.results for block in blocks), strict=True):
        # The merged value carries the bits of every branch.
        first = values[0]
        merged = Value(
            "merged",
            (),
            {},
            first.shape,
            first.dtype,
            0,
            0,
            first.samples,
            diff=_union(values, "diff"),
            deps=_union(values, "deps"),
        )
        results.append(merged)
        ranges.append((min(v.low for v in values), max(v.high for v in values)))
        samples.append(
            np.select([weights == i for i in range(len(values))], [v.samples for v in values])
        )
    for block in blocks:
        bound.extend(zip(block.params, operands, strict=True))
    return builder.control(
        name,
        (chooser, *operands),
        blocks,
        results,
        bound,
        {},
        ranges=ranges,
        samples=samples,
        selectors=(chooser,),
    )


def _union(values, kind):
    mask = 0
    for value in values:
        mask |= getattr(value, kind)
    return mask


def cond(
    builder: ProgramBuilder,
    predicate: Value,
    operands: tuple[Value, ...],
    true: Callable,
    false: Callable,
) -> list[Value]:
    """`lax.cond(predicate, true_fn, false_fn, *operands)`; closures where there are no operands."""
    if predicate.dtype != "bool" or predicate.ndim:
        raise Rejected("cond wants a scalar condition")
    return _branches(
        builder,
        "cond",
        predicate,
        operands,
        (true, false),
        1 - predicate.samples.round(),
        False,
        "branch",
    )


def switch(
    builder: ProgramBuilder, index: Value, operands: tuple[Value, ...], builds: tuple[Callable, ...]
) -> list[Value]:
    """`lax.switch(index, branches, *operands)`."""
    if index.dtype != "int32" or index.ndim or index.low < 0 or index.high > len(builds) - 1:
        raise Rejected("switch wants a scalar index within its branches")
    return _branches(
        builder, "switch", index, operands, builds, index.samples.round(), False, "branch"
    )


def piecewise(
    builder: ProgramBuilder, x: Value, conditions: tuple[Value, ...], builds: tuple[Callable, ...]
) -> Value:
    """`jnp.piecewise(x, conditions, functions)`, the last function for where no condition holds."""
    blocks = tuple(
        _function(builder, lambda: [builder.parameter_like(x)], build, "piece") for build in builds
    )
    if len(blocks) != len(conditions) + 1 or any(
        b.results[0].shape != x.shape or b.results[0].dtype != x.dtype for b in blocks
    ):
        raise Rejected("piecewise: one function more than conditions, each of the argument's shape")
    for block in blocks:
        _require_used(block)
        if any(v.level < block.level and not v.is_literal for v in find_captured(block)):
            raise Rejected("piecewise: a function that uses values from outside")
    values = [b.results[0] for b in blocks]
    merged = Value(
        "merged",
        (),
        {},
        x.shape,
        x.dtype,
        0,
        0,
        x.samples,
        diff=_union(values, "diff"),
        deps=_union(values, "deps"),
    )
    picked = np.select(
        [c.samples > 0.5 for c in conditions], [v.samples for v in values[:-1]], values[-1].samples
    )
    return builder.control(
        "piecewise",
        (x, *conditions),
        blocks,
        [merged],
        [(b.params[0], x) for b in blocks],
        {},
        ranges=[(min(v.low for v in values), max(v.high for v in values))],
        samples=[picked],
        selectors=conditions,
    )[0]


def inside(value: Value, invariant: tuple[float, float]) -> None:
    """Raises Rejected unless the value's range lies in the loop's invariant."""
    if value.low < invariant[0] - 1e-9 or value.high > invariant[1] + 1e-9:
        raise Rejected(f"{value!r} leaves the loop's range {invariant}")


def fori_loop(
    builder: ProgramBuilder,
    steps: int,
    init: tuple[Value, ...],
    invariants: list[tuple[float, float]],
    build: Callable,
    start: int = 0,
    checked: bool = True,
) -> list[Value]:
    """`lax.fori_loop(start, start + steps, body, init)`; `build(i, *carry)` gives the next carry.

    `invariants` holds a range for each carried value, that the initial value and the body's result
    stay in (`checked=False` where the caller knows better, as for sums of bounded terms).
    """
    for value, invariant in zip(init, invariants, strict=True):
        inside(value, invariant)

    def parameters():
        i = builder.parameter(
            (), start, start + steps - 1, "int32", np.round(start + _STEPS * (steps - 1)), "counter"
        )
        return [i, tuple(_carried(builder, v, r) for v, r in zip(init, invariants, strict=True))]

    block = _function(builder, parameters, lambda i, carry: build(i, *carry), "body")
    return _loop(
        builder,
        "fori_loop",
        block,
        init,
        invariants,
        block.results,
        {"start": start, "steps": steps},
        checked,
        (block.params[0],),
    )


def _carried(builder, value, invariant):
    # Samples of the initial value, moved about: a carry looks like its start only at the start.
    low, high = max(invariant[0], value.low - 1.0), min(invariant[1], value.high + 1.0)
    samples = np.clip(np.roll(value.samples, 5) + 0.3 * (_STEPS - 0.5) * (high - low), low, high)
    return builder.parameter(value.shape, *invariant, value.dtype, samples, "carry")


def _loop(builder, name, block, init, invariants, results, params, checked, optional, selectors=()):
    carry = block.params[1]
    for value, result, invariant in zip(init, results, invariants, strict=True):
        if value.shape != result.shape or value.dtype != result.dtype or value.weak:
            raise Rejected("a carry changes its shape or dtype")
        if checked:
            inside(result, invariant)
    _require_used(block, optional)
    steps = params.get("steps") or int(selectors[0].samples.mean())
    samples, _ = simulate_loop(
        block.level,
        list(zip(carry, init, results, strict=True)),
        list(invariants),
        [],
        [],
        steps,
        block.params[0],
        params.get("start", 0),
    )
    triples = list(zip(carry, init, results, strict=True))
    return builder.control(
        name,
        (*selectors, *init),
        (block,),
        list(results),
        list(zip(carry, init, strict=True)) + _counter(block),
        params,
        selectors=selectors,
        samples=samples,
        recurrent=list(zip(carry, results, strict=True)),
        ranges=list(invariants),
        forgotten=_forgotten(block, triples, invariants, [], [], steps),
    )


def _forgotten(block, carry, ranges, slices, outs, steps) -> int:
    """Bits of the arguments that only a loop's start depends on, and that its end has forgotten."""
    common = _union([*(xs for _, xs in slices), *(end for _, _, end in carry), *outs], "deps")
    kept = lost = 0
    for k, (_, init, _) in enumerate(carry):
        own = init.deps & ~common
        if own and forgets(block.level, carry, list(ranges), slices, steps, k):
            lost |= own
        else:
            kept |= own
    return lost & ~kept


def _counter(block):
    nothing = Value("counter", (), {}, (), "int32", 0, 0, None)
    return [(block.params[0], nothing)]


def scan(
    builder: ProgramBuilder,
    init: tuple[Value, ...],
    xs: tuple[Value, ...],
    invariants: list[tuple[float, float]],
    build: Callable,
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

    def parameters():
        carry = tuple(_carried(builder, v, r) for v, r in zip(init, invariants, strict=True))
        return [carry, tuple(builder.parameter_like(x, x.shape[1:], role="step") for x in xs)]

    block = _function(builder, parameters, build, "step")
    carry, slices = block.params
    ends, outs = block.results
    for value, result, invariant in zip(init, ends, invariants, strict=True):
        if value.shape != result.shape or value.dtype != result.dtype or value.weak:
            raise Rejected("a carry changes its shape or dtype")
        if checked:
            inside(result, invariant)
    _require_used(block)
    last, stacked = simulate_loop(
        block.level,
        list(zip(carry, init, ends, strict=True)),
        list(invariants),
        list(zip(slices, xs, strict=True)),
        list(outs),
        steps,
    )
    return builder.control(
        "scan",
        (*init, *xs),
        (block,),
        [*ends, *outs],
        [*zip(carry, init, strict=True), *zip(slices, xs, strict=True)],
        {"carries": len(init), "steps": steps, "reverse": reverse, "xs": len(xs)},
        samples=[*last, *stacked],
        recurrent=list(zip(carry, ends, strict=True)),
        shapes=[v.shape for v in ends] + [(steps, *v.shape) for v in outs],
        ranges=list(invariants) + [(v.low, v.high) for v in outs],
        forgotten=_forgotten(
            block,
            list(zip(carry, init, ends, strict=True)),
            invariants,
            list(zip(slices, xs, strict=True)),
            list(outs),
            steps,
        ),
    )


def _mapped(builder, name, xs, build, axes, params, role):
    sizes = {x.shape[a] for x, a in zip(xs, axes, strict=True) if a is not None}
    if len(sizes) != 1:
        raise Rejected(f"{name}: the mapped axes differ in length")
    size = sizes.pop()

    def parameters():
        return [
            builder.parameter_like(x, x.shape if a is None else x.shape[:a] + x.shape[a + 1 :])
            for x, a in zip(xs, axes, strict=True)
        ]

    block = _function(builder, parameters, build, role)
    _require_used(block)
    if any(
        not v.deps
        & _union([p for p, a in zip(block.params, axes, strict=True) if a is not None], "deps")
        for v in block.results
    ):
        raise Rejected(f"{name}: a result does not depend on the mapped arguments")
    return builder.control(
        name,
        xs,
        (block,),
        list(block.results),
        list(zip(block.params, xs, strict=True)),
        params,
        shapes=[(size, *v.shape) for v in block.results],
    )


def vmap(
    builder: ProgramBuilder, xs: tuple[Value, ...], build: Callable, in_axes: tuple | None = None
) -> list[Value]:
    """`jax.vmap(fn, in_axes)(*xs)`; an axis of None passes the whole array to each call."""
    axes = in_axes or (0,) * len(xs)
    if any(a is not None and x.ndim <= a for x, a in zip(xs, axes, strict=True)):
        raise Rejected("vmap: no such axis")
    return _mapped(builder, "vmap", xs, build, axes, {"in_axes": axes}, "fn")


def lax_map(builder: ProgramBuilder, xs: tuple[Value, ...], build: Callable) -> list[Value]:
    """`lax.map(fn, xs)`."""
    if any(x.ndim < 1 for x in xs):
        raise Rejected("map: a scalar")
    return _mapped(builder, "map", xs, build, (0,) * len(xs), {}, "fn")


def checkpoint(
    builder: ProgramBuilder, operands: tuple[Value, ...], build: Callable
) -> list[Value]:
    """`jax.checkpoint(fn)(*operands)`: the body is computed again in the backward pass."""
    block = _function(
        builder, lambda: [builder.parameter_like(v) for v in operands], build, "block"
    )
    _require_used(block)
    bound = list(zip(block.params, operands, strict=True))
    return builder.control("checkpoint", operands, (block,), list(block.results), bound, {})


def associative_scan(builder: ProgramBuilder, xs: Value, name: str, reverse: bool = False) -> Value:
    """`lax.associative_scan(fn, xs)` along the first axis with an associative operation."""
    n = xs.shape[0] if xs.ndim else 0
    if n < 2 or n > 64:
        raise Rejected("associative_scan: length")
    running = OPS[name].cumulated
    if running is None:
        raise ValueError(f"`name` (={name!r}) must be an operation with a `cumulated` rule")
    low, high = running(xs, n)

    def parameters():
        return [
            builder.parameter(xs.shape, low, high, xs.dtype, xs.samples),
            builder.parameter(xs.shape, low, high, xs.dtype, np.roll(xs.samples, 3)),
        ]

    with builder.inner() as level:
        left, right = parameters()
        result = _unchecked(builder, name, left, right)
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


def _unchecked(builder, name, left, right):
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
    init: tuple[Value, ...],
    invariants: list[tuple[float, float]],
    build: Callable,
    test: Callable | None = None,
    checked: bool = True,
) -> list[Value]:
    """`lax.while_loop` that counts to `limit`, an integer, with the counter first in its carry.

    `test(*carry)`, a scalar condition, may end it sooner. The carry has no gradient, since
    reverse-mode differentiation has no rule for `while`.
    """
    if any(v.diff for v in init) or limit.dtype != "int32" or limit.ndim or limit.low < 1:
        raise Rejected("while_loop: a carry with a gradient, or no positive limit")

    def parameters():
        i = builder.parameter((), 0, limit.high, "int32", role="counter")
        return [i, tuple(_carried(builder, v, r) for v, r in zip(init, invariants, strict=True))]

    block = _function(builder, parameters, lambda i, carry: build(i, *carry), "body")
    if any(
        v.diff & ~_union([p for p in block.params[1] if p.is_float], "diff") for v in block.results
    ):
        raise Rejected("while_loop: the body makes values with a gradient")
    parts = _loop(
        builder,
        "while_loop",
        block,
        init,
        invariants,
        block.results,
        {},
        checked,
        (block.params[0],),
        (limit,),
    )
    if test is not None:
        condition = _function(
            builder,
            lambda: [_carried(builder, v, r) for v, r in zip(init, invariants, strict=True)],
            test,
            "condition",
        )
        if condition.results[0].dtype != "bool" or condition.results[0].ndim:
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
    steps = a.shape[0]
    reach = steps if a.high > 0.99 else min(steps, 1 / (1 - a.high))
    low, high = min(0.0, b.low) * reach, max(0.0, b.high) * reach

    def pair():
        return (
            builder.parameter(a.shape, 0.0, a.high, a.dtype, a.samples),
            builder.parameter(b.shape, low, high, b.dtype, b.samples),
        )

    def combine(left, right):
        decay = builder.apply("mul", left[0], right[0])
        return decay, builder.apply("add", builder.apply("mul", right[0], left[1]), right[1])

    block = _function(builder, lambda: [pair(), pair()], combine, "combine")
    bound = [(p, v) for group in block.params for p, v in zip(group, (a, b), strict=True)]
    return builder.control(
        "linear_recurrence",
        (a, b),
        (block,),
        list(block.results),
        bound,
        {"reverse": reverse},
        ranges=[(0.0, a.high), (low, high)],
        samples=[a.samples * (1.0 - 0.6 * _STEPS), b.samples * (1.0 + _STEPS * (reach - 1) * 0.4)],
    )


def unrolled(
    builder: ProgramBuilder,
    init: tuple[Value, ...],
    build: Callable,
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
        results = _single(build(*params))
    block = Block(tuple(params), results, level, "body")
    _require_used(block)
    carry = tuple(init)
    for k in range(steps):
        given = carry if items is None else (*carry, builder.literal(items[k]))
        memo = {id(p): v for p, v in zip(params, given, strict=True)}
        carry = tuple(_replayed(builder, v, level, memo) for v in results)
    node = Value(
        "unrolled",
        tuple(init),
        {"steps": steps, "items": items, "means": carry},
        (),
        "tuple",
        0,
        0,
        None,
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


def _replayed(builder, value, level, memo):
    """`value` computed anew, with what `memo` gives in place of the parameters."""
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
