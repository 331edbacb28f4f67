"""Reads a model's completions by id from a file, which is checked in full before it is used."""

import collections
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from jax_ir_synth.errors import UsageError

# Far more than ten completions of 100 MB. A line without an end must not fill the memory.
_MAX_LINE_BYTES = 2 * 2**30
_BLOCK_BYTES = 2**20
_ERRORS_SHOWN = 10
_ID = re.compile(r"^\(id -?[0-9]+\) ")
_RIGHT = '{"id": 17, "completion": "…"} or {"id": 17, "completions": ["…", "…"]}'


class PredictionsError(UsageError):
    """The predictions can't be scored.

    The message has a line for the first error of each kind, so that a mistake made in every line is
    reported once.

    Args:
      errors: the errors, one line each.
      kinds: the kind of each error. By default, each error is of its own kind.
    """

    def __init__(self, errors: list[str], kinds: list[str] | None = None):
        first: dict[str, str] = {}
        for kind, error in zip(kinds or errors, errors, strict=True):
            first.setdefault(kind, error)
        shown = list(first.values())[:_ERRORS_SHOWN]
        if more := len(errors) - len(shown):
            shown.append(f"... and {more:,} more error{'s' * (more > 1)} in the predictions")
        super().__init__("\n".join(shown))


class _Place(NamedTuple):
    """The place of some completions of an id: a line, its first byte, and how many it has."""

    line: int
    start: int
    completions: int


class Predictions:
    """Completions by id. Only their places in the file are held in memory.

    Args:
      name: the file's name, for messages.
      file: the file, with a record in each line.
      noun: the word for a line in messages: `line`, or `row` for a file that has no lines.

    Attributes:
      counts: id → the number of its completions, in the order of the ids' first lines.
      digest: SHA-256 (hex) of the lines.

    Raises:
      PredictionsError: a line is wrong, or there is none.
    """

    def __init__(self, name: str, file: IO[bytes], noun: str = "line"):
        self.name = name
        self._file, self._noun = file, noun
        self._places: dict[int, list[_Place]] = collections.defaultdict(list)
        digest = hashlib.sha256()
        errors, kinds = [], []
        for number, (start, line) in enumerate(_split_lines(file), start=1):
            digest.update(line)
            if not line.strip():
                continue
            try:
                id, completions = _parse_line(line)
                self._places[id].append(_Place(number, start, len(completions)))
            except ValueError as error:
                errors.append(f"{self.locate_line(number)} {error}")
                # The part after a colon concerns only this line, such as a position in it.
                kinds.append(_ID.sub("", str(error)).partition(":")[0])
        if errors:
            raise PredictionsError(errors, kinds)
        if not self._places:
            raise PredictionsError([f"{name} holds no predictions: a line must be {_RIGHT}"])
        self.digest = digest.hexdigest()
        self.counts = {
            id: sum(place.completions for place in places) for id, places in self._places.items()
        }

    def __enter__(self) -> "Predictions":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def completions(self, id: int) -> Iterator[str]:
        """Read an id's completions one by one, in the file's order."""
        for place in self._places[id]:
            self._file.seek(place.start)
            yield from _parse_line(self._file.readline())[1]

    def locate_line(self, line: int) -> str:
        """Describe a line for a message: `line 17 of predictions.jsonl`."""
        return f"{self._noun} {line} of {self.name}"

    def locate_id(self, id: int) -> str:
        """Describe the first line of an id, for a message."""
        return self.locate_line(self._places[id][0].line)


def open_predictions(path: Path) -> Predictions:
    """Open and check a `.jsonl` file, or a `.json` list or `.parquet` file of the same records.

    A record has an `id` and either its `completion` or a list of `completions`. An id may have
    several records. Raises PredictionsError, OSError.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or suffix not in (".jsonl", ".json", ".parquet"):
        raise PredictionsError([f"`--predictions` (={path}) must be a .jsonl, .json or .parquet"])
    if not path.exists():
        raise PredictionsError([f"`--predictions` (={path}) doesn't exist"])
    if suffix == ".jsonl":
        return _index_file(str(path), open(path, "rb"), "line")
    records = _read_json(path) if suffix == ".json" else _read_parquet(path)
    return _index_file(str(path), _spool(records), "row")


def from_mapping(predictions: Mapping[int, str | Sequence[str]]) -> Predictions:
    """Make predictions of a mapping from ids to one or several completions.

    Raises PredictionsError.
    """

    def records() -> Iterator[dict[str, Any]]:
        for id, completions in predictions.items():
            # NumPy's integers are valid ids, but JSON can't write them.
            id = int(id) if hasattr(id, "__index__") and not isinstance(id, bool) else id
            if isinstance(completions, list | tuple):
                yield {"id": id, "completions": completions}
            else:
                yield {"id": id, "completion": completions}

    return _index_file("the predictions", _spool(records()), "entry")


def _index_file(name: str, file: IO[bytes], noun: str) -> Predictions:
    try:
        return Predictions(name, file, noun)
    except BaseException:
        file.close()
        raise


def _split_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    while True:
        start = file.tell()
        line = file.readline(_MAX_LINE_BYTES + 1)
        if not line:
            return
        yield start, line
        if len(line) > _MAX_LINE_BYTES:
            # Skip the rest of the line.
            while line and not line.endswith(b"\n"):
                line = file.readline(_BLOCK_BYTES)


def _parse_line(line: bytes) -> tuple[int, list[str]]:
    """Parse an id and its completions. Raises ValueError; its message follows the line's place."""
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError(f"is longer than {_MAX_LINE_BYTES} bytes")
    try:
        record = json.loads(line.rstrip())
    except RecursionError:
        raise ValueError(f"is nested too deeply; it must be {_RIGHT}") from None
    except ValueError as error:
        raise ValueError(
            f"is no JSON: {' '.join(str(error).split())}; it must be {_RIGHT}"
        ) from None
    if not isinstance(record, dict):
        raise ValueError(f"is no object; it must be {_RIGHT}")
    if "id" not in record:
        raise ValueError(f"has no id; it must be {_RIGHT}")
    id = record["id"]
    if type(id) is not int:
        raise ValueError(f"has an id (={_shorten(id)}) that must be an integer, a row's `id`")
    if ("completion" in record) == ("completions" in record):
        raise ValueError(f"(id {id}) must have one of completion and completions: {_RIGHT}")
    if "completion" in record:
        name, completions = "a completion", [record["completion"]]
    else:
        name, completions = "completions", record["completions"]
    if not isinstance(completions, list) or not completions:
        raise ValueError(
            f"(id {id}) has completions (={_shorten(completions)}) that must be a list of strings, "
            f"one at least"
        )
    for completion in completions:
        if not isinstance(completion, str):
            raise ValueError(
                f"(id {id}) has {name} (={_shorten(completion)}) that must be a string"
            )
    return id, completions


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _spool(records: Iterable[Any]) -> IO[bytes]:
    """Write the records as lines of an anonymous file, which vanishes when it is closed."""
    # Open for as long as the predictions are read.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        for record in records:
            # A value that JSON can't write isn't text, and must not pass for text.
            line = json.dumps(record, default=lambda value: {type(value).__name__: "…"})
            file.write(line.encode() + b"\n")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _read_json(path: Path) -> list[Any]:
    try:
        records = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PredictionsError([f"{path} is no JSON: {' '.join(str(error).split())}"]) from None
    if not isinstance(records, list):
        raise PredictionsError([f"{path} must hold a list of {_RIGHT}"])
    return records


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            # If the file has both columns for completions, a row lacks the one that is null.
            for batch in file.iter_batches(batch_size=16):
                for record in batch.to_pylist():
                    yield {name: value for name, value in record.items() if value is not None}
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise PredictionsError([f"{path} is not a complete Parquet file: {why}"]) from None
