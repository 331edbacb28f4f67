"""Makes the Croissant file (JSON-LD of MLCommons) that describes a folder's Parquet files.

The Hub makes one by itself for each of its datasets. This one is stored with the files, so that
they can also be read with it from a disk.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jax_ir_synth import __version__
from jax_ir_synth.card.facts import Facts
from jax_ir_synth.card.metadata import PRETTY_NAME, general
from jax_ir_synth.storage.repository.tables import Subset

if TYPE_CHECKING:
    import pyarrow

_PARQUET = "application/x-parquet"
_LICENSE = "https://www.apache.org/licenses/LICENSE-2.0"
# The split in a file's name.
_SPLIT = r"^(?:.*/)?(\w+)-\d+-of-\d+\.parquet$"


def text(facts: Facts, subsets: Sequence[Subset], folder: Path, card: str, repo: str | None) -> str:
    """Make the JSON text: a record set for each config, with a field for each column and the split.

    Args:
      facts: the facts about the rows.
      subsets: the subsets that have Parquet files in `folder`.
      folder: the folder of the repository.
      card: the card's text, whose BibTeX is also the citation here.
      repo: the Hub's repository, for its address.

    Raises:
      ImportError: mlcroissant isn't installed.
      CardError: mlcroissant finds the description invalid.
    """
    import mlcroissant

    from jax_ir_synth.card.errors import CardError

    context = mlcroissant.Context()
    distribution, records = [], []
    for config, parts in subsets:
        distribution.append(
            mlcroissant.FileSet(
                ctx=context,
                id=_files(config),
                name=_files(config),
                description=f"The Parquet files of the subset {config}.",
                encoding_formats=[_PARQUET],
                includes=[f"{config}/*.parquet"],
            )
        )
        for path in (path for part in parts.values() for path in part.paths):
            distribution.append(_file(mlcroissant, context, folder, path))
        records.append(_record_set(mlcroissant, context, config))
    try:
        metadata = mlcroissant.Metadata(
            ctx=context,
            name="jax_ir_synth",
            description=f"{PRETTY_NAME}: {_description()}",
            license=[_LICENSE],
            url=None if repo is None else f"https://huggingface.co/datasets/{repo}",
            keywords=general(facts)["tags"],
            version=__version__,
            cite_as=_citation(card),
            distribution=distribution,
            record_sets=records,
        )
    except mlcroissant.ValidationError as error:
        raise CardError(f"the Croissant file is invalid: {' '.join(str(error).split())}") from error
    return json.dumps(metadata.to_json(), indent=1, ensure_ascii=False) + "\n"


def _files(config: str) -> str:
    return f"{config}-parquet"


def _file(mlcroissant: Any, context: Any, folder: Path, name: str) -> Any:
    with open(folder / name, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return mlcroissant.FileObject(
        ctx=context,
        id=name,
        name=name,
        content_url=name,
        content_size=f"{(folder / name).stat().st_size} B",
        encoding_formats=[_PARQUET],
        sha256=sha256,
    )


def _record_set(mlcroissant: Any, context: Any, config: str) -> Any:
    from jax_ir_synth.schema.columns import MEANINGS, SCHEMA

    def source(transforms: Iterable[Any] = (), **extract: Any) -> Any:
        return mlcroissant.Source(
            ctx=context,
            file_set=_files(config),
            extract=mlcroissant.Extract(ctx=context, **extract),
            transforms=list(transforms),
        )

    fields = [
        mlcroissant.Field(
            ctx=context,
            id=f"{config}/split",
            name="split",
            description="The split, from the file's name.",
            data_types=[mlcroissant.DataType.TEXT],
            source=source(
                [mlcroissant.Transform(ctx=context, regex=_SPLIT)], file_property="fullpath"
            ),
        )
    ]
    for column in SCHEMA:
        fields.append(
            _field(
                mlcroissant, context, f"{config}/{column.name}", column.type, column.name, source
            )
        )
        fields[-1].description = MEANINGS[column.name]
    return mlcroissant.RecordSet(ctx=context, id=config, name=config, fields=fields)


def _field(
    mlcroissant: Any,
    context: Any,
    id: str,
    arrow: "pyarrow.DataType",
    column: str,
    source: Callable[..., Any],
    part: str | None = None,
) -> Any:
    """Make the field of a column, or of a part of the structs in a column's lists."""
    import pyarrow.types as types

    repeated = types.is_list(arrow)
    inner = arrow.value_type if repeated else arrow
    known = {"id": id, "name": part or column, "repeated": repeated or None, "ctx": context}
    if types.is_struct(inner):
        parts = [
            _field(
                mlcroissant, context, f"{id}/{field.name}", field.type, column, source, field.name
            )
            for field in inner
        ]
        return mlcroissant.Field(**known, sub_fields=parts)
    path = [] if part is None else [mlcroissant.Transform(ctx=context, json_path=part)]
    kinds = {"string": "TEXT", "int64": "INTEGER", "double": "FLOAT"}
    kind = getattr(mlcroissant.DataType, kinds[str(inner)])
    return mlcroissant.Field(**known, data_types=[kind], source=source(path, column=column))


def _description() -> str:
    from jax_ir_synth.storage.dataset_info import dataset_info

    return " ".join(dataset_info().description.split())


def _citation(card: str) -> str:
    start = card.index("```bibtex\n") + len("```bibtex\n")
    return card[start : card.index("\n```", start)]
