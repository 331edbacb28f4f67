"""The Hugging Face builder: hands the rows of a request to Arrow files or to a stream."""

# ruff: noqa: E402
# First: what is imported below would be looked for in this folder too.
if __name__ in ("__main__", "jax_ir_synth"):
    _REASON = (
        "jax_ir_synth was found as a single file of that name, since Python looks into the "
        "package's own folder first: go to the folder above it (cd ..)"
    )
    raise SystemExit(_REASON) if __name__ == "__main__" else ImportError(_REASON, name=__name__)

import contextlib
import dataclasses
import inspect
import os
from collections.abc import Iterator
from typing import Any

import datasets

from jax_ir_synth import __version__
from jax_ir_synth.errors import UsageError
from jax_ir_synth.generate.defects import LOGGER, Defect, log
from jax_ir_synth.generate.fingerprint import cache_fingerprint
from jax_ir_synth.generate.plan import draw_candidate, plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.generate.workers import Workers, open_workers
from jax_ir_synth.harvest import builder as real
from jax_ir_synth.request.config import ALL, CONFIGS, DEFAULTS, Request, parse_num_proc
from jax_ir_synth.schema.columns import ORIGIN_SCHEMA
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage.dataset_info import dataset_info

# Rows of the request that one shard covers, all splits together. A stream that is resumed makes
# its current shard's rows anew, so this is a second or two of work.
_ROWS_A_SHARD = 20

# What datasets itself passes to a builder; the first two would be ignored here without a word.
_GENERAL = inspect.signature(datasets.DatasetBuilder.__init__).parameters.keys() - {
    "data_files",
    "data_dir",
}


@dataclasses.dataclass
class JaxIrSynthConfig(datasets.BuilderConfig):
    """A category's configuration; `config.Request` describes what it adds to datasets' own."""

    version: str = __version__
    seed: int = Request.seed
    count: int = Request.count
    device: str = Request.device
    dialect: str | tuple[str, ...] = Request.dialect
    target: str | tuple[str, ...] | None = Request.target
    verify: bool = Request.verify
    strict: bool = Request.strict
    passes: str | tuple[str, ...] = Request.passes

    @property
    def request(self) -> Request:
        """The request that this configuration stands for; ValueError if a value is wrong."""
        return _request(self.name, {name: getattr(self, name) for name in DEFAULTS})

    def create_config_id(
        self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None
    ) -> str:
        """The cache folder's name: what differs from the defaults, however it was written."""
        request = self.request
        ours = {
            name: getattr(request, name)
            for name, default in DEFAULTS.items()
            if getattr(request, name) != default
        }
        others = {name: config_kwargs[name] for name in config_kwargs if name not in DEFAULTS}
        return str(super().create_config_id({**others, **ours}, custom_features))


class JaxIrSynth(datasets.GeneratorBasedBuilder):
    """Builder of the dataset; `JaxIrSynth(config_name="loop", seed=7, count=200)` works directly.

    Raises:
      ValueError: one line, for an unknown config, argument or value, before any work.
    """

    VERSION = datasets.Version(__version__)
    BUILDER_CONFIG_CLASS = JaxIrSynthConfig
    BUILDER_CONFIGS = [JaxIrSynthConfig(name=name) for name in (*CONFIGS, real.REAL)]
    DEFAULT_CONFIG_NAME = ALL

    def __init__(
        self,
        cache_dir: str | os.PathLike[str] | None = None,
        dataset_name: str | None = None,
        config_name: str | None = None,
        hash: str | None = None,
        **kwargs: Any,
    ):
        kwargs = _canonical(config_name, kwargs)
        self._workers: Workers | None = None
        self._number = 1
        self._told: list[Defect] = []
        self._told_of_cached = False
        # Always our own hash: None (built directly) or a hash of this one file (3.6.0's own way
        # to run a script) would keep rows in the cache that an edit has made stale.
        super().__init__(
            cache_dir=cache_dir,
            dataset_name=dataset_name,
            config_name=config_name,
            hash=cache_fingerprint(),
            **kwargs,
        )

    def _info(self) -> datasets.DatasetInfo:
        return dataset_info(ORIGIN_SCHEMA if self._is_real else None)

    @property
    def _is_real(self) -> bool:
        """Whether the rows are of functions that people wrote, see `harvest.real`."""
        return bool(self.config.name == real.REAL)

    def _split_generators(self, dl_manager: object) -> list[datasets.SplitGenerator]:
        if self._is_real:
            starts = real.list_starts()
            return [
                datasets.SplitGenerator(name=real.SPLIT, gen_kwargs={"starts": starts, "split": ""})
            ]
        request = self.config.request
        # The one list in gen_kwargs: what datasets shards a stream over.
        starts = list(range(0, request.count, _ROWS_A_SHARD))
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"starts": starts, "split": split})
            for split in SPLITS
        ]

    def _generate_examples(
        self, starts: list[int], split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        request = self.config.request
        if self._is_real:
            # What is left out is told as it is met.
            self._told_of_cached = True
            for row in real.rebuild_rows(starts, request, self._number):
                yield row["id"], row
            return
        # Planned as they are taken: the first row doesn't wait for the plan of the last, and
        # workers make rows meanwhile. The splits of a request share the plan.
        draw = draw_candidate if self._workers is None else self._workers.draw
        planned = (
            row
            for start in starts
            for row in plan_rows(request, start, start + _ROWS_A_SHARD, draw, self._tell)
            if row.split == split
        )
        for row in rows(request, planned, self._workers, self._tell):
            yield row["id"], row

    def _tell(self, defect: Defect) -> None:
        """Each defect goes to the log once, though each split meets the candidates of all."""
        if defect not in self._told:
            self._told.append(defect)
            log(defect)

    def _download_and_prepare(
        self,
        dl_manager: object,
        verification_mode: object,
        num_proc: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Our own worker processes rather than datasets' pool, which forks: see workers.py. The
        # rows arrive here in order, so the Arrow files too are the same for any number of them.
        self._number = number = parse_num_proc(num_proc)
        with contextlib.ExitStack() as stack:
            if not self._is_real:
                workers = open_workers(number, self.config.request.count)
                self._workers = stack.enter_context(workers)
            try:
                super()._download_and_prepare(dl_manager, verification_mode, **kwargs)
            finally:
                self._workers = None

    def _tell_of_cached(self, left_out: int, count: int) -> None:
        """What was left out when the cache was written is not forgotten when it is read."""
        if left_out and not self._told and not self._told_of_cached:
            self._told_of_cached = True
            LOGGER.warning(
                "%d of %d rows are left out: they could not be made or proven, as the log said "
                "when the others were (strict=True makes an error of it)",
                left_out,
                count,
            )

    def _as_dataset(
        self, split: Any = datasets.Split.TRAIN, in_memory: bool = False
    ) -> datasets.Dataset:
        # datasets refuses to read a split without rows, and a small count leaves one empty.
        if not isinstance(split, datasets.ReadInstruction):
            split = datasets.ReadInstruction.from_spec(str(split))
        sizes = {name: info.num_examples for name, info in self.info.splits.items()}
        count = real.count_rows() if self._is_real else self.config.request.count
        self._tell_of_cached(count - sum(sizes.values()), count)
        if any(part.to > part.from_ for part in split.to_absolute(sizes)):
            return super()._as_dataset(split, in_memory)
        return datasets.Dataset(
            datasets.table.InMemoryTable(self.info.features.arrow_schema.empty_table()),
            info=self.info,
            split=datasets.Split(str(split)),
            fingerprint=self._get_dataset_fingerprint(split),
        )


def _canonical(config_name: str | None, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, ours in the one form in which datasets shall see them.

    It compares what it sets on a config with the default's values: a default in another spelling
    would be another config to it, by the same name.

    Raises:
      ValueError: unless all that datasets will set on a config is known and right.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in given.keys() - _GENERAL - DEFAULTS.keys():
        raise UsageError(
            f"`{name}` (={given[name]!r}) is not an argument of this dataset: it is generated, "
            f"and takes {', '.join(DEFAULTS)}"
        )
    ours = {name: arguments[name] for name in DEFAULTS if name in arguments}
    request = _request(ALL if config_name is None else config_name, ours)
    return {**arguments, **{name: getattr(request, name) for name in ours}}


def _request(config_name: str, arguments: dict[str, Any]) -> Request:
    """Check the arguments of a config. Raises ValueError."""
    if config_name == real.REAL:
        return real.parse_arguments(arguments)
    return Request(category=config_name, **arguments)
