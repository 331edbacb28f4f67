"""Publishes rows on the Hugging Face Hub: Parquet files and a card, all by one commit."""

from jax_ir_synth.errors import JaxIrSynthError, UsageError


class PublishError(JaxIrSynthError, RuntimeError):
    """It could not be published; the message is one line that says why."""


class NotReady(UsageError, PublishError):
    """Found out before any work: something has to be set up or asked for otherwise."""
