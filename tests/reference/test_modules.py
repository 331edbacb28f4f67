"""A module of a person's own is loaded and run; what could reach Python's insides is refused."""

import numpy as np
import pytest

from jax_ir_synth.reference import source
from jax_ir_synth.reference.numpy_jax import bounds
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.program import ReferenceProgram

X = np.array([0.5, -1.5, 2.0])
HEAD = "import jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom jax import lax\n"
FLOAT = {"name": "x", "shape": [3], "dtype": "float32", "low": -2.0, "high": 2.0}


def run(text, x=X):
    """Run the module's `f` as a program is run; the arrays that it returns."""
    return ReferenceProgram(HEAD + text, "f", [FLOAT]).outputs([x])


def body(lines):
    return "def f(x):\n" + "".join(f"    {line}\n" for line in lines.split("; "))


MEANT = {
    "EPS = 1.0\ndef g(x, *, n=2):\n    return x * n + EPS\ndef f(x):\n    return g(x, n=3)": 3 * X + 1,
    "def f(x):\n    if x.ndim != 1:\n        raise ValueError(f'bad {x.shape}')\n    return x": X,
    "import functools\n@functools.partial(jax.jit, static_argnames=('n',))\ndef f(x, n=2):\n    return x * n": 2 * X,
    "@jax.jit\ndef f(x):\n    i = 0\n    while i < 3:\n        i += 1\n    return x * i": 3 * X,
    "def f(x):\n    n = 1\n    def up():\n        nonlocal n\n        n = n + 1\n    up()\n    return n * x": 2 * X,
    "from functools import reduce\nimport operator\ndef f(x):\n    return reduce(operator.add, [x, x, x])": 3 * X,
    "import itertools\ndef f(x):\n    return x * len(list(itertools.product(range(2), repeat=3)))": 8 * X,
    "from math import sqrt, pi as PI\ndef f(x):\n    return x * sqrt(4.0) + 0 * PI": 2 * X,
    "import math\ndef f(x):\n    return x * math.comb(4, 2) * math.prod((2, 3))": 36 * X,
    "def f(x, *rest, **more):\n    return x * (1 + len(rest) + len(more))": X,
    "def g(*a, k):\n    return sum(a) * k\ndef f(x):\n    return g(*(x, x), **{'k': 2.0})": 4 * X,
    "def f(x):\n    d = {'a': 1}; d['a'] += 2; d['b'] = x\n    return d['a'] * d['b']": 3 * X,
    "def f(x):\n    return (y := x + 1) * 0 + y": X + 1,
    "def f(x):\n    with jax.named_scope('part'):\n        y = x * 2\n    del x\n    return y": 2 * X,
    "def f(x):\n    y: jax.Array = x\n    z: int\n    return y": X,
    "def f(x):\n    a, (b, *c) = x[0], x\n    return jnp.stack([a, b, *c])": [0.5, 0.5, -1.5, 2.0],
    "@jax.custom_jvp\ndef g(x):\n    return x * 2\n@g.defjvp\ndef rule(p, t):\n    return g(*p), t[0]\ndef f(x):\n    return g(x)": 2 * X,
    "@jax.custom_vjp\ndef g(x):\n    return x * 2\ng.defvjp(lambda x: (g(x), None), lambda r, t: (t,))\ndef f(x):\n    return g(x)": 2 * X,
    "from typing import NamedTuple\nclass S(NamedTuple):\n    mu: jax.Array\n    n: int = 2\n    @property\n    def both(self):\n        return self.mu * self.n\ndef f(x):\n    s = S(x)._replace(n=3)\n    return s.both": 3 * X,
    "from collections import namedtuple\nS = namedtuple('S', ['tofile', 'b'])\ndef f(x):\n    return jax.tree.map(lambda a: 2 * a, S(x, x)).tofile": 2 * X,
    "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass C:\n    a: float\n    b: list = dataclasses.field(default_factory=list)\n    def __call__(self, x):\n        return self.a * x + len(self.b)\ndef f(x):\n    return dataclasses.replace(C(2.0), a=5.0)(x)": 5 * X,
    "import dataclasses\n@jax.tree_util.register_dataclass\n@dataclasses.dataclass(frozen=True)\nclass C:\n    a: jax.Array\n    n: int = dataclasses.field(metadata={'static': True}, default=3)\ndef f(x):\n    return jax.tree.map(lambda z: z * 2, C(x)).a * len(jax.tree.leaves(C(x, 5)))": 2 * X,
    "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: jax.Array\n    @classmethod\n    def make(cls, x):\n        return cls(a=x)\ndef f(x):\n    return C.make(x).a": X,
    "from enum import Enum\nclass M(Enum):\n    A = 1\n    B = 2\ndef f(x, m=M.B):\n    return x if m == M.A else x * m.value": 2 * X,
    "from typing import NamedTuple\nclass A(NamedTuple):\n    a: int\nclass B(A):\n    a: str\n    def twice(self):\n        return self.a * 2\ndef f(x):\n    return B(x).twice() * isinstance(B(x), A)": 2 * X,
    "from enum import IntEnum\nclass M(IntEnum):\n    A = 2\ndef f(x):\n    return x[:, None].repeat(M.A, 1)[:, 0] * M.A": 2 * X,
    "def f(x):\n    table = {jnp.float16: 1.0, jnp.float32: 2.0}\n    return x * table[x.dtype] * jnp.issubdtype(jnp.bfloat16, jnp.floating)": 2 * X,
    "def f(x):\n    c = np.zeros(3); c[1] = 4.0\n    return x * c": [0.0, -6.0, 0.0],
    "N = []\ndef f(x):\n    N.append(1)\n    return x * len(N)": X,
    "def f(x):\n    key = jax.random.PRNGKey(0)\n    a, b = jax.random.split(key)\n    return x * (a.shape[0] + b.ndim + (a.dtype == jnp.uint32))": 4 * X,
    "def f(x):\n    keys = jax.random.split(jax.random.key(0), 3)\n    return 0 * jax.vmap(lambda k, z: jax.random.normal(k) + z)(keys, x) + x": X,
    "from __future__ import annotations\nfrom jax.scipy.special import expit as squash\nimport jax.scipy.special\ndef f(x: Whatever) -> Unknown:\n    return squash(x) - jax.scipy.special.expit(x) + x": X,
}  # fmt: skip


@pytest.mark.parametrize("text", MEANT)
def test_it_means_what_it_says(text):
    (found,) = run(text + "\n")
    np.testing.assert_allclose(found, MEANT[text], 1e-12)
    # A second run starts anew.
    np.testing.assert_array_equal(run(text + "\n")[0], found)


def test_each_run_starts_anew():
    program = ReferenceProgram(
        HEAD + "N = []\n" + body("N.append(1); return x * len(N)"), "f", [FLOAT]
    )
    for _ in range(2):
        np.testing.assert_array_equal(program.outputs([X])[0], X)


def test_leaves_are_in_the_order_of_jax():
    text = (
        "from typing import NamedTuple\nclass S(NamedTuple):\n    z: int\n    a: int\n"
        "def f(x):\n    return {'b': x[:1], 'a': (S(x[1:], None), [x])}\n"
    )
    assert [len(leaf) for leaf in run(text)] == [2, 3, 1]


@pytest.mark.parametrize(("dtype", "eps"), [("float32", 2.0**-23), ("bfloat16", 2.0**-7)])
def test_a_float_has_the_dtype_that_it_has_in_jax(dtype, eps):
    text = HEAD + body(
        "assert x.dtype == x.astype(x.dtype).dtype == jnp.zeros(2, dtype=x.dtype).dtype; "
        "return jnp.finfo(x.dtype).eps * jnp.ones_like(x)"
    )
    program = ReferenceProgram(text, "f", [FLOAT | {"dtype": dtype}])
    np.testing.assert_array_equal(program.outputs([X])[0], eps)


def test_the_dtype_of_a_float_is_unknown_among_others():
    program = ReferenceProgram(
        HEAD + body("return (x.astype(jnp.bfloat16).dtype == jnp.bfloat16) * x"), "f", [FLOAT]
    )
    with pytest.raises(TypeError, match="isn't known"):
        program.outputs([X])


# A text, and what its refusal says.
REFUSED = {
    "import os\ndef f(x):\n    return x": "not one function, and imports os",
    "import numpy.ctypeslib\ndef f(x):\n    return x": "numpy.ctypeslib",
    "import jax._src\ndef f(x):\n    return x": "jax._src",
    "from jax import _src\ndef f(x):\n    return x": "_src",
    "from numpy import load\ndef f(x):\n    return x": "load",
    "from . import y\ndef f(x):\n    return x": "from . import y",
    "from math import *\ndef f(x):\n    return x": "imports *",
    "from math import prod as __step\ndef f(x):\n    return x": "__step",
    "import functools as __builtins__\ndef f(x):\n    return x": "__builtins__",
    "def g(x):\n    return x": "doesn't define",
    "def f(x):\n    return f'{x.__class__}'": "x.__class__",
    "def f(x):\n    return f'{x:{x.__class__}}'": "format",
    "def f(x):\n    return f'{x:>999999999}'": "format",
    "def f(x):\n    return f'{x:>{10**9}}'": "format",
    "def f(x):\n    return x._names": "x._names",
    "def f(x):\n    return __import__('os')": "__import__",
    "def f(x):\n    return __get(x, 'base')": "__get",
    "def __get(x, y):\n    return x\ndef f(x):\n    return x": "__get",
    "def f(x, __step=None):\n    return x": "__step",
    "def f(x):\n    return dict(__class__=1)": "__class__",
    "def f(x):\n    for __get in x:\n        pass": "__get",
    "def f(x):\n    return [1 for __get in x]": "__get",
    "def f(x):\n    return (__get := 1)": "__get",
    "def f(x):\n    def g():\n        nonlocal __get\n    return x": "__get",
    "def f(x):\n    x.y = 1\n    return x": "x.y",
    "def f(x):\n    jnp.sin += 1\n    return x": "jnp.sin",
    "def f(x):\n    for x.y in x:\n        pass": "x.y",
    "def f(x):\n    a, x[0] = 1, 2": "x[0]",
    "def f(x):\n    del x[0]": "del x[0]",
    "def f(x):\n    try:\n        pass\n    except ValueError:\n        pass": "try",
    "def f(x):\n    with open('x') as y:\n        return x": "with open",
    "def f(x):\n    with jax.named_scope('x') as y:\n        return x": "named_scope",
    "def f(x):\n    yield x": "yield",
    "def f(x):\n    global y\n    return x": "global",
    "def f(x):\n    match x:\n        case _:\n            return x": "match",
    "async def f(x):\n    return x": "async def",
    "def f(x):\n    return (lambda: (yield))": "yield",
    "class A:\n    pass\ndef f(x):\n    return x": "class A",
    "class A(dict):\n    b: int = 1\ndef f(x):\n    return x": "class A",
    "class A(jnp.ndarray):\n    pass\ndef f(x):\n    return x": "class A",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    a: int\nclass B(A):\n    b: int = 1\ndef f(x):\n    return x": "class B",
    "from typing import NamedTuple\nclass A(NamedTuple, metaclass=type):\n    b: int\ndef f(x):\n    return x": "class A",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    import os\ndef f(x):\n    return x": "import os",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    b: int = ().__class__\ndef f(x):\n    return x": "__class__",
    "from typing import NamedTuple\n@(lambda c: c)\nclass A(NamedTuple):\n    b: int\ndef f(x):\n    return x": "@lambda c: c",
}  # fmt: skip
# What is refused when it runs.
STOPPED = {
    "def f(x):\n    return x.tofile('y')": "'tofile' of an array",
    "def f(x):\n    return x.base": "'base' of an array",
    "def f(x):\n    return x.ctypes": "'ctypes' of an array",
    "def f(x):\n    return getattr(x, 'dump')": "'dump' of an array",
    "def f(x):\n    return getattr(x, '__class__')": "'__class__' by name",
    "def f(x):\n    return getattr(x, '_' + '_class__')": "'__class__' by name",
    "def f(x):\n    return x * hasattr(x, '__class__') * ().nothing": "'nothing' of a tuple",
    "def f(x):\n    return '{0.__class__}'.format(x)": "'format' of a str",
    "def f(x):\n    return '{x}'.format_map({'x': x})": "'format_map' of a str",
    "def f(x):\n    return '%99999999999d' % 1": "makes a text by %",
    "def f(x):\n    return type('A', (), {})": "positional argument",
    "def f(x):\n    return type(jnp)": "takes the type of a Library",
    "def f(x):\n    return type(x).mro()": "'mro' of an array",
    "def f(x):\n    return type(1).mro()": "'mro' of a int",
    "def f(x):\n    return int.from_bytes": "'from_bytes' of a int",
    "def f(x):\n    return (i for i in x).gi_frame": "'gi_frame' of a generator",
    "def f(x):\n    return f.func_globals": "'func_globals' of a function",
    "def f(x):\n    return np.load('x')": "no numpy.load",
    "def f(x):\n    return np.lib": "no numpy.lib",
    "import functools\ndef f(x):\n    return functools.singledispatch": "no functools.singledispatch",
    "import operator\ndef f(x):\n    return operator.attrgetter('__class__')(x)": "no operator.attrgetter",
    "import operator\ndef f(x):\n    return operator.methodcaller('tofile', 'y')(x)": "no operator.methodcaller",
    "def f(x):\n    return open('x')": "'open' is not defined",
    "def f(x):\n    return eval('x')": "'eval' is not defined",
    "def f(x):\n    return vars(x)": "'vars' is not defined",
    "def f(x):\n    x[0] = 1.0\n    return x": "assigns to an item",
    "def f(x):\n    y = x[1:]; y[0] = 1.0\n    return x": "assigns to an item",
    "def f(x):\n    raise ValueError(f'{x.shape} is wrong')": "(3,) is wrong",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    b: int\n    def __reduce__(self):\n        return 1\ndef f(x):\n    return x": "'__reduce__'",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    b: int\n    @property\n    def __array_interface__(self):\n        return {}\ndef f(x):\n    return x": "'__array_interface__'",
    "from collections import namedtuple\nA = namedtuple('A', ['__class__'])\ndef f(x):\n    return x": "'__class__'",
    "from collections import namedtuple\nA = namedtuple('A', ['a=1):\\n    import os\\ndef g('])\ndef f(x):\n    return x": "class with the name",
    "from collections import namedtuple\nA = namedtuple('A', 'a')\ndef f(x):\n    return A(1).nothing": "'nothing' of a A",
    "from collections import namedtuple\nA = namedtuple('A', 'a')\ndef f(x):\n    return A.mro()": "'mro' of a A",
    "class A(dict):\n    def g(self):\n        return 1\ndef f(x):\n    return x": "a base that isn't allowed",
    "class A(ValueError):\n    pass\ndef f(x):\n    return x": "a base that isn't allowed",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    a: int\nclass B(A):\n    def __reduce__(self):\n        return 1\ndef f(x):\n    return x": "'__reduce__'",
    "def f(x):\n    while True:\n        x = x + 1": "turns of loops",
    "def f(x):\n    return f(x)": "turns of loops|recursion",
    "def f(x):\n    s = 'a'\n    for i in range(60):\n        s = f'{s}{s}'\n    return x": "longer than",
    "def f(x):\n    s = 'a'\n    for i in range(60):\n        s = ''.join([s, s])\n    return x": "longer than",
    "def f(x):\n    s = 'aa'\n    for i in range(60):\n        s = s.replace('a', s)\n    return x": "longer than",
    "def f(x):\n    l = [1]\n    for i in range(60):\n        l.extend(l)\n    return x": "longer than",
    "def f(x):\n    l = [1]\n    for i in range(60):\n        l = [*l, *l]\n    return x": "longer than",
    "def f(x):\n    l = [1]\n    for i in range(60):\n        l[:0] = l\n    return x": "longer than",
    "def g(*a):\n    return a\ndef f(x):\n    l = [1]\n    for i in range(60):\n        l = g(*l, *l)\n    return x": "longer than",
    "def f(x):\n    return sum([[0] * 10**5] * 10**3, [])": "longer than",
    "import itertools\ndef f(x):\n    return itertools.product(range(1000), repeat=9)": "longer than",
    "import itertools\ndef f(x):\n    return itertools.permutations(range(100))": "longer than",
    "import itertools\ndef f(x):\n    return list(itertools.count())": "no itertools.count",
    "import math\ndef f(x):\n    return math.factorial(10**7)": "takes factorial",
    "import operator\ndef f(x):\n    return operator.pow(9, 9**9)": "more than 1,024 bits",
    "def f(x):\n    return x * round(5, -10**9)": "more than 1,024 bits",
    "def f(x):\n    return b'a' * 10**10": "longer than",
    "def f(x):\n    return pow(9, 9**9)": "more than 1,024 bits",
    "def f(x):\n    return jnp.zeros(np.int32(2**30) * np.ones((), int))": "elements",
    "def f(x):\n    return jnp.kron(jnp.zeros(10**5), jnp.zeros(10**5))": "elements",
    "def f(x):\n    return lax.pad(x, 0.0, ((0, 10**9, 0),))": "elements",
    "N = [i for i in range(10**4) for j in range(10**4)]\ndef f(x):\n    return x": "turns of loops",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_module_may_have_is_refused_when_it_is_loaded(text):
    with pytest.raises(ValueError) as caught:
        source.load(HEAD + text + "\n", "f")
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", STOPPED)
def test_what_no_value_may_give_is_refused_when_it_runs(text):
    program = ReferenceProgram(HEAD + text + "\n", "f", [FLOAT])
    with pytest.raises(Exception, match=STOPPED[text].replace("(", r"\(").replace(")", r"\)")):
        program.outputs([X])


def test_texts_are_loaded_in_a_way_that_no_depth_breaks():
    text = HEAD + f"def f(x):\n    return {'-' * 3000}x\n"
    with pytest.raises(ValueError, match="can't be compiled|doesn't parse"):
        source.load(text, "f")


def test_no_text_reaches_the_guards_by_a_name_of_theirs():
    from jax_ir_synth.reference.modules.rewriting import HOOKS

    assert all(name.startswith("__") for name in HOOKS)
    for name in HOOKS:
        with pytest.raises(ValueError, match="isn't allowed"):
            source.load(f"{HEAD}def f(x):\n    return {name}(x)\n", "f")


def test_a_bound_counts_what_the_module_does_at_first(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_STEPS", 10)
    with pytest.raises(bounds.BoundExceeded):
        run("N = [i for i in range(11)]\ndef f(x):\n    return x\n")


def test_arguments_stay_as_they_are():
    given = array(np.array(X))
    source.load(HEAD + "def f(x):\n    x += 1\n    return x.at[0].set(9.0)\n", "f")(given)
    np.testing.assert_array_equal(given, X)
