"""Writes the card's text by filling the template with the facts."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from jax_ir_synth import __version__
from jax_ir_synth.card.drawing import Count
from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.facts import Facts
from jax_ir_synth.card.metadata import PRETTY_NAME
from jax_ir_synth.card.style import several
from jax_ir_synth.request.config import ALL, DEFAULTS, Request
from jax_ir_synth.request.passes import DEFAULT as DEFAULT_PASSES

if TYPE_CHECKING:
    import pyarrow

TEMPLATE = "template.md"
_OUTPUT = "data/rows.parquet"
# The device of an IR column, in the card's words.
_DEVICES = {"cpp": "the CPU", "cuda": "CUDA"}
# Gaps that no card may have: huggingface_hub's phrase, and marks of unfilled fields.
_GAPS = re.compile(r"\[More Information Needed\]|\{\{|\{%|\bTODO\b|\bFIXME\b")


class Picture(NamedTuple):
    """A picture of the card: its name in files, and a sentence that describes it."""

    name: str
    alt: str


def fill(
    facts: Facts,
    counts: Mapping[str, Count],
    remade: int,
    metadata: Mapping[str, Any],
    pictures: Sequence[Picture],
    repo: str | None,
    template: str | None = None,
) -> str:
    """Write the complete README.md.

    Args:
      facts: the facts about the rows.
      counts: the counts of each category's candidates; see `drawing.Redrawn`.
      remade: how many rows were made again and found to be the same.
      metadata: the complete YAML.
      pictures: the pictures that exist; the template shows only these.
      repo: the repository on the Hub, if there is one.
      template: a template other than the package's own.

    Raises:
      CardError: a field of the template has no value, or the text has a gap.
    """
    if template is None:
        template = resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    return render(template, _fields(facts, counts, remade, pictures, repo), metadata)


def render(template: str, fields: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """Fill a template, and write the YAML before it.

    Args:
      template: the template's text.
      fields: a value for each of its fields.
      metadata: the complete YAML.

    Raises:
      CardError: a field of the template has no value, or the text has a gap.
    """
    import jinja2
    from huggingface_hub import DatasetCardData

    from jax_ir_synth.stats import tables

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"percent": tables.format_share, "several": several}
    try:
        body = environment.from_string(template).render(fields)
    except jinja2.TemplateError as error:
        raise CardError(f"the card's template can't be filled: {error}") from error
    gap = _GAPS.search(_outside_of_code(body))
    if gap:
        raise CardError(f"the card has a gap: {gap[0]}")
    yaml = DatasetCardData(**metadata).to_yaml(line_break="\n")
    return f"---\n{yaml}\n---\n\n{body}"


def _fields(
    facts: Facts,
    counts: Mapping[str, Count],
    remade: int,
    pictures: Sequence[Picture],
    repo: str | None,
) -> dict[str, Any]:
    from jax_ir_synth import kernels
    from jax_ir_synth.generate.fingerprint import PACKAGE, sources_digest, versions
    from jax_ir_synth.request.choices import unpack_names
    from jax_ir_synth.schema.columns import SCHEMA
    from jax_ir_synth.schema.ir_section import write_sections
    from jax_ir_synth.schema.verification import OF_STABLEHLO, RUN_BY
    from jax_ir_synth.stats import tables

    summary, request, shown = facts.summary, facts.request, facts.shown
    filled = list(shown.texts)
    differ = summary["cpu_cuda_differ"]
    return {
        "title": PRETTY_NAME,
        "repo": repo,
        "rows": summary["rows"],
        "drawn": len(facts.skeletons),
        "left_out": request.count - len(facts.skeletons),
        "request": request,
        "devices": [_DEVICES[column] for column in filled],
        "others": [name for name in unpack_names(request.dialect) if name != "stablehlo"],
        "other_passes": [name for name in request.passes if name not in DEFAULT_PASSES],
        "column": filled[0],
        "configs": facts.splits,
        "every": ALL if ALL in facts.splits else None,
        "default": next(iter(facts.splits)),
        "shown": shown,
        "shown_ir": write_sections(shown.ir),
        "columns": describe_columns(SCHEMA),
        "categories": [
            {
                "name": category,
                "description": kernels.description(category),
                "sample": facts.samples[category],
                "splits": splits,
                "rows": sum(splits.values()),
                "differ": differ[category]["rows"],
                "count": counts[category],
            }
            for category, splits in summary["rows_by_category"].items()
        ],
        "figures": tables.format_main_figures(summary),
        "verified": sorted(summary["verified"].items(), key=lambda item: (-item[1], item[0])),
        "executed": sum(
            number
            for word, number in summary["verified"].items()
            if word.removeprefix(OF_STABLEHLO) in RUN_BY
        ),
        "dtypes": sorted(summary["dtypes"]),
        "differ": sum(part["rows"] for part in differ.values()),
        "operations": len(summary["operations"]),
        "distinct": summary["distinct"],
        "candidates": sum(count.candidates for count in counts.values()),
        "remade": remade,
        "dialects": unpack_names(request.dialect),
        "command": _command(request),
        "publish": _publish(request, repo, facts.splits),
        "output": _OUTPUT,
        "arguments": _arguments(request),
        "versions": {"jax_ir_synth": __version__, **versions(facts.request)},
        "sources": sources_digest(PACKAGE),
        "pictures": {picture.name: picture for picture in pictures},
    }


def _command(request: Request) -> str:
    """Write the command that makes the rows, with all flags that aren't the default."""
    flags = [f"--config {request.category}"] if request.category != ALL else []
    flags += _flags(request)
    if not request.verify:
        flags.append("--no-verify")
    return f"jax-ir-synth generate {' '.join(flags)} --output {_OUTPUT}"


def _publish(
    request: Request, repo: str | None, subsets: Mapping[str, Mapping[str, int]]
) -> str | None:
    """Write the command that makes and publishes the same rows and subsets, if there is one."""
    # `publish` always proves the rows.
    if repo is None or not request.verify:
        return None
    flags = _flags(request)
    if request.category != ALL or ALL not in subsets or len(subsets) <= len(request.categories):
        flags += ["--config", *subsets]
    return f"jax-ir-synth publish {repo} {' '.join(flags)}"


def _flags(request: Request) -> list[str]:
    from jax_ir_synth.request.choices import unpack_names

    flags = [f"--count {request.count}", f"--seed {request.seed}"]
    for name in ("device", "dialect", "target", "passes"):
        if getattr(request, name) != DEFAULTS[name]:
            flags.append(f"--{name} {','.join(unpack_names(getattr(request, name)))}")
    return flags


def _arguments(request: Request) -> str:
    """Write the arguments of `load_dataset` that give the rows, after the package's name."""
    given = {name: getattr(request, name) for name in DEFAULTS}
    named = [
        f"{name}={value!r}"
        for name, value in given.items()
        if name in ("seed", "count") or value != DEFAULTS[name]
    ]
    return ", ".join([repr(request.category), *named]).replace("'", '"')


def describe_columns(schema: "pyarrow.Schema") -> list[tuple[str, str, str]]:
    """Describe columns: their names, types and meanings."""
    from jax_ir_synth.schema import columns, origin

    meanings = columns.MEANINGS | origin.MEANINGS
    return [(field.name, _type(field.type), meanings[field.name]) for field in schema]


def _type(arrow: "pyarrow.DataType") -> str:
    """Describe an Arrow type in a few words."""
    import pyarrow.types as types

    if types.is_list(arrow):
        inner = arrow.value_type
        return "list of structs" if types.is_struct(inner) else f"list of {inner}"
    return str(arrow)


def _outside_of_code(text: str) -> str:
    """Remove fenced blocks from a text, since a program may have two successive braces."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
