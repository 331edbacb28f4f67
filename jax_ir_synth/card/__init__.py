"""Writes the card of a dataset: a README.md with figures and pictures, made from the rows.

Other pictures of datasets are here too: `against` draws what makes two differ.
"""

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.writing import Written, write_card

__all__ = ["CardError", "Written", "write_card"]
