"""The figures as tables, for the terminal and as Markdown."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.schema.verification import RUN_BY
from jax_ir_synth.stats.survey import LEFT_OUT, read_survey
from jax_ir_synth.terminal.console import printable

_SAMENESS = {
    "python": "distinct Python texts",
    "ir": "distinct IR texts",
    "program_hash": "distinct after renaming (program_hash)",
    "masked_ir": "distinct IR after masking numbers too",
    "masked_python": "distinct Python after masking names and numbers",
    "skeleton_hash": "distinct skeletons (skeleton_hash)",
}
_SIZES = {
    "source_lines": "lines of Python",
    "cpp_bytes": "bytes of the CPU's IR (cpp)",
    "cuda_bytes": "bytes of the GPU's IR (cuda)",
    "row_bytes": "bytes of a row's text",
}
_TRAITS = {
    "several_outputs": "several outputs",
    "docstring": "a docstring",
    "annotations": "annotations",
    "inner_function": "an inner function",
    "lambda": "a lambda",
}

_FAULTS_SHOWN = 20


def format_main_figures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Format the most important figures.

    Args:
      summary: What `Figures.summary` has returned.

    Returns:
      The values, as texts, by their labels.
    """
    rows = summary["rows"]
    figures = {"rows": f"{rows:,}"}
    for name, label in _SAMENESS.items():
        count = summary["distinct"][name]
        figures[label] = f"{count:,} ({format_share(count, rows)})"
    functions = sum(summary["functions_by_library"].values())
    survey = summary["survey"]
    figures |= {
        "kinds of stablehlo and chlo operations": f"{len(summary['operations'])}",
        "library functions used": f"{functions}",
        "methods of arrays used": f"{len(summary['methods'])}",
        "weight of the survey's names covered": f"{survey['share']:.1%}",
    }
    for name, label in _SIZES.items():
        if name in summary["sizes"]:
            spread = summary["sizes"][name]
            figures[f"{label}: median, 95 %, most"] = (
                f"{spread['median']:,.0f}, {spread['p95']:,}, {spread['max']:,}"
            )
    comparable = sum(part["of"] for part in summary["cpu_cuda_differ"].values())
    if comparable:
        differ = sum(part["rows"] for part in summary["cpu_cuda_differ"].values())
        figures["CPU and CUDA text differ"] = format_share(differ, comparable)
    for trait, count in summary["traits"].items():
        figures[f"with {_TRAITS[trait]}"] = format_share(count, rows)
    executed = sum(summary["verified"].get(status, 0) for status in RUN_BY)
    figures["proven by executing all their IR (verified)"] = (
        f"{executed:,} ({format_share(executed, rows)})"
    )
    for check, count in summary["audit"].items():
        figures[f"audit: {check}"] = f"{count}"
    return figures


def format_markdown(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Format the main figures as a Markdown table with a column for each dataset.

    Args:
      summaries: What `Figures.summary` has returned, by the names of the datasets.
    """
    columns = [format_main_figures(summary) for summary in summaries.values()]
    labels = dict.fromkeys(label for column in columns for label in column)
    lines = [
        ("figure", *summaries),
        ("---", *("---:" for _ in columns)),
        *((label, *(column.get(label, "") for column in columns)) for label in labels),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def print_tables(
    title: str, summary: Mapping[str, Any], console: Console, verbose: bool = False
) -> None:
    """Print the tables.

    Args:
      title: The name of the dataset.
      summary: What `Figures.summary` has returned.
      console: The console to print to.
      verbose: Whether to print each operation, function and uncovered name, too.
    """
    figures = Table(title=printable(title), title_justify="left", title_style="bold")
    figures.add_column("figure")
    figures.add_column("value", justify="right")
    for label, value in format_main_figures(summary).items():
        figures.add_row(label, value)
    console.print(figures)
    console.print(_make_category_table(summary))
    console.print(_make_program_table(summary))
    for fault in summary["faults"][:_FAULTS_SHOWN]:
        console.print(f"{fault['check']}: row {fault['id']}: {fault['reason']}", soft_wrap=True)
    more = sum(summary["audit"].values()) - _FAULTS_SHOWN
    if more > 0:
        console.print(f"... and {more} more faults", soft_wrap=True)
    if verbose:
        _print_names(summary, console)


def _make_category_table(summary: Mapping[str, Any]) -> Table:
    table = Table(title="categories", title_justify="left")
    table.add_column("category")
    for column in (*SPLITS, "rows", "operations", "CPU ≠ CUDA"):
        table.add_column(column, justify="right")
    for category, splits in summary["rows_by_category"].items():
        differ = summary["cpu_cuda_differ"][category]
        table.add_row(
            category,
            *(f"{splits[split]:,}" for split in SPLITS),
            f"{sum(splits.values()):,}",
            f"{len(summary['operations_by_category'][category])}",
            format_share(differ["rows"], differ["of"]) if differ["of"] else "",
        )
    return table


def _make_program_table(summary: Mapping[str, Any]) -> Table:
    table = Table(title="programs", title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    libraries = summary["functions_by_library"].items()
    table.add_row("functions of", ", ".join(f"{name}: {count}" for name, count in libraries))
    for label, counts in (
        ("rows with this many arguments", summary["arguments"]),
        ("rows with an argument of this dtype", summary["dtypes"]),
        ("rows with an argument of this rank", summary["ranks"]),
    ):
        shares = (f"{key}: {format_share(count, summary['rows'])}" for key, count in counts.items())
        table.add_row(label, ", ".join(shares))
    return table


def _print_names(summary: Mapping[str, Any], console: Console) -> None:
    for title, counts in (
        ("operations", summary["operations"]),
        *(
            (f"operations of {category}", counts)
            for category, counts in summary["operations_by_category"].items()
        ),
        ("library functions", summary["functions"]),
        ("other library names", summary["other_names"]),
        ("methods", summary["methods"]),
    ):
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        console.print(
            f"\n{title} ({len(counts)}), with the rows that have each: {listed}", soft_wrap=True
        )
    missing = ", ".join(f"{name} {count}" for name, count in summary["survey"]["missing"].items())
    console.print(f"\nnames of the survey not used, with their weight: {missing}", soft_wrap=True)
    for reason, meaning in LEFT_OUT.items():
        names = ", ".join(entry.name for entry in read_survey() if entry.left_out == reason)
        console.print(f"left out of the survey ({meaning}): {names}", soft_wrap=True)


def format_share(count: int, total: int) -> str:
    """Format a share in percent. It is rounded down, so that 2,999 of 3,000 aren't 100 %.

    Args:
      count: The number of cases, from 0 to `total`.
      total: The number of all cases, at least 1.
    """
    # Integer division rounds the share down to a tenth of a percent.
    return f"{count * 1000 // total / 10:.1f}%"
