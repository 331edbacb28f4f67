"""The steps of category `multi_statement`: what layers, losses and array code do to a value of the main shape."""

import math

from jax_ir_synth.kernels.core.values import Undrawable, Value
from jax_ir_synth.kernels.steps import grow, several
from jax_ir_synth.kernels.steps import idioms as f

# A rule takes the bench and gives the value (or values) that it made.


# ---------------------------------------------------------------- normalisations, activations, gates

def normalised(s):
    """A normalisation, mostly with a gain and a bias."""
    d, x = s.d, s.main()
    kind = d.stream.weighted(("layer", "rms", "standardize", "l2", "minmax", "softmax", "lse"), (6, 5, 2, 2, 2, 4, 1))
    if kind == "softmax":
        return d.apply("mul", f.softmax(d, x), s.main(25))
    if kind == "minmax":
        return f.min_max(d, x, None if d.stream.chance(50) or x.ndim < 2 else -1)
    if kind == "lse":
        top = d.apply("logsumexp", x, axis=-1, keepdims=True) if d.stream.chance(50) else f.logsumexp_by_hand(d, x)
        return d.apply("sub", x, top)
    y = {"layer": f.layer_norm, "rms": f.rms_norm, "l2": f.l2_normalize,
         "standardize": lambda d, x: d.apply("standardize", x, axis=-1)}[kind](d, x)
    if kind != "l2" and d.stream.chance(80):
        y = d.apply("mul", y, s.argument((s.width,), 0.5, 1.5, "gain"))
        if d.stream.chance(45):
            y = d.apply("add", y, s.argument((s.width,), -0.5, 0.5, "offset"))
    return y


def activated(s):
    return f.activation(s.d, s.main())


def function_of(s):
    return grow.one_unary(s.d, s.main())


def with_number(s):
    return grow.with_literal(s.d, s.main())


def combined(s):
    return grow.one_binary(s.d, *s.two())


def gated(s):
    d, x = s.d, s.main()
    kind = d.stream.below(3)
    if kind == 0 and s.width % 2 == 0 and s.width >= 4:
        a, b = several.split(d, x, (s.width // 2,) * 2)
        y = f.gate(d, a, b)
        return d.apply("concatenate", y, d.apply("mul", y, a) if d.stream.chance(50) else a, axis=-1)
    return f.gate(d, x, s.main(40))


def residual(s):
    """x plus a function of x, scaled."""
    d, x = s.d, s.main()
    y = f.activation(d, grow.with_literal(d, x) if d.stream.chance(40) else x)
    if d.stream.chance(60):
        y = d.apply("mul", d.stream.choice((0.1, 0.5, 0.2, 0.7071, 0.25)), y)
    return f.named(d.apply("add", x, y), "residual")


def mixed(s):
    d = s.d
    x, y = s.two()
    if d.stream.chance(40):
        return f.moving_average(d, x, y)
    t = s.argument((), 0.0, 1.0, "unit") if d.stream.chance(50) else d.apply("sigmoid", s.main())
    return f.lerp(d, x, y, t)


def scaled(s):
    """x over its largest value, its norm or its mean."""
    d, x = s.d, s.main()
    kind = d.stream.below(3)
    if kind == 0:
        most = d.apply("max", d.apply("abs", x), axis=-1 if x.ndim > 1 else None, keepdims=True)
        return d.claim("div", -1, 1, x, d.apply("add", most, f.epsilon(d)), typical=x.samples / x.bound)
    total = d.apply("sum", d.apply("square", x))
    norm = f.named(d.claim("sqrt", 0.0, math.sqrt(total.high), total), "norm")
    if kind == 1:
        most = d.stream.choice((1.0, 5.0, 0.5))
        factor = d.claim("minimum", 0.001, 1.0, 1.0, d.claim("div", 0.0, 1e3, most, d.apply("add", norm, f.epsilon(d))))
        f.describe(d, "Clips by the global norm.")
        return d.apply("mul", x, factor)
    return d.apply("div", x, d.apply("add", 1.0, norm))


# ---------------------------------------------------------------- weights

def linear(s):
    d, x, n = s.d, s.main(), s.width
    y = _times(s, x, s.argument((n, n), -0.5, 0.5, "weight"))
    if d.stream.chance(60):
        y = d.apply("add", y, s.argument((n,), -0.5, 0.5, "offset"))
    return y if d.stream.chance(40) else f.activation(d, y)


def _times(s, x: Value, w: Value) -> Value:
    equation = {1: "i,ij->j", 2: d_equation(s), 3: "bti,ij->btj"}[x.ndim]
    if x.ndim == 2 and s.d.stream.chance(10):
        return s.d.apply("tensordot", x, w, axes=1)
    return s.d.apply("matmul", x, w) if s.d.stream.chance(70) else s.d.apply("einsum", x, w, equation=equation)


def d_equation(s) -> str:
    return s.d.stream.choice(("bi,ij->bj", "bd,df->bf", "ni,io->no"))


def gram(s):
    """Similarities of the rows, and rows mixed by them."""
    d, x = s.d, s.main()
    if x.ndim != 2 or x.shape[0] > 32:
        raise Undrawable("rows are wanted")
    scores = d.apply("matmul", x, d.apply("transpose", x, perm=(1, 0)))
    if d.stream.chance(30):
        scores = d.apply("add", scores, d.apply("mul", 0.1, d.apply("eye", shape=scores.shape, dtype="float32")))
    kind = d.stream.below(5)
    if kind == 0:
        return d.apply("trace", scores), d.apply("matmul", d.apply("tril", scores), x)
    if kind == 1:
        kept = d.apply("diagonal", scores)
        return d.apply("sub", scores, d.apply("diag", kept)), kept
    weights = f.softmax(d, d.apply("div", scores, round(math.sqrt(s.width), 4)))
    return d.apply("matmul", weights, s.main(20))


def column_mixed(s):
    """Rows and columns exchanged, worked on, and exchanged again."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Undrawable("two axes are wanted")
    perm = tuple(range(x.ndim - 2)) + (x.ndim - 1, x.ndim - 2)
    turned = d.apply("transpose", x, perm=perm)
    y = d.apply("mul", f.softmax(d, turned), turned) if d.stream.chance(50) else f.activation(
        d, d.apply("mul", turned, s.argument((turned.shape[-1],), 0.5, 1.5, "gain")))
    return d.apply("transpose", y, perm=perm)


# ---------------------------------------------------------------- updates of parts

def updated(s):
    """`.at[…].set`, `.add` or `.multiply` of a row, a slice, or rows by index."""
    d, x = s.d, s.main()
    n = x.shape[0]
    op = d.stream.weighted(("at_set", "at_add", "at_multiply", "at_max", "at_min"), (6, 6, 4, 1, 1))
    kind = d.stream.weighted(("row", "slice", "index"), (4, 5, 2))
    if kind == "index":
        op = "at_add"   # the others' order, where an index comes twice, is nobody's promise
    if kind == "index" and n >= 4:
        m = d.stream.choice([m for m in (2, 4, 5, 6, 8) if m <= n])
        index = s.argument((m,), 0, n - 1, "index", "int32")
        return d.apply(op, x, s.array((m, *x.shape[1:])), index)
    if kind == "row":
        where, part = {"index": d.stream.choice((0, n - 1, n // 2))}, x.shape[1:]
    else:
        start, stop = d.stream.choice([(0, max(1, n // 2)), (1, n), (0, n - 1), (1, max(2, n - 1)), (n // 2, n)])
        where, part = {"slice": (start, stop)}, (stop - start, *x.shape[1:])
        if start >= stop or (start, stop) == (0, n):
            raise Undrawable("no slice")
    other = s.main(10)
    roll = d.stream.below(100)
    if roll < 40:
        value = d.literal(d.stream.choice((0.5, 2.0, 0.1, 1.5)) if op != "at_set" else d.stream.choice((0.0, 1.0, -1.0)))
    elif roll < 75:
        piece = (d.apply("index", other, axis=0, index=d.stream.below(n)) if kind == "row" else
                 d.apply("slice", other, axis=0, start=where["slice"][0], stop=where["slice"][1], step=1))
        value = grow.one_unary(d, piece)
    else:
        value = s.array(part) if part else s.argument((), -1.0, 1.0, "scalar")
    return d.apply(op, x, value, **where)


def buffered(s):
    """A buffer of zeros or ones that parts are written into."""
    d, x = s.d, s.main()
    n = x.shape[0]
    if n < 4:
        raise Undrawable("too short")
    kind = d.stream.below(5)
    buffer = (d.apply("full", shape=x.shape, dtype=d.dtype, value=d.stream.choice((0.5, 1.0, -1.0, 0.1))) if kind == 4 else d.apply("zeros", shape=x.shape, dtype=d.dtype) if kind == 0 else d.apply("zeros_like", x) if kind == 1
              else d.apply("ones_like", x) if kind == 2 else d.apply("full_like", x, value=d.stream.choice((0.5, 2.0, -1.0))))
    half = n // 2
    first = grow.one_unary(d, d.apply("slice", x, axis=0, start=0, stop=half, step=1))
    y = d.apply("at_set", buffer, first, slice=(0, half))
    rest = d.apply("slice", s.main(25), axis=0, start=half, stop=n, step=1)
    return d.apply("at_add", y, rest, slice=(half, n))


def window_updated(s):
    """A dynamic slice read, worked on and written back."""
    d, x = s.d, s.main()
    n = x.shape[0]
    length = n // 2
    if n < 4:
        raise Undrawable("too short")
    start = s.argument((), 0, n - length, "scalar_index", "int32")
    piece = grow.one_unary(d, d.apply("dynamic_slice", x, start, axis=0, length=length))
    return d.apply("dynamic_update_slice", x, piece, start, axis=0)


def row_updated(s):
    """One row, at an index argument, read, changed and put back."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Undrawable("rows are wanted")
    i = s.argument((), 0, x.shape[0] - 1, "scalar_index", "int32")
    row = grow.one_unary(d, d.apply("dynamic_index", x, i, axis=0))
    if d.stream.chance(50):
        return several.update_index(d, x, row, i)
    return d.apply("dynamic_update_slice", x, d.apply("expand_dims", row, axis=0), i, axis=0)


# ---------------------------------------------------------------- moves

def shifted(s):
    """x mixed with itself moved along an axis."""
    d, x = s.d, s.main()
    axis = d.stream.below(x.ndim)
    n = x.shape[axis]
    if n < 4:
        raise Undrawable("too short")
    kind = d.stream.weighted(("roll", "flip", "previous", "padded", "edge", "diff"), (5, 3, 4, 2, 2, 2))
    if kind == "diff":
        head = d.apply("slice", x, axis=axis, start=0, stop=1, step=1)
        steps = grow.with_literal(d, d.apply("diff", x, axis=axis))
        return d.apply("concatenate", head, steps, axis=axis)
    if kind == "roll":
        y = d.apply("roll", x, shift=d.stream.choice((1, -1, 2, n // 2)), axis=axis)
    elif kind == "flip":
        y = d.apply("flip", x, axis=axis)
    elif kind == "previous":
        head = d.apply("slice", x, axis=axis, start=0, stop=1, step=1)
        if d.stream.chance(50):
            head = d.apply("zeros_like", head)
        y = d.apply("concatenate", head, d.apply("slice", x, axis=axis, start=0, stop=n - 1, step=1), axis=axis)
    else:
        k = d.stream.choice((1, 1, 2))
        pads = tuple((k, 0) if i == axis else (0, 0) for i in range(x.ndim))
        cut = d.apply("slice", x, axis=axis, start=0, stop=n - k, step=1)
        y = d.apply("pad" if kind == "padded" else "pad_edge", cut, pads=pads)
    return grow.some(lambda: grow.meet(d, d.stream.choice(("add", "sub", "mul", "maximum")), x, y))


def pieces(s):
    """Split, worked on apart, and joined again."""
    d, x = s.d, s.main()
    n = s.width
    parts = d.stream.choice([k for k in (2, 2, 4) if n % k == 0 and n // k > 1] or [0])
    if not parts:
        raise Undrawable("no even pieces")
    cut = several.split(d, x, (n // parts,) * parts) if d.stream.chance(75) else several.unstack(
        d, d.apply("reshape", x, shape=(*x.shape[:-1], parts, n // parts)), -2)
    done = [grow.one_unary(d, p) if d.stream.chance(65) else p for p in cut]
    if d.stream.chance(40):
        done[0] = grow.one_binary(d, done[0], done[1])
    y = d.apply("concatenate", *d.stream.shuffled(done), axis=-1)
    if all(a is b for a, b in zip(done, cut)):
        raise Undrawable("nothing done")
    return y


def grouped(s):
    """Groups of the last axis, normalised apart."""
    d, x = s.d, s.main()
    n = s.width
    g = d.stream.choice([k for k in (2, 4, 8) if n % k == 0 and n // k >= 4] or [0])
    if not g:
        raise Undrawable("no groups")
    y = d.apply("reshape", x, shape=(*x.shape[:-1], g, n // g))
    kind = d.stream.below(3)
    if kind == 0:
        y = f.layer_norm(d, y)
    else:
        stat = d.apply("mean" if kind == 1 else "max", y, axis=-1, keepdims=True)
        y = grow.meet(d, d.stream.choice(("add", "mul")), y, d.apply("sigmoid", stat))
    y = d.apply("reshape", y, shape=x.shape)
    return d.apply("mul", y, s.argument((n,), 0.5, 1.5, "gain")) if y.centred else y


def row_statistic(s):
    """A statistic of each row, put back beside (or over) the row."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Undrawable("rows are wanted")
    stat = d.apply(d.stream.weighted(("mean", "max", "sum", "std", "min"), (5, 4, 3, 2, 2)), x, axis=-1)
    if d.stream.chance(30):
        stat = grow.one_unary(d, stat)
    column = d.apply("expand_dims", stat, axis=-1)
    kind = d.stream.below(5)
    if kind >= 3:
        kind = 3
        column = d.apply(d.stream.weighted(("mean", "max", "sum"), (5, 4, 3)), x, axis=-1, keepdims=True)
    if kind == 0:
        column = d.apply("broadcast_to", column, shape=x.shape)
    elif kind == 1:
        column = d.apply("repeat", column, repeats=x.shape[-1], axis=-1)
    elif kind == 2:
        column = d.apply("tile", column, reps=(1,) * (x.ndim - 1) + (x.shape[-1],))
    y = grow.one_binary(d, x, column)
    roll = d.stream.below(100)
    if roll < 15:
        return y, stat
    return (y, d.apply("squeeze", column, axis=-1)) if kind == 3 and roll < 50 else y


def positions_added(s):
    """Something of the position along the last axis, added or used as a factor."""
    d, x, n = s.d, s.main(), s.width
    kind = d.stream.weighted(("arange", "linspace", "iota", "wave"), (5, 4, 2, 3))
    if kind == "wave":
        p = d.apply("linspace", shape=(n,), dtype="float32", start=0.0, stop=d.stream.choice((1.0, 2.0)))
        wave = d.apply(d.stream.choice(("sin", "cos")), d.apply("mul", math.pi, p))
        return d.apply("mul", x, d.apply("add", 1.0, wave) if d.stream.chance(50) else wave)
    if kind == "iota":
        if x.ndim != 2:
            raise Undrawable("iota: a matrix is wanted")
        p = d.apply("broadcasted_iota", shape=x.shape, dtype=d.dtype, dimension=d.stream.below(2))
    elif kind == "linspace":
        p = d.apply("linspace", shape=(n,), dtype="float32", start=d.stream.choice((0.0, -1.0)), stop=1.0)
    else:
        p = d.apply("arange", shape=(n,), dtype=d.dtype)
    if kind != "linspace" and d.stream.chance(70):
        p = d.apply("div", p, float(max(p.high, 1.0))) if d.stream.chance(40) else d.apply(
            d.stream.choice(("sin", "cos")), d.apply("mul", d.stream.choice((0.1, 0.5, 0.25)), p))
    elif d.stream.chance(50):
        p = d.apply("exp", d.apply("mul", d.stream.choice((-0.1, -0.5, -1.0)), p))
    return d.apply(d.stream.choice(("add", "mul", "add", "sub")), x, p)


def reordered(s):
    """Rows picked by an index, by the order of a score, or sorted elements."""
    d, x = s.d, s.main()
    kind = d.stream.weighted(("take", "sort", "order", "index", "along", "best", "winner"), (3, 2, 2, 3, 3, 4, 4))
    if kind == "winner":
        best = d.apply(d.stream.weighted(("argmax", "argmin"), (5, 2)), x, axis=-1)
        picked = d.apply("one_hot", best, n=s.width) if d.stream.chance(60) else d.apply("convert", d.apply(
            "equal", d.apply("expand_dims", best, axis=-1), d.apply("arange", shape=(s.width,), dtype="int32")), dtype=d.dtype)
        return d.apply("add", s.main(20), d.apply("mul", d.stream.choice((0.5, 0.1, 2.0)), d.apply("mul", picked, x)))
    if kind == "sort":
        y = d.apply("sort", x, axis=-1)
        return d.apply("mul", y, s.main(20))
    if kind == "order":
        if x.ndim < 2:
            raise Undrawable("rows are wanted")
        score = d.apply("sum", x, axis=tuple(range(1, x.ndim)))
        return d.apply("take", x, d.apply("argsort", score, axis=-1), axis=0)
    if kind == "along":
        index = d.apply("argsort", x, axis=-1)
        return d.apply("take_along_axis", s.main(20), index, axis=-1)
    if kind == "best":
        k = d.stream.choice([k for k in (2, 4, 5) if k < s.width] or [0])
        if not k or s.d.dtype != "float32":
            raise Undrawable("too short")
        values, indices = several.top_k(d, x, k)
        if d.stream.chance(50):
            picked = d.apply("take_along_axis", s.main(20), indices, axis=-1)
            return d.apply("mul", picked, d.apply("softmax", values, axis=-1) if k >= 4 else d.apply("sigmoid", values))
        weights = d.apply("sum", d.apply("mul", d.apply("one_hot", indices, n=s.width),
                                         d.apply("expand_dims", values, axis=-1)), axis=-2)
        return d.apply("add", x, weights)
    m = d.stream.choice((4, 5, 6, 8, x.shape[0]))
    index = s.argument((m,), 0, x.shape[0] - 1, "index", "int32")
    if kind == "index":
        counts = d.apply("one_hot", index, n=x.shape[0])
        share = d.apply("expand_dims", d.apply("sum", counts, axis=0), axis=-1) if x.ndim == 2 else d.apply("sum", counts, axis=0)
        return d.apply("mul", x, d.apply("add", 0.5, share))
    return d.apply("take", x, index, axis=0)


# ---------------------------------------------------------------- masks, choices, numbers

def _condition(s, x: Value) -> Value:
    """A mask of x's shape: by a threshold, positions, or two of them."""
    d, n = s.d, s.width
    kind = d.stream.weighted(("value", "position", "both", "argument"), (5, 3, 4, 2))
    if kind == "argument":
        return s.argument(x.shape if d.stream.chance(50) else (n,), 0, 1, "mask", "bool")
    value = grow.comparison(d, x)
    if kind == "value":
        return d.apply("logical_not", value) if d.stream.chance(15) else value
    place = d.apply(d.stream.choice(("less", "greater_equal")), d.apply("arange", shape=(n,), dtype="int32"), max(1, n // 2))
    if kind == "position":
        return place
    return d.apply(d.stream.weighted(("logical_and", "logical_or", "logical_xor"), (5, 5, 1)), value, place)


def masked(s):
    """x where a mask holds, else something else; or x times the mask."""
    d, x = s.d, s.main()
    mask = _condition(s, x)
    kind = d.stream.below(4)
    if kind == 0:
        return d.apply("mul", x, d.apply("convert", mask, dtype=d.dtype))
    if kind == 1:
        return d.apply("where", mask, x, d.stream.choice((0.0, 0.0, -1.0, 0.5, 0.1)))
    if kind == 2:
        other = grow.one_unary(d, x) if d.stream.chance(50) else s.main(30)
        exact = mask.shape == x.shape and d.stream.chance(50)
        return d.apply("select" if exact else "where", mask, x, other)
    share = d.apply("mul", x, d.apply("convert", mask, dtype=d.dtype))
    count = (d.apply("sum", d.apply("convert", mask, dtype=d.dtype), axis=-1, keepdims=True) if d.stream.chance(50) else
             d.apply("convert", d.apply("count_nonzero", mask, axis=-1, keepdims=True), dtype=d.dtype))
    mean = d.claim("div", min(x.low, 0), max(x.high, 0), d.apply("sum", share, axis=-1, keepdims=True),
                   d.apply("maximum", count, 1.0), typical=x.samples * 0.5)
    f.describe(d, "Subtracts a masked mean.")
    return d.apply("sub", x, mean)


def rows_kept(s):
    """Rows that have some (or all) of their elements beyond a threshold, kept or damped."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Undrawable("rows are wanted")
    middle = float(x.samples.mean() + (1.4 if d.stream.chance(50) else -1.4) * x.samples.std())
    high = d.apply("greater", x, round(middle, 1))
    some = d.apply(d.stream.choice(("any", "all")), high, axis=-1, keepdims=True)
    return d.apply("where", some, x, d.apply("mul", d.stream.choice((0.5, 0.1, 2.0)), x))


def masked_scores(s):
    """A softmax, maximum or mean under a mask that keeps a part of each row."""
    d, x, n = s.d, s.main(), s.width
    if n < 4:
        raise Undrawable("too short")
    if x.ndim >= 2 and x.shape[-2] == n and d.stream.chance(70):
        ones = d.apply("ones", shape=(n, n), dtype="bool")
        mask = d.apply("tril", ones)
    else:
        mask = d.apply("less", d.apply("arange", shape=(n,), dtype="int32"), d.stream.choice((n - 1, n // 2, n * 3 // 4)))
    f.named(mask, "keeps_some")
    kind = d.stream.weighted(("softmax", "max", "min", "logsumexp", "mean"), (6, 3, 1, 2, 3))
    if kind == "softmax":
        fill = d.stream.choice((-math.inf, -1e9, -3.4028234663852886e38, -1e30) if d.dtype == "float32" else (-math.inf,))
        probs = d.apply("kept_softmax", x, mask, instead=fill)
        probs.centred = True
        return d.apply("mul", probs, s.main(20))
    stat = d.apply(f"kept_{kind}", x, mask)
    column = d.apply("expand_dims", stat, axis=-1) if x.ndim > 1 else stat
    return d.apply("sub", x, column)


def guarded(s):
    """What isn't finite replaced: no change for inputs in their ranges."""
    d, x = s.d, s.main()
    kind = d.stream.below(4)
    if kind == 0:
        return d.apply("nan_to_num", x)
    if kind == 1:
        return d.apply("where", d.apply("surely_finite", x), x, 0.0)
    return d.apply("where", d.apply("never_nan" if kind == 2 else "never_inf", x), d.stream.choice((0.0, 1.0)), x)


def clipped(s):
    d, x = s.d, s.main()
    spread = float(x.samples.std())
    limit = d.stream.choice([c for c in (1.0, 0.5, 2.0, 3.0, 5.0, 0.9) if 0.6 * spread < c < 1.6 * spread] or [0.0])
    if not limit or abs(float(x.samples.mean())) > spread:
        raise Undrawable("nothing to clip")
    return d.apply(d.stream.choice(("clip", "clip", "clip", "clamp")), x, -limit, limit)


def quantised(s):
    """Rounded to steps of a scale; with a straight-through gradient."""
    d, x = s.d, s.main()
    spread = max(abs(x.low), abs(x.high))
    levels = d.stream.choice((127.0, 15.0, 31.0, 7.0))
    if d.stream.chance(55):
        most = d.apply("max", d.apply("abs", x), axis=-1 if x.ndim > 1 and d.stream.chance(60) else None, keepdims=x.ndim > 1)
        scale = d.claim("div", 1e-4, spread / levels, d.claim("maximum", 1e-3, spread, most, 1e-3), levels)
        ratio = d.claim("div", -levels, levels, x, scale, typical=x.samples / x.bound * levels)
    else:
        scale = d.stream.choice((0.1, 0.25, 0.05, 0.125, 0.5))
        ratio = d.apply("div", x, scale)
    q = d.apply("round", ratio) if d.stream.chance(65) else d.apply("floor", d.apply("add", ratio, 0.5))
    f.named(q, "steps")
    if d.stream.chance(30):
        q = d.apply("through_int8", q)
    elif d.stream.chance(40):
        q = d.apply("clip", q, -levels - 1, levels)
    back = d.claim("mul", -spread - 1, spread + 1, q, scale, typical=x.samples)
    f.describe(d, "Quantises and dequantises with a straight-through gradient.")
    return d.claim("add", -spread - 1, spread + 1, x, d.apply("stop_gradient", d.claim(
        "sub", -1, 1, back, x, typical=x.samples / x.bound * 0.2)), typical=x.samples)


# ---------------------------------------------------------------- functions of its own

def helped(s):
    """A helper that is called on two values."""
    d = s.d
    x, y = s.two()

    def build(v):
        value = v
        for _ in range(d.stream.weighted((1, 2, 3), (2, 5, 3))):
            roll = d.stream.below(100)
            value = (grow.one_unary(d, value) if roll < 45 else grow.with_literal(d, value) if roll < 75 else
                     f.activation(d, value) if roll < 88 else d.apply("sub", value, d.apply("mean", value, axis=-1, keepdims=True)))
        return value
    (a,), (b,) = several.helper(d, [(x,), (y,)], build, vectorize=False)
    return (a, b) if d.stream.chance(55) else grow.one_binary(d, a, b)


def vectorised(s):
    """A function of numbers, by `jnp.vectorize`."""
    d = s.d
    x, y = s.two()
    ((z,),) = several.helper(d, [(x, y)], lambda a, b: grow.one_binary(d, grow.one_unary(d, a), grow.with_literal(d, b)), "fn",
                             vectorize=True)
    return z


def helped_pair(s):
    """A helper of two arguments, called both ways round."""
    d = s.d
    x, y = s.two()
    pair = [(x, y), (y, x)]

    def build(a, b):
        if d.stream.chance(40):
            return f.gate(d, a, b)
        inner = grow.one_binary(d, a, grow.one_unary(d, b))
        return grow.one_unary(d, inner)
    (a,), (b,) = several.helper(d, pair, build)
    return a, b


# ---------------------------------------------------------------- results besides

def loss(s):
    """A loss of a value and a target: a number, or one for each row."""
    d, x = s.d, s.main()
    target = s.array(role="targets") if d.stream.chance(50) else s.main(20)
    if target is x:
        raise Undrawable("the same value twice")
    each = f.elementwise_loss(d, x, target)
    axis = -1 if x.ndim > 1 and d.stream.chance(40) else None
    value = f.named(d.apply(d.stream.choice(("mean", "sum", "mean")), each, axis=axis), "loss")
    return value, x


def class_loss(s):
    """Cross entropy of logits and integer labels."""
    d, x = s.d, s.main()
    if x.ndim != 2 or not 4 <= s.width <= 64:
        raise Undrawable("rows of logits are wanted")
    labels = s.argument(x.shape[:1], 0, s.width - 1, "labels", "int32")
    logp = d.apply("log_softmax", x, axis=-1)
    f.describe(d, "Cross entropy with integer labels.")
    if d.stream.chance(65):
        hot = d.apply("one_hot", labels, n=s.width)
        if d.stream.chance(30):
            hot = f.lerp(d, hot, d.apply("full_like", hot, value=round(1 / s.width, 6)), d.stream.choice((0.1, 0.05)))
        nll = d.apply("neg", d.apply("sum", d.apply("mul", hot, logp), axis=-1))
    else:
        picked = d.apply("take_along_axis", logp, d.apply("expand_dims", labels, axis=-1), axis=-1)
        nll = d.apply("neg", d.apply("squeeze", picked, axis=-1))
    return f.named(nll if d.stream.chance(50) else d.apply("mean", nll), "loss"), x


def statistic(s):
    """A mean and a spread, used to change the value and given out."""
    d, x = s.d, s.main()
    axis = None if x.ndim == 1 else d.stream.choice((0, -1, None))
    f.spreads(x)
    mean = d.apply("mean", x, axis=axis, keepdims=axis is not None)
    if d.stream.chance(50):
        return mean, grow.meet(d, "mul", x, d.apply("sigmoid", d.apply("sub", x, mean)))
    std = d.apply("std", x, axis=axis, keepdims=axis is not None)
    return std, d.apply("add", x, d.apply("mul", d.stream.choice((0.1, 0.5, 2.0)), std))


def _weighted(*pairs):
    return tuple(rule for rule, _ in pairs), tuple(weight for _, weight in pairs)


RULES = _weighted(
    (normalised, 9), (activated, 5), (function_of, 7), (with_number, 5), (combined, 7), (gated, 4), (residual, 5), (mixed, 4),
    (scaled, 3), (linear, 5), (gram, 4), (column_mixed, 2), (updated, 9), (buffered, 4), (window_updated, 2), (row_updated, 2),
    (shifted, 6), (pieces, 6), (grouped, 3), (row_statistic, 5), (positions_added, 5), (reordered, 6), (masked, 6),
    (rows_kept, 2), (masked_scores, 4), (guarded, 2), (clipped, 3), (quantised, 3), (helped, 6), (helped_pair, 3),
    (vectorised, 2), (loss, 4), (class_loss, 2), (statistic, 4))
