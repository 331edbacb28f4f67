"""Program synthesis: the categories, and how a program of one is drawn and written."""

from importlib import import_module

from jax_ir_synth.kernels.draft import Draft
from jax_ir_synth.kernels.identity import hashes
from jax_ir_synth.kernels.grow import dtype
from jax_ir_synth.kernels.signature import Signature
from jax_ir_synth.kernels.stream import Stream
from jax_ir_synth.kernels.values import InAval, KernelSource, KernelSpec, Undrawable
from jax_ir_synth.kernels.writer import write

__all__ = ["CATEGORIES", "InAval", "KernelSource", "KernelSpec", "draw", "signature", "write"]

# The registry: a category is a module of this package, with `draw(draft)` and `SIGNATURE`.
CATEGORIES = (
    "elementwise",
    "scalar_array",
    "unary",
    "branch",
    "loop",
    "reduction",
    "vector",
    "multi_statement",
    "nested_branch",
    "compound",
)
_ATTEMPTS = 500


def _module(category: str):
    if category not in CATEGORIES:
        raise ValueError(f"category {category!r} is none of {', '.join(CATEGORIES)}")
    return import_module(f"jax_ir_synth.kernels.{category}")


def draw(category: str, seed: int, candidate: int) -> KernelSpec:
    """Candidate number `candidate` of a category: a program drawn from its own random stream."""
    grammar = _module(category)
    stream = Stream(seed, category, candidate)
    for _ in range(_ATTEMPTS):
        draft = Draft(stream)
        draft.use(dtype(draft))
        try:
            outputs = draft.finish(*grammar.draw(draft))
        except Undrawable:
            continue
        return KernelSpec(category, seed, candidate, tuple(draft.arguments), outputs,
                          *hashes(outputs), draft.doc)
    raise RuntimeError(f"{category}: candidate {candidate} of seed {seed} could not be drawn in {_ATTEMPTS} attempts")


def signature(category: str) -> Signature:
    """What the category's IR must and must not contain."""
    return _module(category).SIGNATURE
