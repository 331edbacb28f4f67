"""Products that contract: matrices, einsum, quadratic forms, distances, covariance."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.pooling import prepared, reduce
from jax_ir_synth.kernels.productions.recurrences import light, mix

# Equations of two operands whose result has fewer axes or shorter ones than an operand.
_EQUATIONS = (
    "ij,j->i",
    "ij,i->j",
    "ij,ij->i",
    "ij,ij->",
    "i,i->",
    "ij,ij->j",
    "ijk,k->ij",
    "ijk,jk->i",
    "ijk,ik->ij",
    "bij,bj->bi",
    "ijk,ijk->ij",
    "ijk,ijk->",
    "bi,bi->b",
    "ij,kj->ik",
    "ij,jk->ik",
    "ijk,ij->ik",
    "bhd,bhd->bh",
    "ijk,j->ik",
    "btd,bt->bd",
    "bqd,bkd->bqk",
    "ij,kj->",
    "ij,ik->jk",
    "nd,d->n",
    "bnd,nd->bn",
)
_SINGLE = ("ij->i", "ij->j", "ii->", "ijk->ik", "ijk->j", "ij->", "ijk->i", "bij->bj")
_TRIPLE = ("i,ij,j->", "bi,ij,bj->b", "ij,j,j->i", "i,i,i->", "ij,ij,j->i", "bi,ij,j->b")


def _sizes(d: ProgramBuilder, letters: str) -> dict[str, int]:
    sizes = {
        letter: common.size(d, small=True) for letter in dict.fromkeys(letters) if letter.isalpha()
    }
    return sizes


def _term(d: ProgramBuilder, letters: str, sizes: dict[str, int]) -> Value:
    return common.array(d, tuple(sizes[c] for c in letters))


def contraction(d: ProgramBuilder) -> tuple[Value, ...]:
    """Dot, matmul, einsum, tensordot, vdot, traces; then a function or a reduction."""
    kind = d.stream.choose(
        {
            "einsum": 9,
            "einsum1": 3,
            "einsum3": 3,
            "matmul": 7,
            "vdot": 3,
            "tensordot": 3,
            "outer": 2,
            "trace": 3,
        }
    )
    if kind == "einsum":
        equation = d.stream.choice(_EQUATIONS)
        sizes = _sizes(d, equation)
        a, b = (_term(d, part, sizes) for part in equation.split("->")[0].split(","))
        a = prepared(d, a, 2)
        value = d.apply("einsum", a, light(d, b), equation=equation)
    elif kind == "einsum1":
        equation = d.stream.choice(_SINGLE)
        sizes = _sizes(d, equation)
        x = _term(d, equation.split("->")[0], sizes)
        extra = [common.array(d, x.shape)] if d.stream.chance(50) else []
        value = d.apply("einsum1", mix(d, [x, *extra], d.stream.below(2)), equation=equation)
    elif kind == "einsum3":
        equation = d.stream.choice(_TRIPLE)
        sizes = _sizes(d, equation)
        value = d.apply(
            "einsum3",
            *(light(d, _term(d, part, sizes)) for part in equation.split("->")[0].split(",")),
            equation=equation,
        )
    elif kind == "matmul":
        n, k, m = (common.size(d, small=True) for _ in range(3))
        shapes = d.stream.choice(
            (((n, k), (k,)), ((k,), (k,)), ((k,), (k, m)), ((n, k), (k, m)), ((2, n, k), (k,)))
        )
        a, b = (common.array(d, s) for s in shapes)
        value = d.apply("matmul", prepared(d, a, 2), prepared(d, b, 1))
    elif kind in ("vdot", "tensordot"):
        shape = (
            (common.size(d, small=True), common.size(d, small=True))
            if kind == "tensordot" or d.stream.chance(50)
            else (common.size(d),)
        )
        a, b = common.array(d, shape), common.array(d, shape)
        a = prepared(d, a, 1)
        value = (
            d.apply("vdot", a, light(d, b))
            if kind == "vdot"
            else d.apply("tensordot", a, light(d, b), axes=2)
        )
    elif kind == "outer":
        a, b = (
            common.array(d, (common.size(d, small=True),)),
            common.array(d, (common.size(d, small=True),)),
        )
        value = reduce(
            d, common.one_unary(d, d.apply("outer", a, b)), d.stream.choice((0, 1, None))
        )
    else:
        n, k = common.size(d, small=True), common.size(d, small=True)
        a = common.array(d, (n, k))
        b = common.array(d, (k, n))
        value = d.apply("trace", light(d, d.apply("matmul", prepared(d, a, 1), b)))
    if value.ndim and d.stream.chance(50) or value.size >= max(v.size for v in d.arguments):
        return (reduce(d, prepared(d, value, 2), None if d.stream.chance(50) else -1),)
    return (common.one_unary(d, value),) if d.stream.chance(35) else (value,)


def quadratic(d: ProgramBuilder) -> tuple[Value, ...]:
    """Quadratic and bilinear forms, energies, regularised objectives."""
    n = common.size(d, small=True)
    matrix, x = common.array(d, (n, n)), common.array(d, (n,))
    kind = d.stream.choose(
        {"form": 4, "bilinear": 3, "objective": 4, "residual": 4, "symmetric": 3}
    )
    ax = d.apply("matmul", prepared(d, matrix, 1), light(d, x))
    if kind == "form":
        return (d.apply(d.stream.choice(("matmul", "vdot")), x, ax),)
    if kind == "bilinear":
        return (d.apply(d.stream.choice(("matmul", "vdot")), light(d, common.array(d, (n,))), ax),)
    if kind == "symmetric":
        half = d.apply(
            "mul", 0.5, d.apply("add", matrix, d.apply("transpose", matrix, perm=(1, 0)))
        )
        return (d.apply("matmul", x, d.apply("matmul", half, light(d, x))),)
    b = common.array(d, (n,))
    if kind == "objective":
        return (d.apply("sub", d.apply("mul", 0.5, d.apply("vdot", x, ax)), d.apply("vdot", b, x)),)
    error = d.apply("sub", ax, b)
    loss = reduce(
        d,
        d.apply(d.stream.choice(("square", "abs")), error),
        None,
        statistics={"sum": 1, "mean": 1},
    )
    if d.stream.chance(55):
        size = d.apply("sum", d.apply(d.stream.choice(("square", "abs")), x), axis=None)
        loss = d.apply("add", loss, d.apply("mul", d.stream.choice((0.1, 0.5, 0.01, 0.05)), size))
    return (loss,)


def pairwise(d: ProgramBuilder) -> tuple[Value, ...]:
    """Distances or kernels of all pairs of rows, reduced."""
    n, m, k = (
        d.stream.choice((4, 5, 6, 8, 10, 12, 16)),
        d.stream.choice((4, 5, 6, 8, 10)),
        d.stream.choice((2, 4, 5, 6, 8)),
    )
    x, y = common.array(d, (n, k)), common.array(d, (m, k))
    how = d.stream.below(3)
    if how < 2:
        left, right = d.apply("expand_dims", x, axis=1), d.apply("expand_dims", y, axis=0)
        diff = d.apply("sub", left, right)
        square = d.apply(
            "sum", d.apply("square" if how == 0 or d.stream.chance(60) else "abs", diff), axis=-1
        )
    else:
        cross = d.apply("matmul", x, d.apply("transpose", y, perm=(1, 0)))
        norms = d.apply(
            "add",
            d.apply("sum", d.apply("square", x), axis=1, keepdims=True),
            d.apply("sum", d.apply("square", y), axis=1),
        )
        high = 4 * k * max(x.bound, y.bound) ** 2
        square = d.claim(
            "sub",
            -1e-3,
            high,
            norms,
            d.apply("mul", 2.0, cross),
            typical=k * abs(x.samples - y.samples[::-1]) ** 2,
        )
    kind = d.stream.choose({"rbf": 5, "nearest": 5, "root": 3, "energy": 3, "soft": 3})
    if kind == "rbf":
        scale = (
            d.stream.choice((0.5, 0.1, 0.25, 0.05))
            if d.stream.chance(60)
            else d.argument((), 0.05, 0.5)
        )
        table = d.apply("exp", d.apply("mul", d.apply("neg", common.tamed(d, square, 50.0)), scale))
        weights = common.array(d, (m,)) if d.stream.chance(40) else None
        if weights is not None:
            return (d.apply("matmul", table, weights),)
        return (reduce(d, table, d.stream.choice((None, 0, 1)), statistics={"mean": 1, "sum": 1}),)
    if kind == "nearest":
        near = d.apply("min", square, axis=1)
        if d.stream.chance(50):
            return (
                d.apply(
                    "add",
                    d.apply("mean", near, axis=None),
                    d.apply("mean", d.apply("min", square, axis=0), axis=None),
                ),
            )
        return (reduce(d, near, None, statistics={"mean": 3, "sum": 2, "max": 2}),)
    if kind == "soft":
        return (
            d.apply(
                "neg", d.apply("logsumexp", d.apply("neg", square), axis=d.stream.choice((0, 1)))
            ),
        )
    table = (
        d.apply("sqrt", d.apply("add", square, d.stream.choice((0.1, 0.05))))
        if kind == "root"
        else d.apply("reciprocal", d.apply("add", d.stream.choice((1.0, 0.5)), square))
    )
    return (
        reduce(
            d,
            table,
            d.stream.choice((None, 0, 1)),
            statistics={"mean": 4, "sum": 4, "max": 1, "min": 1},
        ),
    )


def covariance(d: ProgramBuilder) -> tuple[Value, ...]:
    """Covariances, correlations, Gram matrices."""
    n, k = d.stream.choice((8, 10, 12, 16, 20, 32)), d.stream.choice((2, 4, 5, 6))
    x = common.array(d, (n, k))
    kind = d.stream.choose({"gram": 3, "covariance": 4, "correlation": 4, "cross": 3})
    if kind == "gram":
        y = light(d, x)
        gram = d.apply("matmul", d.apply("transpose", y, perm=(1, 0)), y)
        return (
            reduce(d, prepared(d, gram, 1), None)
            if d.stream.chance(50)
            else d.apply("div", gram, float(n)),
        )
    z = (
        common.array(d, (n,))
        if kind == "correlation"
        else common.array(d, (n, d.stream.choice((2, 4, 5))))
    )
    y = light(d, x)

    def centre(v):
        error = d.apply(
            "sub",
            v,
            d.apply(
                "mean",
                v,
                axis=0,
                **({"keepdims": True} if v.ndim > 1 and d.stream.chance(50) else {}),
            ),
        )
        error = error.changed(centred=True)
        return error

    if kind == "correlation":
        first = (
            d.apply("index", y, axis=1, index=0)
            if d.stream.chance(30)
            else d.apply("mean", y, axis=1)
        )
        a, b = centre(first), centre(z)
        top = d.apply("sum", d.apply("mul", a, b), axis=None)
        norms = d.apply("mul", d.apply("norm", a, axis=None), d.apply("norm", b, axis=None))
        return (
            d.claim("div", -1.0, 1.0, top, d.apply("add", norms, 1e-6), typical=a.samples * 0.3),
        )
    if kind == "cross":
        table = d.apply("einsum", centre(y), centre(z), equation="ni,nj->ij")
        return (d.apply("div", table, float(n - 1)),)
    table = d.apply("matmul", d.apply("transpose", centre(y), perm=(1, 0)), centre(z))
    table = table.changed(centred=False)
    return (d.apply("sum", d.apply("square", d.apply("div", table, float(n))), axis=None),)


def layers(d: ProgramBuilder) -> tuple[Value, ...]:
    """A layer or two, pooled: affine maps, activations and a reduction."""
    n, k, h = common.size(d, small=True), common.size(d, small=True), d.stream.choice((4, 5, 6, 8))
    x, w = common.array(d, (n, k)), common.array(d, (k, h), ranges=((-1.0, 1.0), (-0.5, 0.5)))
    y = d.apply("matmul", x, w)
    if d.stream.chance(55):
        y = d.apply("add", y, common.array(d, (h,), ranges=((-0.5, 0.5), (-1.0, 1.0))))
    y = common.one_unary(
        d,
        y,
        {
            "tanh": 7,
            "relu": 8,
            "sigmoid": 4,
            "gelu_tanh": 3,
            "silu": 4,
            "softplus": 2,
            "elu": 2,
            "sin": 1,
        },
    )
    if d.stream.chance(50):
        return (d.apply("matmul", y, common.array(d, (h,), ranges=((-1.0, 1.0), (-2.0, 2.0)))),)
    value = reduce(
        d,
        y,
        d.stream.choice((0, -1, None)),
        statistics={"mean": 6, "max": 4, "sum": 4, "logsumexp": 1, "norm": 1},
    )
    if value.size >= max(v.size for v in d.arguments):
        raise Rejected("nothing shrinks")
    return (value,)
