"""What keeps a card from being written."""

from jax_ir_synth.errors import UsageError


class CardError(UsageError):
    """The rows can't be described, or a card would not be right; the message is one line."""
