"""The errors that prevent a card from being written."""

from jax_ir_synth.errors import UsageError


class CardError(UsageError):
    """The rows can't be described, or the card would be wrong; the message is one line."""


class SeedMismatch(CardError):
    """The rows are not those of the seed, as some that were made again show."""
