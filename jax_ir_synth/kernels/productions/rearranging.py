"""Productions that update parts of an array, or take it apart and put it together."""

import math

from jax_ir_synth.kernels.builder.values import Rejected
from jax_ir_synth.kernels.productions import common, several
from jax_ir_synth.kernels.productions import idioms as f

# ---------------------------------------------------------------- updates of parts


def updated(s):
    """`.at[…].set`, `.add` or `.multiply` of a row, a slice, or rows by index."""
    d, x = s.d, s.main()
    n = x.shape[0]
    op = d.stream.choose({"at_set": 6, "at_add": 6, "at_multiply": 4, "at_max": 1, "at_min": 1})
    kind = d.stream.choose({"row": 4, "slice": 5, "index": 2})
    if kind == "index":
        op = "at_add"  # the others' order, where an index comes twice, is nobody's promise
    if kind == "index" and n >= 4:
        m = d.stream.choice([m for m in (2, 4, 5, 6, 8) if m <= n])
        index = s.argument((m,), 0, n - 1, "index", "int32")
        return d.apply(op, x, s.array((m, *x.shape[1:])), index)
    if kind == "row":
        where, part = {"index": d.stream.choice((0, n - 1, n // 2))}, x.shape[1:]
    else:
        start, stop = d.stream.choice(
            [(0, max(1, n // 2)), (1, n), (0, n - 1), (1, max(2, n - 1)), (n // 2, n)]
        )
        where, part = {"slice": (start, stop)}, (stop - start, *x.shape[1:])
        if start >= stop or (start, stop) == (0, n):
            raise Rejected("no slice")
    other = s.main(10)
    roll = d.stream.below(100)
    if roll < 40:
        value = d.literal(
            d.stream.choice((0.5, 2.0, 0.1, 1.5))
            if op != "at_set"
            else d.stream.choice((0.0, 1.0, -1.0))
        )
    elif roll < 75:
        piece = (
            d.apply("index", other, axis=0, index=d.stream.below(n))
            if kind == "row"
            else d.apply(
                "slice", other, axis=0, start=where["slice"][0], stop=where["slice"][1], step=1
            )
        )
        value = common.one_unary(d, piece)
    else:
        value = s.array(part) if part else s.argument((), -1.0, 1.0, "scalar")
    return d.apply(op, x, value, **where)


def buffered(s):
    """A buffer of zeros or ones that parts are written into."""
    d, x = s.d, s.main()
    n = x.shape[0]
    if n < 4:
        raise Rejected("too short")
    kind = d.stream.below(5)
    buffer = (
        d.apply("full", shape=x.shape, dtype=d.dtype, value=d.stream.choice((0.5, 1.0, -1.0, 0.1)))
        if kind == 4
        else d.apply("zeros", shape=x.shape, dtype=d.dtype)
        if kind == 0
        else d.apply("zeros_like", x)
        if kind == 1
        else d.apply("ones_like", x)
        if kind == 2
        else d.apply("full_like", x, value=d.stream.choice((0.5, 2.0, -1.0)))
    )
    half = n // 2
    first = common.one_unary(d, d.apply("slice", x, axis=0, start=0, stop=half, step=1))
    y = d.apply("at_set", buffer, first, slice=(0, half))
    rest = d.apply("slice", s.main(25), axis=0, start=half, stop=n, step=1)
    return d.apply("at_add", y, rest, slice=(half, n))


def window_updated(s):
    """A dynamic slice read, worked on and written back."""
    d, x = s.d, s.main()
    n = x.shape[0]
    length = n // 2
    if n < 4:
        raise Rejected("too short")
    start = s.argument((), 0, n - length, "scalar_index", "int32")
    piece = common.one_unary(d, d.apply("dynamic_slice", x, start, axis=0, length=length))
    return d.apply("dynamic_update_slice", x, piece, start, axis=0)


def row_updated(s):
    """One row, at an index argument, read, changed and put back."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    i = s.argument((), 0, x.shape[0] - 1, "scalar_index", "int32")
    row = common.one_unary(d, d.apply("dynamic_index", x, i, axis=0))
    if d.stream.chance(50):
        return several.update_index(d, x, row, i)
    return d.apply("dynamic_update_slice", x, d.apply("expand_dims", row, axis=0), i, axis=0)


# ---------------------------------------------------------------- moves


def shifted(s):
    """Mixes x with itself, moved along an axis."""
    d, x = s.d, s.main()
    axis = d.stream.below(x.ndim)
    n = x.shape[axis]
    if n < 4:
        raise Rejected("too short")
    kind = d.stream.choose({"roll": 5, "flip": 3, "previous": 4, "padded": 2, "edge": 2, "diff": 2})
    if kind == "diff":
        head = d.apply("slice", x, axis=axis, start=0, stop=1, step=1)
        steps = common.with_literal(d, d.apply("diff", x, axis=axis))
        return d.apply("concatenate", head, steps, axis=axis)
    if kind == "roll":
        y = d.apply("roll", x, shift=d.stream.choice((1, -1, 2, n // 2)), axis=axis)
    elif kind == "flip":
        y = d.apply("flip", x, axis=axis)
    elif kind == "previous":
        head = d.apply("slice", x, axis=axis, start=0, stop=1, step=1)
        if d.stream.chance(50):
            head = d.apply("zeros_like", head)
        y = d.apply(
            "concatenate",
            head,
            d.apply("slice", x, axis=axis, start=0, stop=n - 1, step=1),
            axis=axis,
        )
    else:
        k = d.stream.choice((1, 1, 2))
        pads = tuple((k, 0) if i == axis else (0, 0) for i in range(x.ndim))
        cut = d.apply("slice", x, axis=axis, start=0, stop=n - k, step=1)
        y = d.apply("pad" if kind == "padded" else "pad_edge", cut, pads=pads)
    return d.attempt(
        lambda: common.meet(d, d.stream.choice(("add", "sub", "mul", "maximum")), x, y)
    )


def pieces(s):
    """Split, worked on apart, and joined again."""
    d, x = s.d, s.main()
    n = s.width
    parts = d.stream.choice([k for k in (2, 2, 4) if n % k == 0 and n // k > 1] or [0])
    if not parts:
        raise Rejected("no even pieces")
    cut = (
        several.split(d, x, (n // parts,) * parts)
        if d.stream.chance(75)
        else several.unstack(d, d.apply("reshape", x, shape=(*x.shape[:-1], parts, n // parts)), -2)
    )
    done = [common.one_unary(d, p) if d.stream.chance(65) else p for p in cut]
    if d.stream.chance(40):
        done[0] = common.one_binary(d, done[0], done[1])
    y = d.apply("concatenate", *d.stream.shuffled(done), axis=-1)
    if all(a is b for a, b in zip(done, cut, strict=True)):
        raise Rejected("nothing done")
    return y


def grouped(s):
    """Groups of the last axis, normalised apart."""
    d, x = s.d, s.main()
    n = s.width
    g = d.stream.choice([k for k in (2, 4, 8) if n % k == 0 and n // k >= 4] or [0])
    if not g:
        raise Rejected("no groups")
    y = d.apply("reshape", x, shape=(*x.shape[:-1], g, n // g))
    kind = d.stream.below(3)
    if kind == 0:
        y = f.layer_norm(d, y)
    else:
        stat = d.apply("mean" if kind == 1 else "max", y, axis=-1, keepdims=True)
        y = common.meet(d, d.stream.choice(("add", "mul")), y, d.apply("sigmoid", stat))
    y = d.apply("reshape", y, shape=x.shape)
    return d.apply("mul", y, s.argument((n,), 0.5, 1.5, "gain")) if y.centred else y


def row_statistic(s):
    """A statistic of each row, put back beside (or over) the row."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    stat = d.apply(d.stream.choose({"mean": 5, "max": 4, "sum": 3, "std": 2, "min": 2}), x, axis=-1)
    if d.stream.chance(30):
        stat = common.one_unary(d, stat)
    column = d.apply("expand_dims", stat, axis=-1)
    kind = d.stream.below(5)
    if kind >= 3:
        kind = 3
        column = d.apply(
            d.stream.choose({"mean": 5, "max": 4, "sum": 3}), x, axis=-1, keepdims=True
        )
    if kind == 0:
        column = d.apply("broadcast_to", column, shape=x.shape)
    elif kind == 1:
        column = d.apply("repeat", column, repeats=x.shape[-1], axis=-1)
    elif kind == 2:
        column = d.apply("tile", column, reps=(1,) * (x.ndim - 1) + (x.shape[-1],))
    y = common.one_binary(d, x, column)
    roll = d.stream.below(100)
    if roll < 15:
        return y, stat
    return (y, d.apply("squeeze", column, axis=-1)) if kind == 3 and roll < 50 else y


def positions_added(s):
    """Something of the position along the last axis, added or used as a factor."""
    d, x, n = s.d, s.main(), s.width
    kind = d.stream.choose({"arange": 5, "linspace": 4, "iota": 2, "wave": 3})
    if kind == "wave":
        p = d.apply(
            "linspace", shape=(n,), dtype="float32", start=0.0, stop=d.stream.choice((1.0, 2.0))
        )
        wave = d.apply(d.stream.choice(("sin", "cos")), d.apply("mul", math.pi, p))
        return d.apply("mul", x, d.apply("add", 1.0, wave) if d.stream.chance(50) else wave)
    if kind == "iota":
        if x.ndim != 2:
            raise Rejected("iota: a matrix is wanted")
        p = d.apply("broadcasted_iota", shape=x.shape, dtype=d.dtype, dimension=d.stream.below(2))
    elif kind == "linspace":
        p = d.apply(
            "linspace", shape=(n,), dtype="float32", start=d.stream.choice((0.0, -1.0)), stop=1.0
        )
    else:
        p = d.apply("arange", shape=(n,), dtype=d.dtype)
    if kind != "linspace" and d.stream.chance(70):
        p = (
            d.apply("div", p, float(max(p.high, 1.0)))
            if d.stream.chance(40)
            else d.apply(
                d.stream.choice(("sin", "cos")),
                d.apply("mul", d.stream.choice((0.1, 0.5, 0.25)), p),
            )
        )
    elif d.stream.chance(50):
        p = d.apply("exp", d.apply("mul", d.stream.choice((-0.1, -0.5, -1.0)), p))
    return d.apply(d.stream.choice(("add", "mul", "add", "sub")), x, p)


def reordered(s):
    """Rows picked by an index, by the order of a score, or sorted elements."""
    d, x = s.d, s.main()
    kind = d.stream.choose(
        {"take": 3, "sort": 2, "order": 2, "index": 3, "along": 3, "best": 4, "winner": 4}
    )
    if kind == "winner":
        best = d.apply(d.stream.choose({"argmax": 5, "argmin": 2}), x, axis=-1)
        picked = (
            d.apply("one_hot", best, n=s.width)
            if d.stream.chance(60)
            else d.apply(
                "convert",
                d.apply(
                    "equal",
                    d.apply("expand_dims", best, axis=-1),
                    d.apply("arange", shape=(s.width,), dtype="int32"),
                ),
                dtype=d.dtype,
            )
        )
        return d.apply(
            "add",
            s.main(20),
            d.apply("mul", d.stream.choice((0.5, 0.1, 2.0)), d.apply("mul", picked, x)),
        )
    if kind == "sort":
        y = d.apply("sort", x, axis=-1)
        return d.apply("mul", y, s.main(20))
    if kind == "order":
        if x.ndim < 2:
            raise Rejected("rows are wanted")
        score = d.apply("sum", x, axis=tuple(range(1, x.ndim)))
        return d.apply("take", x, d.apply("argsort", score, axis=-1), axis=0)
    if kind == "along":
        index = d.apply("argsort", x, axis=-1)
        return d.apply("take_along_axis", s.main(20), index, axis=-1)
    if kind == "best":
        k = d.stream.choice([k for k in (2, 4, 5) if k < s.width] or [0])
        if not k or s.d.dtype != "float32":
            raise Rejected("too short")
        values, indices = several.top_k(d, x, k)
        if d.stream.chance(50):
            picked = d.apply("take_along_axis", s.main(20), indices, axis=-1)
            return d.apply(
                "mul",
                picked,
                d.apply("softmax", values, axis=-1) if k >= 4 else d.apply("sigmoid", values),
            )
        weights = d.apply(
            "sum",
            d.apply(
                "mul",
                d.apply("one_hot", indices, n=s.width),
                d.apply("expand_dims", values, axis=-1),
            ),
            axis=-2,
        )
        return d.apply("add", x, weights)
    m = d.stream.choice((4, 5, 6, 8, x.shape[0]))
    index = s.argument((m,), 0, x.shape[0] - 1, "index", "int32")
    if kind == "index":
        counts = d.apply("one_hot", index, n=x.shape[0])
        share = (
            d.apply("expand_dims", d.apply("sum", counts, axis=0), axis=-1)
            if x.ndim == 2
            else d.apply("sum", counts, axis=0)
        )
        return d.apply("mul", x, d.apply("add", 0.5, share))
    return d.apply("take", x, index, axis=0)
