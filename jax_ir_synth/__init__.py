"""Python -> compiler IR pairs from JAX; importing this makes `load_dataset("jax_ir_synth")` work.

The import is light: neither jax nor datasets is loaded until a row or a builder is asked for.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.registration import register
from jax_ir_synth.schema.splits import split_of

if TYPE_CHECKING:
    import datasets

    from jax_ir_synth.functions.row import make_row as row
    from jax_ir_synth.jax_ir_synth import JaxIrSynth, JaxIrSynthConfig

__version__ = "0.3.0"

__all__ = [
    "JaxIrSynth",
    "JaxIrSynthConfig",
    "JaxIrSynthError",
    "UsageError",
    "__version__",
    "load",
    "row",
    "split_of",
]

# As jax does when it is imported. Some modules load jaxlib before that, and it then logs more.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

register()


def load(
    config: str = "all",
    *,
    split: str | None = None,
    streaming: bool = False,
    num_proc: int | None = None,
    seed: int = 0,
    count: int = 1500,
    device: str = "both",
    dialect: str | Sequence[str] = "stablehlo",
    target: str | Sequence[str] | None = None,
    verify: bool = True,
    strict: bool = False,
    passes: str | Sequence[str] = ("forward", "backward"),
    **others: Any,
) -> "datasets.Dataset | datasets.DatasetDict | datasets.IterableDataset | Any":
    """Generates the dataset, or takes it from the cache: `load_dataset` without its first argument.

    Args:
      config: `"all"`, or a category, as `"loop"`.
      split: `"train"`, `"validation"`, `"test"` or a slice of one, as `"train[:50]"`. By default
        all of them.
      streaming: Whether rows are made as they are taken, and nothing is written.
      num_proc: Worker processes. No row depends on their number.
      seed: 0 to 2**64 - 1. Other seeds give other programs.
      count: Rows in all splits together, 1 to 10**8.
      device: `"cpu"`, `"cuda"` or `"both"`: the IR columns that are filled.
      dialect: The level of the IR, or several: each is a section of the columns.
      target: What compiled dialects are for, by default `x86-64-v3` and `sm_90`.
      verify: Whether each row is proven before it is handed out.
      strict: Whether the first row that can't be made or proven is an error, instead of being left
        out.
      passes: What is lowered, the forward pass among it; also `vjp`, `jvp`, `hessian_vp`, `vmap`.
      **others: What else `datasets.load_dataset` takes, as `cache_dir`.

    Returns:
      What `load_dataset` returns: a `DatasetDict` of all splits or the `Dataset` of one, and where
      `streaming` their iterable kinds.

    Raises:
      UsageError: One line, for an unknown config, argument or value, before any work.
    """
    import datasets

    return datasets.load_dataset(
        "jax_ir_synth",
        config,
        split=split,
        streaming=streaming,
        num_proc=num_proc,
        seed=seed,
        count=count,
        device=device,
        dialect=dialect,
        target=target,
        verify=verify,
        strict=strict,
        passes=passes,
        **others,
    )


def __getattr__(name: str) -> Any:
    if name in ("JaxIrSynth", "JaxIrSynthConfig"):
        from jax_ir_synth import jax_ir_synth as builder

        return getattr(builder, name)
    if name == "row":
        # It imports jax.
        from jax_ir_synth.functions.row import make_row

        return make_row
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # The builder's names are loaded late, so that the module doesn't have them before their first
    # use.
    return sorted({*globals(), *__all__})
