"""The one place that has the card written: README.md and its pictures, beside the Parquet files."""

from pathlib import Path

import yaml

from jax_ir_synth.publish.layout import README, TAG


def write_card(
    folder: Path, saved: Path, repo: str, command: str, seed: int | None, data: dict
) -> None:
    """Write the card of the rows.

    Args:
      folder: the Parquet files' folder; README.md goes there, pictures into `layout.PICTURES`.
      saved: the same rows, as `saved.open_saved` reads them.
      repo: `user/name`.
      command: what publishes the same again.
      seed: that the rows are drawn from; None where they came from a file.
      data: see `metadata.card_data`.
    """
    (folder / README).write_text(card_text(repo, command, data), encoding="utf-8")


def card_text(repo: str, command: str, data: dict) -> str:
    """A minimal valid card."""
    head = {
        "license": "apache-2.0",
        "language": ["en", "code"],
        "tags": [TAG, "code", "compiler", "jax", "stablehlo", "synthetic"],
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
    }
    front = yaml.safe_dump(head | data, sort_keys=False, allow_unicode=True)
    return (
        f"---\n{front}---\n\n# {repo.partition('/')[2]}\n\nPython -> compiler IR pairs from JAX, "
        f"made and proven by\n\n```sh\n{command}\n```\n"
    )
