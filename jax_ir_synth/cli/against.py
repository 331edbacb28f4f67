"""What `stats --against` does: reads two datasets, and writes and shows how they differ."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.stats.profile import Profile
    from jax_ir_synth.storage.dataset_reader import DatasetReader

# The extra that draws the picture.
EXTRA = "plots"


def compare_datasets(
    dataset: str, config: str | None, against: str, num_proc: int, classify: bool = False
) -> dict[str, Any]:
    """Read two datasets and compare them, see `stats.against.compare`.

    Args:
      dataset: the first one's name.
      config: its config.
      against: the other one's name.
      num_proc: the number of worker processes that generate rows.
      classify: whether to train a classifier that tells them apart, too.

    Raises:
      DatasetError: One isn't there, or none of its rows has StableHLO.
    """
    # Imported late, since they import jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.stats import separation
    from jax_ir_synth.stats.against import compare
    from jax_ir_synth.storage.dataset_reader import given_by, open_saved

    # Both are opened before either is read, so that a wrong name is reported at once.
    first = open_saved(find_dataset(dataset, config, num_proc))
    with given_by("--against"):
        second = open_saved(find_dataset(against, None, num_proc))
    profile = _collect(dataset, first, classify)
    with given_by("--against"):
        other = _collect(against, second, classify)
    found = compare(profile, other)
    if classify:
        found["separation"] = {
            part: separation.measure_separation(modules, other.samples[part])
            for part, modules in profile.samples.items()
        }
    return found


def _collect(name: str, saved: "DatasetReader", keep: bool) -> "Profile":
    from jax_ir_synth.schema.ir_section import describe_missing_stablehlo
    from jax_ir_synth.stats.profile import PASSES, collect_profile
    from jax_ir_synth.storage.dataset_reader import DatasetError
    from jax_ir_synth.terminal.progress import progress

    profile = collect_profile((row for row, _ in progress(saved.rows, saved.count)), keep)
    if not any(profile.aspects[part, "operations"].whole.size for part in PASSES):
        why = f": {describe_missing_stablehlo(profile.dialects)}" if profile.dialects else ""
        raise DatasetError(f"`DATASET` (={name}) has no row whose StableHLO can be read{why}")
    return profile


def write_comparison(
    found: dict[str, Any],
    names: tuple[str, str],
    json: Path | None,
    plot: Path | None,
    overwrite: bool,
) -> None:
    """Write the files that were asked for, all or none of them."""
    written = " and ".join(str(path) for path in (json, plot) if path is not None)
    with report_unfinished(f"{written} not written"), contextlib.ExitStack() as stack:
        if json is not None:
            partial = stack.enter_context(outputs.write_output(json, overwrite))
            partial.write_text(_format_json(found, names), encoding="utf-8")
        if plot is not None:
            from jax_ir_synth.card import against

            partial = stack.enter_context(outputs.write_output(plot, overwrite))
            against.draw(found, names, partial, plot.suffix.lower().removeprefix("."))


def _format_json(found: dict[str, Any], names: tuple[str, str]) -> str:
    from jax_ir_synth.storage.atomic_write import format_json

    named = {"datasets": dict(zip(("dataset", "against"), names, strict=True))}
    return format_json(named | found)


def show_comparison(
    found: dict[str, Any], names: tuple[str, str], markdown: bool, verbose: bool
) -> None:
    """Print the tables to stdout."""
    from jax_ir_synth.stats.against_tables import format_sheets, make_sheets, print_sheets
    from jax_ir_synth.terminal.console import plain_console

    sheets = make_sheets(found, names, verbose)
    if markdown:
        sys.stdout.write(format_sheets(sheets))
    else:
        print_sheets(sheets, plain_console())
