"""What keeps a card from being written."""

from jax_ir_synth.errors import UsageError


class CardError(UsageError):
    """The rows can't be described, or a card would not be right; the message is one line."""


class SeedMismatch(CardError):
    """The rows are not those that the seed gives, as making some anew shows."""
