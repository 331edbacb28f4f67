"""Publishes rows on the Hugging Face Hub: Parquet files and a card, in a single commit."""

from jax_ir_synth.errors import JaxIrSynthError, UsageError


class PublishError(JaxIrSynthError, RuntimeError):
    """Publishing failed; the message is one line that says why."""


class NotReady(UsageError, PublishError):
    """Publishing can't start: the setup or the request must change first."""
