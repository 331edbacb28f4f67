"""Category `vector`: work on vectors of three components, one or many."""

from jax_ir_synth.kernels.builder import transforms
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Value, collect_values
from jax_ir_synth.kernels.productions import common, geometry, vector_steps
from jax_ir_synth.kernels.productions.context import Context

SIGNATURE = Signature(requires={"vec3"}, forbids={"compound"})

# How many points there are.
_COUNTS = {
    4: 8,
    8: 9,
    5: 7,
    6: 6,
    10: 8,
    16: 8,
    7: 5,
    12: 5,
    20: 4,
    32: 6,
    64: 4,
    9: 3,
    2: 3,
    24: 3,
    15: 2,
    100: 2,
    128: 2,
    50: 2,
    40: 2,
}
# Fewer where each is a call: validation runs each of them.
_CALLS = (4, 5, 6, 8, 8, 10, 10, 12, 16, 16, 20, 24, 7, 9)
_MAX_ARGUMENTS = 6
# Bytes of an IR column that a program may grow to.
_BUDGETS = {5500: 4, 8000: 6, 10500: 5, 13000: 3, 17000: 1}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """Vectors composed by geometry and mechanics: many, one alone, or by `vmap` over points."""
    if d.dtype == "float16":
        d.use("float32")
    count = d.stream.choose(_COUNTS)
    scene = d.stream.choose(_SCENES)(d, count)
    if scene.shape and d.stream.chance(22):
        scene.step(vector_steps.GATHERING)
    return _outputs(scene)


def _draw_batch(d: ProgramBuilder, count: int) -> Context:
    scene = _scene(d, (count,))
    _work(scene, d.stream.choose({2: 4, 3: 5, 4: 4, 5: 2}))
    return scene


def _draw_single(d: ProgramBuilder, count: int) -> Context:
    scene = _scene(d, ())
    _work(scene, d.stream.choose({2: 4, 3: 5, 4: 4, 5: 2}))
    return scene


def _draw_mapped(d: ProgramBuilder, count: int) -> Context:
    scene = _scene(d, (d.stream.choice(_CALLS),))
    _map_steps(scene)
    _work(scene, d.stream.choose({0: 2, 1: 4, 2: 2}))
    return scene


_SCENES = {_draw_batch: 6, _draw_single: 2, _draw_mapped: 2}


def _context(d: ProgramBuilder, points: tuple[int, ...]) -> Context:
    return Context(d, points, d.stream.choose(_BUDGETS), _MAX_ARGUMENTS, trusting=False)


def _scene(d: ProgramBuilder, points: tuple[int, ...]) -> Context:
    """A context with vectors to begin with."""
    scene = _context(d, points)
    for _ in range(d.stream.choose({1: 2, 2: 5, 3: 2})):
        scene.pending.append(geometry.fresh_vector(scene))
    return scene


def _work(scene: Context, steps: int) -> None:
    """Adds steps until the budget is spent."""
    for _ in range(steps):
        scene.step(vector_steps.RULES)
        if scene.spent:
            break


def _map_steps(scene: Context) -> None:
    """Adds a few steps of a function of one point, mapped over the points."""
    d = scene.d
    xs = tuple(v for v in scene.pending if v.ndim == 2)
    if d.stream.chance(30):
        xs += (d.argument(scene.shape, 0.5, 2.0, role=d.stream.choice(("mass", "radius"))),)
    inner = _context(d, ())

    def build(*points: Value) -> tuple[Value, ...]:
        inner.facts.clear()
        inner.vectors, inner.made, inner.pending = [], [], list(points)
        for outer in scene.vectors:
            if outer.ndim == 1:
                inner.vectors.append(inner.note(outer, scene.facts[id(outer)]))
        for p in points:
            if p.ndim == 1:
                inner.vectors.append(geometry.note(inner, p))
            else:
                inner.made.append(p)
        for _ in range(d.stream.choose({1: 2, 2: 4, 3: 2})):
            inner.step(vector_steps.RULES)
        made = [v for v in inner.pending if v.op != "parameter" and v.level]
        return tuple(_join_all(inner, made, 1 + d.stream.chance(25)))

    results = transforms.vmap(d, xs, build)
    scene.pending = [v for v in scene.pending if id(v) not in collect_values(tuple(results))]
    for value in results:
        if value.shape == (*scene.shape, 3):
            scene.vectors.append(geometry.note(scene, value))
        elif value.shape == scene.shape:
            scene.made.append(value)
        scene.pending.append(value)


def _join_all(scene: Context, values: list[Value], most: int) -> list[Value]:
    """The values, joined until there are no more than `most`."""
    values = scene.d.stream.shuffled(values)
    while len(values) > most:
        b, a = values.pop(), values.pop()
        values.append(_join(scene, a, b))
    return values


def _join(scene: Context, a: Value, b: Value) -> Value:
    if geometry.is_vector(scene, a) and geometry.is_vector(scene, b):
        return scene.d.attempt(
            lambda: geometry.add(scene, a, b, scene.d.stream.choice(("add", "sub")))
        )
    if geometry.is_vector(scene, b):
        a, b = b, a
    if geometry.is_vector(scene, a):
        return geometry.scale(scene, a, common.tamed(scene.d, b, 20.0))
    return common.one_binary(scene.d, a, b)


def _outputs(scene: Context) -> tuple[Value, ...]:
    d = scene.d
    waiting = [v for v in scene.pending if v.op != "argument"]
    most = d.stream.choose({1: 6, 2: 4, 3: 1})
    like = [
        v
        for v in waiting
        if v.shape == waiting[0].shape or geometry.is_vector(scene, v) or v.shape == scene.shape
    ]
    rest = [v for v in waiting if not any(v is w for w in like)]
    return (*_join_all(scene, like, max(1, most - len(rest))), *rest[:3])
