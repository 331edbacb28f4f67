"""What keeps a card from being written."""


class CardError(ValueError):
    """The rows can't be described, or a card would not be right; the message is one line."""
