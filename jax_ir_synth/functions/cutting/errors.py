"""`NotSelfContained`: a function can't be cut out."""

from jax_ir_synth.errors import UsageError


class NotSelfContained(UsageError):
    """A function needs something that its text can't have; the message is one line."""
