"""A Markdown page with one kernel in all dialects, CPU beside CUDA."""

from collections.abc import Callable
from typing import Any

from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.terminal.markdown import fenced

NAME = "kernel_rectified"
PYTHON = f'''\
def {NAME}(x, w, b):
    """The sum of each rectified row."""
    y = x * w + b
    z = jnp.maximum(y, 0.0)
    return jnp.sum(z, axis=-1)
'''
SHAPES = {"x": (2, 8), "w": (8,), "b": ()}

_TITLES = {
    "jaxpr": "The closed jaxpr: what JAX traced",
    "stablehlo": "StableHLO: what JAX hands to XLA",
    "hlo": "HLO: XLA's own form, not optimized yet",
    "optimized_hlo": "Optimized HLO: fused, with layouts, in the order in which it runs",
    "llvm": "LLVM IR, optimized: what the fusions became",
    "asm": "Machine code of the CPU, disassembled; PTX for CUDA",
}
_LANGUAGES = {"stablehlo": "mlir", "llvm": "llvm", "asm": "asm"}
_HEADS = {"cpu": "CPU (`cpp`)", "cuda": "CUDA (`cuda`)"}


def page() -> str:
    """Render the page as Markdown.

    Raises:
      ValueError: The compiler for CUDA isn't installed.
    """
    import jax

    from jax_ir_synth.lowering import lower
    from jax_ir_synth.schema.ir_section import read_sections

    namespace: dict[str, Any] = {"jnp": jax.numpy}
    exec(PYTHON, namespace)
    struct: Callable[..., Any] = jax.ShapeDtypeStruct
    arguments = [struct(shape, "float32") for shape in SHAPES.values()]
    texts = lower(namespace[NAME], *arguments, dialect=DIALECTS)
    columns = {platform: read_sections(text) for platform, text in texts.items()}
    shapes = ", ".join(f"`{name}` {list(shape)}" for name, shape in SHAPES.items())
    parts = [
        "# One kernel at six levels",
        f"Its forward pass, for float32 arguments {shapes}; lowered by jax {jax.__version__}. The "
        "backward pass is in a section of its own in each dialect. Made by `jax-ir-synth levels`.",
        "A CPU's target is the instruction set that its code is pinned to. Behind a + stand "
        "instructions that XLA couldn't be kept from using where this CPU has them, behind a colon "
        "the processor that it took for it: CPUs that differ in these may get other code. A GPU's "
        "target is the whole description that its code is made from; without the GPU, tilings of "
        "matrix products are XLA's defaults, since none can be tried.",
        fenced("python", PYTHON),
    ]
    for dialect, *sides in zip(DIALECTS, *columns.values(), strict=True):
        parts.append(f"## `{dialect}`\n\n{_TITLES[dialect]}.")
        if sides[0].forward == sides[1].forward:
            parts.append("The same for both:")
            parts.append(fenced(_LANGUAGES.get(dialect, ""), sides[0].forward))
            continue
        heads = [
            f"{_HEADS[platform]}, {side.target}"
            for platform, side in zip(columns, sides, strict=True)
        ]
        cells = [fenced(_LANGUAGES.get(dialect, ""), side.forward) for side in sides]
        parts.append(
            "<table><tr><th>\n\n"
            + "\n\n</th><th>\n\n".join(heads)
            + "\n\n</th></tr><tr><td valign='top'>\n\n"
            + "\n\n</td><td valign='top'>\n\n".join(cells)
            + "\n\n</td></tr></table>"
        )
    return "\n\n".join(parts) + "\n"
