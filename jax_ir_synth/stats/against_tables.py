"""The comparison of two datasets as tables, for the terminal and as Markdown."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from jax_ir_synth.stats.against import UNIT
from jax_ir_synth.stats.profile import ASPECTS, FEATURES, LEFT_OUT, PASSES, SOURCE
from jax_ir_synth.terminal.console import printable

_SIDES = ("dataset", "against")
# The aspects whose parts are listed. Those in `_SMALL` have few parts, which fit on a line.
_LISTED = ("pairs", "operations")
_SMALL = {
    "ranks": "ranks of results",
    "dtypes": "dtypes of results",
    "regions": "operations with regions",
}
_SMALL_SHOWN = 5
_SHOWN = 8
_HABITS_SHOWN = 30
_SIZES = {
    "operations": "operations a module",
    "lines": "lines",
    "code_lines": "lines of code",
    "characters": "characters",
    "nesting": "nesting of regions",
}


class Sheet(NamedTuple):
    """A table of texts.

    Attributes:
      title: What it shows.
      header: The columns' names; those after the first are aligned to the right.
      groups: The rows, in groups with a line between two.
    """

    title: str
    header: tuple[str, ...]
    groups: list[list[tuple[str, ...]]]


def make_sheets(
    found: Mapping[str, Any], names: tuple[str, str], verbose: bool = False
) -> list[Sheet]:
    """Make the tables of a comparison.

    Args:
      found: What `against.compare` has returned.
      names: The names of the two datasets.
      verbose: Whether to list all that differs in every aspect, and not only the heaviest.
    """
    one, other = map(printable, names)
    listed = [
        (part, aspect)
        for part, aspects in ASPECTS.items()
        for aspect in aspects
        if verbose or aspect in _LISTED
    ]
    return [
        _make_divergence_sheet(found, one, other),
        *_make_separation_sheets(found),
        Sheet("figures", ("figure", one, other), [_make_figure_rows(found)]),
        _make_habits_sheet(found, (one, other), verbose),
        *(
            _make_parts_sheet(
                f"{part}: {aspect}", found["parts"][part][aspect], one, other, verbose
            )
            for part, aspect in listed
            if found["parts"][part][aspect]
        ),
    ]


def print_sheets(sheets: Iterable[Sheet], console: Console) -> None:
    """Print tables to a console."""
    for sheet in sheets:
        table = Table(title=sheet.title, title_justify="left", title_style="bold")
        table.add_column(sheet.header[0], overflow="fold")
        for name in sheet.header[1:]:
            table.add_column(name, justify="right", overflow="fold")
        for group in sheet.groups:
            for row in group:
                table.add_row(*row)
            table.add_section()
        console.print(table)


def format_sheets(sheets: Iterable[Sheet]) -> str:
    """Format tables as Markdown, each under its title."""
    return "\n".join(_format_sheet(sheet) for sheet in sheets)


def _format_sheet(sheet: Sheet) -> str:
    lines = [
        sheet.header,
        ("---", *("---:" for _ in sheet.header[1:])),
        *(row for group in sheet.groups for row in group),
    ]
    return f"**{sheet.title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _make_divergence_sheet(found: Mapping[str, Any], one: str, other: str) -> Sheet:
    groups = [
        [
            (
                f"{part}: {aspect}",
                *map(
                    _format_bits,
                    (
                        measured["between"],
                        measured["across"],
                        *(measured["halves"][side] for side in _SIDES),
                    ),
                ),
            )
            for aspect, measured in aspects.items()
        ]
        for part, aspects in found["divergence"].items()
    ]
    header = ("of", "both", "halves of both", f"halves of {one}", f"halves of {other}")
    return Sheet(f"Jensen-Shannon divergence in {UNIT} (0: the same, 1: disjoint)", header, groups)


def _make_separation_sheets(found: Mapping[str, Any]) -> list[Sheet]:
    if "separation" not in found:
        return []
    rows: list[tuple[str, ...]] = [
        (part, "" if area is None else f"{area:.3f}") for part, area in found["separation"].items()
    ]
    title = "area under the curve of a linear classifier by def-use pairs (0.5: can't tell, 1: can)"
    return [Sheet(title, ("of", "area"), [rows])]


def _format_bits(bits: float | None) -> str:
    return "" if bits is None else f"{bits:.4f}"


def _make_figure_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    sides = [found[side] for side in _SIDES]
    rows = [("rows", *(f"{side['rows']:,}" for side in sides))]
    for reason, label in LEFT_OUT.items():
        if any(side["left_out"][reason] for side in sides):
            rows.append((label, *(f"{side['left_out'][reason]:,}" for side in sides)))
    for part in PASSES:
        parts = [side[part] for side in sides]
        rows.append((f"{part}: modules", *(f"{each['modules']:,}" for each in parts)))
        rows += _make_size_rows(part, parts)
        rows += _make_quantile_rows(part, "operations", parts)
        for feature in FEATURES:
            shares = [each["shares"][feature] if each["modules"] else None for each in parts]
            rows.append((f"{part}: modules with {feature}", *map(_format_share, shares)))
        for aspect, label in _SMALL.items():
            listed = found["parts"][part][aspect]
            rows.append((f"{part}: {label}", *(_format_shares(listed, side) for side in _SIDES)))
    sources = [side[SOURCE] for side in sides]
    rows += _make_size_rows(SOURCE, sources)
    rows += _make_quantile_rows(SOURCE, "code_lines", sources)
    for kind in ("arguments", "functions"):
        names = [side["names"].get(kind) for side in sides]
        rows.append(
            (
                f"names of {kind}: mean length, with one letter",
                *(
                    f"{each['mean']:.1f}, {_format_share(each['one_letter'])}" if each else ""
                    for each in names
                ),
            )
        )
    return rows


def _make_size_rows(part: str, sides: list[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            f"{part}: {label}: median, 95 %, most",
            *(_format_spread(side.get(name)) for side in sides),
        )
        for name, label in _SIZES.items()
        if any(name in side for side in sides)
    ]


def _make_quantile_rows(
    part: str, name: str, sides: list[Mapping[str, Any]]
) -> list[tuple[str, ...]]:
    quantiles = [side.get("quantiles", {}).get(name, {}) for side in sides]
    percents = ", ".join(next(filter(None, quantiles), {})).replace("p", "")
    label = f"{part}: {_SIZES[name]}: {percents} %"
    if not any(quantiles):
        return []
    return [(label, *(", ".join(f"{value:,}" for value in each.values()) for each in quantiles))]


def _make_habits_sheet(found: Mapping[str, Any], names: tuple[str, str], verbose: bool) -> Sheet:
    """Make the table of what sources show, in the order of how often the second's do."""
    one, other = (found[side][SOURCE]["shares"] for side in _SIDES)
    listed = sorted(other, key=lambda habit: (-other[habit], -one[habit], habit))
    shown = [habit for habit in listed if one[habit] or other[habit]]
    rows: list[tuple[str, ...]] = [
        (
            habit,
            _format_share(one[habit]),
            _format_share(other[habit]),
            f"{one[habit] / other[habit]:.2g}" if other[habit] else "",
        )
        for habit in (shown if verbose else shown[:_HABITS_SHOWN])
    ]
    return Sheet("sources that show a habit", (f"of {len(shown)}", *names, "ratio"), [rows])


def _format_spread(spread: Mapping[str, float] | None) -> str:
    if spread is None:
        return ""
    return f"{spread['median']:,.0f}, {spread['p95']:,}, {spread['max']:,}"


def _format_shares(parts: list[dict[str, Any]], side: str) -> str:
    held = sorted((part for part in parts if part[side]), key=lambda part: -part[side])
    shown = [f"{part['name']}: {_format_share(part[side])}" for part in held[:_SMALL_SHOWN]]
    return ", ".join([*shown, *(["..."] if len(held) > _SMALL_SHOWN else [])])


def _make_parts_sheet(
    title: str, parts: list[dict[str, Any]], one: str, other: str, verbose: bool
) -> Sheet:
    """Make the table of what differs: what only one has, what only the other has, what both have.

    Each is listed by what it adds to the divergence, the heaviest first.
    """
    only = {
        f"only in {one}": [part for part in parts if not part["against"]],
        f"only in {other}": [part for part in parts if not part["dataset"]],
        "in both": [part for part in parts if part["dataset"] and part["against"]],
    }
    groups = []
    for label, held in only.items():
        shown = held if verbose else held[:_SHOWN]
        rows: list[tuple[str, ...]] = [
            (
                printable(part["name"]),
                *(_format_share(part[side]) if part[side] else "" for side in _SIDES),
                f"{part[UNIT]:.4f}",
            )
            for part in shown
        ]
        total = sum(part[UNIT] for part in held)
        summed = (sum(part[side] for part in held) for side in _SIDES)
        heading = (f"{label}: {len(held):,}", *map(_format_share, summed), f"{total:.4f}")
        groups.append([heading, *rows])
    return Sheet(title, (f"of {len(parts):,}", one, other, UNIT), groups)


def _format_share(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
