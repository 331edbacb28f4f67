"""Products that contract: matrices, einsum, quadratic forms, distances, covariance."""

from collections.abc import Iterator

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.pooling import AVERAGES, prepared, reduce

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


def _draw_terms(d: ProgramBuilder, equation: str) -> Iterator[Value]:
    """Arguments for an equation's operands, each drawn when it is asked for."""
    letters = dict.fromkeys(letter for letter in equation if letter.isalpha())
    sizes = {letter: common.size(d, small=True) for letter in letters}
    for term in equation.split("->")[0].split(","):
        yield common.array(d, tuple(sizes[letter] for letter in term))


def _einsum(d: ProgramBuilder) -> Value:
    equation = d.stream.choice(_EQUATIONS)
    a, b = _draw_terms(d, equation)
    a = prepared(d, a, 2)
    return d.apply("einsum", a, common.light(d, b), equation=equation)


def _einsum_of_one(d: ProgramBuilder) -> Value:
    equation = d.stream.choice(_SINGLE)
    (x,) = _draw_terms(d, equation)
    inputs = [x, common.array(d, x.shape)] if d.stream.chance(50) else [x]
    return d.apply("einsum1", common.mix(d, inputs, d.stream.below(2)), equation=equation)


def _einsum_of_three(d: ProgramBuilder) -> Value:
    equation = d.stream.choice(_TRIPLE)
    operands = [common.light(d, term) for term in _draw_terms(d, equation)]
    return d.apply("einsum3", *operands, equation=equation)


def _matmul(d: ProgramBuilder) -> Value:
    n, k, m = (common.size(d, small=True) for _ in range(3))
    shapes = d.stream.choice(
        (((n, k), (k,)), ((k,), (k,)), ((k,), (k, m)), ((n, k), (k, m)), ((2, n, k), (k,)))
    )
    a, b = (common.array(d, shape) for shape in shapes)
    return d.apply("matmul", prepared(d, a, 2), prepared(d, b, 1))


def _vdot(d: ProgramBuilder) -> Value:
    shape = _matrix_shape(d) if d.stream.chance(50) else (common.size(d),)
    return d.apply("vdot", *_draw_pair(d, shape))


def _tensordot(d: ProgramBuilder) -> Value:
    return d.apply("tensordot", *_draw_pair(d, _matrix_shape(d)), axes=2)


def _matrix_shape(d: ProgramBuilder) -> tuple[int, int]:
    return common.size(d, small=True), common.size(d, small=True)


def _draw_pair(d: ProgramBuilder, shape: tuple[int, ...]) -> tuple[Value, Value]:
    a, b = common.array(d, shape), common.array(d, shape)
    return prepared(d, a, 1), common.light(d, b)


def _outer(d: ProgramBuilder) -> Value:
    a, b = (common.array(d, (common.size(d, small=True),)) for _ in range(2))
    table = common.one_unary(d, d.apply("outer", a, b))
    return reduce(d, table, d.stream.choice((0, 1, None)))


def _trace(d: ProgramBuilder) -> Value:
    n, k = _matrix_shape(d)
    a, b = common.array(d, (n, k)), common.array(d, (k, n))
    return d.apply("trace", common.light(d, d.apply("matmul", prepared(d, a, 1), b)))


_CONTRACTIONS = {
    _einsum: 9,
    _einsum_of_one: 3,
    _einsum_of_three: 3,
    _matmul: 7,
    _vdot: 3,
    _tensordot: 3,
    _outer: 2,
    _trace: 3,
}


def contraction(d: ProgramBuilder) -> tuple[Value, ...]:
    """Dot, matmul, einsum, tensordot, vdot, traces; then a function or a reduction."""
    value = d.stream.choose(_CONTRACTIONS)(d)
    if value.ndim and d.stream.chance(50) or value.size >= max(v.size for v in d.arguments):
        return (reduce(d, prepared(d, value, 2), None if d.stream.chance(50) else -1),)
    return (common.one_unary(d, value),) if d.stream.chance(35) else (value,)


# ---------------------------------------------------------------- forms of a matrix and a vector


def _quadratic_form(d: ProgramBuilder, matrix: Value, x: Value, ax: Value) -> Value:
    return d.apply(d.stream.choice(("matmul", "vdot")), x, ax)


def _bilinear_form(d: ProgramBuilder, matrix: Value, x: Value, ax: Value) -> Value:
    name = d.stream.choice(("matmul", "vdot"))
    return d.apply(name, common.light(d, common.array(d, x.shape)), ax)


def _objective(d: ProgramBuilder, matrix: Value, x: Value, ax: Value) -> Value:
    b = common.array(d, x.shape)
    return d.apply("sub", d.apply("mul", 0.5, d.apply("vdot", x, ax)), d.apply("vdot", b, x))


def _residual(d: ProgramBuilder, matrix: Value, x: Value, ax: Value) -> Value:
    """The loss of a linear fit, regularised at times."""
    error = d.apply("sub", ax, common.array(d, x.shape))
    loss = d.apply(d.stream.choice(("square", "abs")), error)
    loss = reduce(d, loss, None, statistics=AVERAGES)
    if d.stream.chance(55):
        size = d.apply("sum", d.apply(d.stream.choice(("square", "abs")), x), axis=None)
        loss = d.apply("add", loss, d.apply("mul", d.stream.choice((0.1, 0.5, 0.01, 0.05)), size))
    return loss


def _symmetric_form(d: ProgramBuilder, matrix: Value, x: Value, ax: Value) -> Value:
    twice = d.apply("add", matrix, d.apply("transpose", matrix, perm=(1, 0)))
    return d.apply("matmul", x, d.apply("matmul", d.apply("mul", 0.5, twice), common.light(d, x)))


_FORMS = {
    _quadratic_form: 4,
    _bilinear_form: 3,
    _objective: 4,
    _residual: 4,
    _symmetric_form: 3,
}


def quadratic_forms(d: ProgramBuilder) -> tuple[Value, ...]:
    """Quadratic and bilinear forms, energies, regularised objectives."""
    n = common.size(d, small=True)
    matrix, x = common.array(d, (n, n)), common.array(d, (n,))
    form = d.stream.choose(_FORMS)
    return (form(d, matrix, x, d.apply("matmul", prepared(d, matrix, 1), common.light(d, x))),)


# ---------------------------------------------------------------- all pairs of rows


def _subtract_all(d: ProgramBuilder, x: Value, y: Value) -> Value:
    return d.apply("sub", d.apply("expand_dims", x, axis=1), d.apply("expand_dims", y, axis=0))


def _sum_squares(d: ProgramBuilder, x: Value, y: Value) -> Value:
    return d.apply("sum", d.apply("square", _subtract_all(d, x, y)), axis=-1)


def _sum_powers(d: ProgramBuilder, x: Value, y: Value) -> Value:
    difference = _subtract_all(d, x, y)
    name = "square" if d.stream.chance(60) else "abs"
    return d.apply("sum", d.apply(name, difference), axis=-1)


def _expand_squares(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """Squared distances as |x|² + |y|² - 2 x·y."""
    cross = d.apply("matmul", x, d.apply("transpose", y, perm=(1, 0)))
    norms = d.apply(
        "add",
        d.apply("sum", d.apply("square", x), axis=1, keepdims=True),
        d.apply("sum", d.apply("square", y), axis=1),
    )
    k = x.shape[1]
    return d.claim(
        "sub",
        -1e-3,
        4 * k * max(x.bound, y.bound) ** 2,
        norms,
        d.apply("mul", 2.0, cross),
        typical=k * abs(x.samples - y.samples[::-1]) ** 2,
    )


def _gaussian(d: ProgramBuilder, distances: Value) -> Value:
    scale = (
        d.stream.choice((0.5, 0.1, 0.25, 0.05))
        if d.stream.chance(60)
        else d.argument((), 0.05, 0.5)
    )
    negative = d.apply("neg", common.tamed(d, distances, 50.0))
    table = d.apply("exp", d.apply("mul", negative, scale))
    if d.stream.chance(40):
        return d.apply("matmul", table, common.array(d, table.shape[1:]))
    return reduce(d, table, d.stream.choice((None, 0, 1)), statistics={"mean": 1, "sum": 1})


def _nearest(d: ProgramBuilder, distances: Value) -> Value:
    near = d.apply("min", distances, axis=1)
    if d.stream.chance(50):
        back = d.apply("mean", d.apply("min", distances, axis=0), axis=None)
        return d.apply("add", d.apply("mean", near, axis=None), back)
    return reduce(d, near, None, statistics={"mean": 3, "sum": 2, "max": 2})


def _soft_nearest(d: ProgramBuilder, distances: Value) -> Value:
    negative = d.apply("neg", distances)
    return d.apply("neg", d.apply("logsumexp", negative, axis=d.stream.choice((0, 1))))


def _root(d: ProgramBuilder, distances: Value) -> Value:
    least = d.stream.choice((0.1, 0.05))
    return _reduce_pairs(d, d.apply("sqrt", d.apply("add", distances, least)))


def _energy(d: ProgramBuilder, distances: Value) -> Value:
    least = d.stream.choice((1.0, 0.5))
    return _reduce_pairs(d, d.apply("reciprocal", d.apply("add", least, distances)))


def _reduce_pairs(d: ProgramBuilder, table: Value) -> Value:
    statistics = {"mean": 4, "sum": 4, "max": 1, "min": 1}
    return reduce(d, table, d.stream.choice((None, 0, 1)), statistics=statistics)


_PAIRWISE = {_gaussian: 5, _nearest: 5, _root: 3, _energy: 3, _soft_nearest: 3}


def pairwise_distances(d: ProgramBuilder) -> tuple[Value, ...]:
    """Distances or kernels of all pairs of rows, reduced."""
    n = d.stream.choice((4, 5, 6, 8, 10, 12, 16))
    m = d.stream.choice((4, 5, 6, 8, 10))
    k = d.stream.choice((2, 4, 5, 6, 8))
    x, y = common.array(d, (n, k)), common.array(d, (m, k))
    distances = d.stream.choice((_sum_squares, _sum_powers, _expand_squares))(d, x, y)
    return (d.stream.choose(_PAIRWISE)(d, distances),)


# ---------------------------------------------------------------- covariance


def _gram(d: ProgramBuilder, x: Value) -> Value:
    y = common.light(d, x)
    gram = d.apply("matmul", d.apply("transpose", y, perm=(1, 0)), y)
    if d.stream.chance(50):
        return reduce(d, prepared(d, gram, 1), None)
    return d.apply("div", gram, float(x.shape[0]))


def _squared_covariance(d: ProgramBuilder, x: Value) -> Value:
    z, y = _draw_columns(d, x), common.light(d, x)
    table = d.apply("matmul", d.apply("transpose", _centre(d, y), perm=(1, 0)), _centre(d, z))
    table = d.apply("div", table.changed(centred=False), float(x.shape[0]))
    return d.apply("sum", d.apply("square", table), axis=None)


def _correlation(d: ProgramBuilder, x: Value) -> Value:
    z, y = common.array(d, x.shape[:1]), common.light(d, x)
    first = (
        d.apply("index", y, axis=1, index=0) if d.stream.chance(30) else d.apply("mean", y, axis=1)
    )
    a, b = _centre(d, first), _centre(d, z)
    top = d.apply("sum", d.apply("mul", a, b), axis=None)
    norms = d.apply("mul", d.apply("norm", a, axis=None), d.apply("norm", b, axis=None))
    return d.claim("div", -1.0, 1.0, top, d.apply("add", norms, 1e-6), typical=a.samples * 0.3)


def _cross_covariance(d: ProgramBuilder, x: Value) -> Value:
    z, y = _draw_columns(d, x), common.light(d, x)
    table = d.apply("einsum", _centre(d, y), _centre(d, z), equation="ni,nj->ij")
    return d.apply("div", table, float(x.shape[0] - 1))


def _draw_columns(d: ProgramBuilder, x: Value) -> Value:
    """An argument with as many rows as x."""
    return common.array(d, (x.shape[0], d.stream.choice((2, 4, 5))))


def _centre(d: ProgramBuilder, v: Value) -> Value:
    kept = {"keepdims": True} if v.ndim > 1 and d.stream.chance(50) else {}
    error = d.apply("sub", v, d.apply("mean", v, axis=0, **kept))
    return error.changed(centred=True)


_COVARIANCES = {_gram: 3, _squared_covariance: 4, _correlation: 4, _cross_covariance: 3}


def covariance(d: ProgramBuilder) -> tuple[Value, ...]:
    """Covariances, correlations, Gram matrices."""
    n, k = d.stream.choice((8, 10, 12, 16, 20, 32)), d.stream.choice((2, 4, 5, 6))
    x = common.array(d, (n, k))
    return (d.stream.choose(_COVARIANCES)(d, x),)


# ---------------------------------------------------------------- layers

_ACTIVATIONS = {
    "tanh": 7,
    "relu": 8,
    "sigmoid": 4,
    "gelu_tanh": 3,
    "silu": 4,
    "softplus": 2,
    "elu": 2,
    "sin": 1,
}


def layers(d: ProgramBuilder) -> tuple[Value, ...]:
    """A layer or two, pooled: affine maps, activations and a reduction."""
    n, k, h = common.size(d, small=True), common.size(d, small=True), d.stream.choice((4, 5, 6, 8))
    x, w = common.array(d, (n, k)), common.array(d, (k, h), ranges=((-1.0, 1.0), (-0.5, 0.5)))
    y = d.apply("matmul", x, w)
    if d.stream.chance(55):
        y = d.apply("add", y, common.array(d, (h,), ranges=((-0.5, 0.5), (-1.0, 1.0))))
    y = common.one_unary(d, y, _ACTIVATIONS)
    if d.stream.chance(50):
        return (d.apply("matmul", y, common.array(d, (h,), ranges=((-1.0, 1.0), (-2.0, 2.0)))),)
    statistics = {"mean": 6, "max": 4, "sum": 4, "logsumexp": 1, "norm": 1}
    value = reduce(d, y, d.stream.choice((0, -1, None)), statistics=statistics)
    if value.size >= max(v.size for v in d.arguments):
        raise Rejected("nothing shrinks")
    return (value,)
