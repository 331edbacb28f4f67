"""Small modules, each with one construct that a cut has to follow: the text, and the call."""

from typing import NamedTuple


class Construct(NamedTuple):
    """A module whose function `f` is cut out.

    Attributes:
      text: The module's text.
      shapes: The shapes of the float32 arguments.
      has: What the cut must hold.
      lacks: What it must not hold.
    """

    text: str
    shapes: tuple[tuple[int, ...], ...] = ((3,),)
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


HEAD = "import functools\nimport jax\nimport jax.numpy as jnp\nimport numpy as np\n\n"
CONSTRUCTS = {
    "a helper": Construct("def g(x):\n    return x * 2\n\ndef f(x):\n    return g(x) + 1\n"),
    "a comment and a docstring": Construct(
        'def f(x):\n    """Says what."""\n    # Why.\n    return x * 2\n',
        has=('"""Says what."""', "# Why."),
    ),
    "recursion": Construct("def f(x, n=3):\n    return x if n == 0 else f(jnp.sin(x), n - 1)\n"),
    "functions that need each other": Construct(
        "def even(x, n):\n    return x if n == 0 else odd(x * 2, n - 1)\n\n"
        "def odd(x, n):\n    return -x if n == 0 else even(x + 1, n - 1)\n\n"
        "def f(x):\n    return even(x, 3)\n"
    ),
    "a constant": Construct("EPS = 1e-6\n\ndef f(x):\n    return x + EPS\n", has=("EPS = 1e-6",)),
    "a computed constant": Construct(
        "import math\nHALF = 0.5 * math.log(2 * math.pi)\n\ndef f(x):\n    return x + HALF\n",
        has=("HALF = 0.5 * math.log(2 * math.pi)", "import math"),
    ),
    "a constant that was set twice": Construct(
        "A = 1.0\nA = 2.0\n\ndef f(x):\n    return x * A\n", has=("A = 2.0",)
    ),
    "a list that has changed": Construct(
        "W = [1.0]\nW[0] = 5.0\n\ndef f(x):\n    return x * W[0]\n", has=("W = [5.0]",)
    ),
    "a small array": Construct("W = np.arange(3.0)\n\ndef f(x):\n    return x * W\n"),
    "an array of jax": Construct("W = jnp.ones(3) / 3\n\ndef f(x):\n    return x * W\n"),
    "a dtype": Construct("D = jnp.float16\n\ndef f(x):\n    return x.astype(D) * 2\n"),
    "a table of functions": Construct(
        "def g(x):\n    return x * 2\n\nTABLE = {'g': g, 'tanh': jnp.tanh}\n\n"
        "def f(x):\n    return TABLE['g'](x) + TABLE['tanh'](x)\n"
    ),
    "a closure over a number": Construct(
        "def make(scale):\n    def f(x):\n        return x * scale\n    return f\n\nf = make(2.5)\n",
        has=("scale = 2.5",),
    ),
    "a closure over a function": Construct(
        "def make(g):\n    def f(x):\n        return g(x) * g(x + 1)\n    return f\n\n"
        "f = make(lambda y: jnp.sin(y) + 1)\n"
    ),
    "a closure whose name is a local one elsewhere": Construct(
        "def g(x):\n    scale = 3\n    return x * scale\n\n"
        "def make(scale):\n    def f(x):\n        return g(x) * scale\n    return f\n\nf = make(2)\n"
    ),
    "nonlocal": Construct(
        "def make(n):\n    def f(x):\n        nonlocal n\n        n = float(n)\n"
        "        return x * n\n    return f\n\nf = make(2)\n"
    ),
    "a lambda": Construct("f = lambda x: jnp.where(x > 0, x, 0.1 * x)\n"),
    "jit as a decorator": Construct(
        "@functools.partial(jax.jit, static_argnames='n')\ndef g(x, n):\n    return x**n\n\n"
        "def f(x):\n    return g(x, n=3)\n",
        has=("static_argnames='n'",),
    ),
    "jit as a call": Construct(
        "def g(x):\n    return x + 1\n\ng2 = jax.jit(g)\n\ndef f(x):\n    return g2(x) * 2\n"
    ),
    "vmap as a call": Construct(
        "def g(a, b):\n    return a @ b\n\ng2 = jax.vmap(g, in_axes=(0, None))\n\n"
        "def f(a, b):\n    return g2(a, b)\n",
        shapes=((2, 3), (3,)),
        has=("in_axes=(0, None)",),
    ),
    "checkpoint": Construct(
        "@jax.checkpoint\ndef g(x):\n    return jnp.sin(x)\n\ndef f(x):\n    return g(x) * 2\n",
        has=("@jax.checkpoint",),
    ),
    "named_scope": Construct(
        "@jax.named_scope('g')\ndef g(x):\n    return x * 2\n\ndef f(x):\n    return g(x)\n",
        lacks=("named_scope",),
    ),
    "a decorator of its own": Construct(
        "def twice(fun):\n    @functools.wraps(fun)\n    def call(x):\n"
        "        return fun(fun(x))\n    return call\n\n"
        "@twice\ndef g(x):\n    return jnp.sin(x)\n\ndef f(x):\n    return g(x)\n",
        has=("@twice",),
    ),
    "custom_jvp": Construct(
        "@jax.custom_jvp\ndef g(x):\n    return jnp.exp(x)\n\n"
        "@g.defjvp\ndef rule(primals, tangents):\n    return g(primals[0]), tangents[0] * 3\n\n"
        "def f(x):\n    return g(x)\n",
        has=("@jax.custom_jvp", "g.defjvp(rule)"),
    ),
    "custom_jvp by argument": Construct(
        "@jax.custom_jvp\ndef g(x):\n    return jnp.exp(x)\n\n"
        "g.defjvps(lambda t, ans, x: t * ans * 2)\n\ndef f(x):\n    return g(x)\n",
        has=("g.defjvps(",),
    ),
    "custom_vjp": Construct(
        "@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))\ndef g(x, k):\n"
        "    return x * k\n\ndef fwd(x, k):\n    return g(x, k), None\n\n"
        "def bwd(k, res, ct):\n    return (ct * 5,)\n\ng.defvjp(fwd, bwd)\n\n"
        "def f(x):\n    return g(x, 2.0)\n",
        has=("g.defvjp(fwd, bwd)",),
    ),
    "a NamedTuple": Construct(
        "from typing import NamedTuple\n\nclass Pair(NamedTuple):\n    a: jax.Array\n    b: int = 2\n\n"
        "    def total(self):\n        return self.a * self.b\n\n"
        "def f(x):\n    return Pair(x).total()\n"
    ),
    "a named tuple by call": Construct(
        "import collections\nPair = collections.namedtuple('Pair', ['a', 'b'])\n\n"
        "def f(x):\n    return Pair(x, 2).a * Pair(x, 3).b\n"
    ),
    "a dataclass": Construct(
        "import dataclasses\n\n@dataclasses.dataclass(frozen=True)\nclass Config:\n"
        "    scale: float = 2.0\n    name: 'Unknown' = 'c'\n\nCONFIG = Config(scale=3.0)\n\n"
        "def f(x):\n    return x * CONFIG.scale\n"
    ),
    "an enum": Construct(
        "import enum\n\nclass Kind(enum.Enum):\n    SIN = 1\n    COS = 2\n\n"
        "def g(x, kind=Kind.SIN):\n    return jnp.sin(x) if kind is Kind.SIN else jnp.cos(x)\n\n"
        "def f(x):\n    return g(x, Kind.COS)\n"
    ),
    "an abstract class": Construct(
        "import abc\n\nclass Base(abc.ABC):\n    @abc.abstractmethod\n"
        "    def g(self, x):\n        pass\n\nclass Twice(Base):\n"
        "    def g(self, x):\n        return x * 2\n\ndef f(x):\n    return Twice().g(x)\n",
        lacks=("abc",),
    ),
    "what a function of jax has made": Construct(
        "init = jax.nn.initializers.variance_scaling(1.0, 'fan_in', 'uniform')\n\n"
        "def f(x, make=init):\n    return x + make(jax.random.key(0), (3, 3)).sum()\n"
    ),
    "the version of jax": Construct(
        "NEW = jax.__version_info__ >= (0, 4)\n\ndef f(x):\n"
        "    return x * 2 if NEW and jax.__version__ else x\n"
    ),
    "a union": Construct(
        "from typing import Union\nNumber = Union[int, float]\n\ndef f(x, n=2):\n"
        "    return x * n if isinstance(n, Number) else x\n"
    ),
    "a class with a base": Construct(
        "class Base:\n    def __init__(self, k):\n        self.k = k\n\n"
        "class Scaled(Base):\n    def __call__(self, x):\n        return x * self.k\n\n"
        "def f(x):\n    return Scaled(3.0)(x)\n"
    ),
    "annotations of what isn't there": Construct(
        "def f(x: 'Float[Array]', n: int = 2, *, k: 'K' = 1) -> 'Float[Array]':\n"
        "    y: Float[Array, '3'] = x * n\n    return y * k\n",
        lacks=("Float", "'K'"),
        has=("n=2", "k=1"),
    ),
    "plain annotations": Construct(
        "def f(x, n: int = 2):\n    return x * n\n", has=("n: int = 2",)
    ),
    "warnings": Construct(
        "import warnings\n\ndef f(x):\n    warnings.warn('old')\n    return x * 2\n",
        lacks=("warn",),
    ),
    "a warning alone in its block": Construct(
        "import logging\n\ndef f(x):\n    if x.ndim == 9:\n        logging.info('nine')\n"
        "    return x * 2\n",
        lacks=("logging",),
    ),
    "an import in the function": Construct(
        "def f(x):\n    from jax import nn\n    import math\n    return nn.relu(x) * math.pi\n"
    ),
    "a public name of jax": Construct(
        "from jax.nn import relu as rectify\nfrom jax.scipy.special import gammaln\n\n"
        "def f(x):\n    return rectify(x) + gammaln(x + 2)\n"
    ),
    "a module below jax": Construct(
        "import jax.scipy.special\n\ndef f(x):\n    return jax.scipy.special.erf(x)\n",
        has=("import jax.scipy.special",),
    ),
    "another name for NumPy's": Construct(
        "import jax.numpy as np\n\ndef f(x):\n    return np.tanh(x)\n"
    ),
    "a builtin's name": Construct(
        "def g(x):\n    return sum(x) * 2\n\ndef make(sum):\n    def f(x):\n"
        "        return g(x) + sum\n    return f\n\nf = make(1.0)\n"
    ),
    "names in comprehensions": Construct(
        "def g(x):\n    return x * 2\n\ndef f(x):\n    return [g(g_) for g_ in [x, x + 1]]\n"
    ),
    "text over several lines": Construct(
        "class K:\n    @staticmethod\n    def g(x):\n        text = '''a\n    b'''\n"
        "        return x * len(text)\n\ng = K.g\n\ndef f(x):\n    return g(x)\n"
    ),
    "strings that are joined": Construct(
        "class K:\n    @staticmethod\n    def g(x):\n        text = (\n            'a'\n"
        "            'b'\n        )\n        return x * len(text)\n\ng = K.g\n\n"
        "def f(x):\n    return g(x)\n",
        has=("    text = (\n        'a'\n        'b'\n    )\n",),
    ),
    "characters that aren't ASCII": Construct(
        "β = 0.5\n\ndef f(x):\n    'é'; y = x * β\n    return y + β\n"
    ),
}
# What can't be cut out, and the reason.
REFUSED = {
    "a module": ("import os\n\ndef f(x):\n    return x * os.getpid()\n", "it needs posix.getpid"),
    "a private name of jax": (
        "from jax._src import core\n\ndef f(x):\n    return core.pp_aval(x)\n",
        "it needs jax._src.core.pp_aval",
    ),
    "an unknown name": ("def f(x):\n    return x * missing\n", "the name missing"),
    "a global that it assigns": (
        "n = 0\n\ndef f(x):\n    global n\n    n = 1\n    return x * n\n",
        "assigns the global n",
    ),
    "a long array": (
        "W = [np.ones(3) * k for k in range(2)]\nW[0] = np.arange(3000.0)\n"
        "del W[1:]\nW = tuple(W)\n\ndef f(x):\n    return x * W[0].sum()\n",
        "3,000 elements",
    ),
    "an object": (
        "class Thing:\n    pass\n\nthing = [Thing()]\nthing += []\n\n"
        "def f(x):\n    return x * len(thing)\n",
        "an object of the type",
    ),
}
