"""Figures of a saved dataset: `python -m jax_ir_synth.stats PATH`."""
