"""Python -> compiler IR pairs from JAX; importing this makes `load_dataset("./jax_ir_synth")` work.

The import is light: neither jax nor datasets is loaded until a row or a builder is asked for.
"""

from jax_ir_synth.registration import register

__version__ = "0.2.0"

__all__ = ["JaxIrSynth", "JaxIrSynthConfig", "__version__"]

register()


def __getattr__(name: str):
    if name in ("JaxIrSynth", "JaxIrSynthConfig"):
        from jax_ir_synth import jax_ir_synth as builder

        return getattr(builder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
