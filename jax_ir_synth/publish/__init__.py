"""Publishes rows on the Hugging Face Hub: Parquet files and a card, all by one commit."""


class PublishError(RuntimeError):
    """It could not be published; the message is one line that says why."""


class NotReady(PublishError):
    """Found out before any work: something has to be set up or asked for otherwise."""
