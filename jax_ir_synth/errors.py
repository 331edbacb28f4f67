"""The two bases of this package's exceptions.

Each class that the package raises has one of them, beside the built-in class that it always had
(`ValueError`, `RuntimeError`, `OSError`, ...): a caller catches either. Signals and lost streams
are no errors, and derive from `BaseException` alone.
"""


class JaxIrSynthError(Exception):
    """Base of each exception class of this package."""


class UsageError(JaxIrSynthError, ValueError):
    """A mistake of the caller. The message is one line with the value given and what is right."""
