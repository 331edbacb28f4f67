"""Category `vector`: work on vectors of three components, one or many."""

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.ir_size import estimate_ir_bytes
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value, collect_values
from jax_ir_synth.kernels.productions import grow, vector_steps
from jax_ir_synth.kernels.productions.geometry import Geometry

SIGNATURE = Signature(requires={"vec3"}, forbids={"compound"})

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
_RANGES = {
    (-1.0, 1.0): 14,
    (-2.0, 2.0): 10,
    (-1.5, 1.5): 4,
    (-3.0, 3.0): 4,
    (0.1, 1.0): 3,
    (-0.5, 1.0): 3,
    (0.5, 2.0): 2,
}
_MAX_ARGUMENTS = 6
# Bytes of an IR column that a program may grow to.
_BUDGETS = {5500: 4, 8000: 6, 10500: 5, 13000: 3, 17000: 1}


class Scene:
    """The vectors and numbers at hand, and those not yet used."""

    def __init__(self, d: ProgramBuilder, batch: tuple[int, ...]):
        self.d = d
        self.geometry = Geometry(d)
        self.batch = batch
        self.vectors: list[Value] = []
        self.scalars: list[Value] = []
        self.pending: list[Value] = []
        self.budget = d.stream.choose(_BUDGETS)

    # ------------------------------------------------------------ what is there

    def is_vector(self, value: Value) -> bool:
        return id(value) in self.geometry.facts

    def fresh_vector(self) -> Value:
        """A new vector argument, one for each point or one for all."""
        if len(self.d.arguments) >= _MAX_ARGUMENTS:
            raise Rejected("arguments enough")
        one = not self.batch or self.vectors and self.d.stream.chance(30)
        low, high = self.d.stream.choose(_RANGES)
        value = self.d.argument(
            (3,) if one else (*self.batch, 3), low, high, role="vector3" if one else "vectors3"
        )
        self.vectors.append(self.geometry.note(value))
        return value

    def fresh_scalar(self, low: float, high: float, role: str) -> Value:
        """A new scalar argument, one for each point or one for all."""
        if len(self.d.arguments) >= _MAX_ARGUMENTS:
            raise Rejected("arguments enough")
        return self.d.argument(self.batch if self.d.stream.chance(50) else (), low, high, role=role)

    def vector(self, exclude: tuple[Value, ...] = ()) -> Value:
        """A vector: one not yet used, most often; else an earlier one or a new argument."""
        waiting = [
            v for v in self.pending if self.is_vector(v) and not any(v is e for e in exclude)
        ]
        roll = self.d.stream.below(100)
        if waiting and roll < 74:
            return self.d.stream.choice(waiting)
        known = [v for v in self.vectors if not any(v is e for e in exclude)]
        if known and roll < 88:
            return self.d.stream.choice(known)
        return self.fresh_vector()

    def two_vectors(self) -> tuple[Value, Value]:
        u = self.vector()
        return u, self.vector((u,))

    def unit(self, exclude: tuple[Value, ...] = ()) -> Value:
        """A unit vector, normalised here where need be."""
        v = self.vector(exclude)
        return v if self.geometry.is_unit(v) else self.geometry.normalize(v)

    def scalar(self) -> Value:
        """A number for each point (or one for all) that is at hand."""
        waiting = [v for v in self.pending if not self.is_vector(v) and v.shape in ((), self.batch)]
        if waiting and self.d.stream.chance(80):
            return self.d.stream.choice(waiting)
        known = [v for v in self.scalars if v.shape in ((), self.batch)]
        if known:
            return self.d.stream.choice(known)
        raise Rejected("no number at hand")

    # ------------------------------------------------------------ a step

    def step(self, rules) -> None:
        """Takes one of the rules; what it consumed waits no longer, what it made does."""

        def attempt():
            vectors, facts = len(self.vectors), len(self.geometry.kept)
            try:
                made = self.d.stream.choose(rules)(self)
                made = made if isinstance(made, tuple) else (made,)
                if estimate_ir_bytes((*self.pending, *made)) > 1.15 * self.budget + 1500:
                    raise Rejected("too long")
            except Rejected:
                del self.vectors[vectors:]
                for value in self.geometry.kept[facts:]:
                    del self.geometry.facts[id(value)]
                del self.geometry.kept[facts:]
                raise
            return made

        self.took(grow.renewed(self.d, attempt, 24))

    def took(self, made: tuple[Value, ...]) -> None:
        used = collect_values(made)
        self.pending = [v for v in self.pending if id(v) not in used]
        for value in made:
            if value.op == "argument":
                continue
            self.pending.append(value)
            (self.vectors if self.is_vector(value) else self.scalars).append(value)


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """Vectors composed by geometry and mechanics, many at once, one alone, or by `vmap` over points."""
    if d.dtype == "float16":
        d.use("float32")
    count = d.stream.choose(_COUNTS)
    style = d.stream.choose({"batch": 6, "single": 2, "vmap": 2})
    if style == "vmap":
        count = d.stream.choice(
            (4, 5, 6, 8, 8, 10, 10, 12, 16, 16, 20, 24, 7, 9)
        )  # a trial runs each of them
    scene = Scene(d, () if style == "single" else (count,))
    for _ in range(d.stream.choose({1: 2, 2: 5, 3: 2})):
        scene.pending.append(scene.fresh_vector())
    if style == "vmap":
        _mapped(scene)
    rules = vector_steps.RULES
    for _ in range(
        d.stream.choose({0: 2, 1: 4, 2: 2})
        if style == "vmap"
        else d.stream.choose({2: 4, 3: 5, 4: 4, 5: 2})
    ):
        scene.step(rules)
        if estimate_ir_bytes(tuple(scene.pending)) > scene.budget:
            break
    if scene.batch and d.stream.chance(22):
        scene.step(vector_steps.GATHERING)
    return _outputs(scene)


def _mapped(scene: Scene) -> None:
    """A few steps of a function of one point, mapped over the points."""
    d = scene.d
    xs = tuple(v for v in scene.pending if v.ndim == 2)
    if d.stream.chance(30):
        xs += (d.argument(scene.batch, 0.5, 2.0, role=d.stream.choice(("mass", "radius"))),)
    inner = Scene(d, ())

    def build(*points):
        inner.geometry.facts.clear()
        inner.vectors, inner.scalars, inner.pending = [], [], list(points)
        for outer in scene.vectors:
            if outer.ndim == 1:
                inner.vectors.append(inner.geometry.same_as(outer, scene.geometry))
        for p in points:
            if p.ndim == 1:
                inner.vectors.append(inner.geometry.note(p))
            else:
                inner.scalars.append(p)
        for _ in range(d.stream.choose({1: 2, 2: 4, 3: 2})):
            inner.step(vector_steps.RULES)
        made = [v for v in inner.pending if v.op != "parameter" and v.level]
        return tuple(_joined(inner, made, 1 + d.stream.chance(25)))

    results = control_flow.vmap(d, xs, build)
    scene.pending = [v for v in scene.pending if id(v) not in collect_values(tuple(results))]
    for value in results:
        if value.shape == (*scene.batch, 3):
            scene.vectors.append(scene.geometry.note(value))
        elif value.shape == scene.batch:
            scene.scalars.append(value)
        scene.pending.append(value)


def _joined(scene: Scene, values: list[Value], most: int) -> list[Value]:
    """The values, joined until there are no more than `most`."""
    values = scene.d.stream.shuffled(values)
    while len(values) > most:
        b, a = values.pop(), values.pop()
        values.append(_join(scene, a, b))
    return values


def _join(scene: Scene, a: Value, b: Value) -> Value:
    g = scene.geometry
    if scene.is_vector(a) and scene.is_vector(b):
        return grow.some(lambda: g.add(a, b, scene.d.stream.choice(("add", "sub"))))
    if scene.is_vector(b):
        a, b = b, a
    if scene.is_vector(a):
        return g.scale(a, grow.tamed(scene.d, b, 20.0))
    return grow.one_binary(scene.d, a, b)


def _outputs(scene: Scene) -> tuple[Value, ...]:
    d = scene.d
    waiting = [v for v in scene.pending if v.op != "argument"]
    most = d.stream.choose({1: 6, 2: 4, 3: 1})
    like = [
        v
        for v in waiting
        if v.shape == waiting[0].shape or scene.is_vector(v) or v.shape == scene.batch
    ]
    rest = [v for v in waiting if not any(v is w for w in like)]
    return (*_joined(scene, like, max(1, most - len(rest))), *rest[:3])
