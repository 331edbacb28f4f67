"""The dataset card with its pictures, made from a saved dataset: `python -m jax_ir_synth.card`."""

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.writing import Written, write_card

__all__ = ["CardError", "Written", "write_card"]
