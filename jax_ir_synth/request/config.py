"""`Request`: the validated, frozen arguments of a dataset."""

import dataclasses
import operator

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request import choices, dialects, targets
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.passes import DEFAULT as DEFAULT_PASSES
from jax_ir_synth.request.passes import parse_row_passes

ALL = "all"
CONFIGS = (ALL, *CATEGORIES)
DEVICES = ("cpu", "cuda", "both")
MAX_SEED = 2**64 - 1
MAX_COUNT = 10**8


@dataclasses.dataclass(frozen=True)
class Request:
    """The rows that a user asks for. Every adapter builds a request before it does any work.

    Attributes:
      category: `"all"`, or one of `categories.CATEGORIES`.
      seed: An integer from 0 to 2**64 - 1.
      count: The number of rows in all splits together, from 1 to 10**8.
      device: `"cpu"`, `"cuda"` or `"both"`. It decides which IR columns are filled.
      dialect: One of `dialects.DIALECTS`, or a tuple of several. Each IR column then has one
        section per dialect, in that order. A list, or a string of names separated by commas, is
        converted to a tuple.
      target: The machine that compiled dialects are for. It is one of `targets.TARGETS`, or a
        tuple of one for the CPU and one for CUDA. Defaults are removed, and so are targets of a
        platform that nothing is compiled for. None if no target remains.
      verify: Whether each row is proven before it is returned, see `verify.prove`.
      strict: Whether an error stops the run: a candidate that can't be drawn, or a row that can't
        be made or proven. Otherwise the row is left out, see `defects`.
      passes: Those of `passes.PASSES` that each section of an IR column has, the forward pass among
        them. A list, or a string of names separated by commas, is converted to a tuple in the order
        of `PASSES`. The default is the forward and the backward pass.

    Raises:
      ValueError: A value is wrong. The message is one line that gives the value and the allowed
        ones.
    """

    category: str = ALL
    seed: int = 0
    count: int = 1500
    device: str = "both"
    dialect: str | tuple[str, ...] = dialects.DEFAULT
    target: str | tuple[str, ...] | None = None
    verify: bool = True
    strict: bool = False
    passes: str | tuple[str, ...] = DEFAULT_PASSES

    def __post_init__(self) -> None:
        # The request is frozen only after its values are in canonical form: a NumPy scalar, for
        # example, becomes a Python one.
        object.__setattr__(self, "seed", _check_integer("seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "count", _check_integer("count", self.count, 1, MAX_COUNT))
        object.__setattr__(self, "category", _check_choice("config", self.category, CONFIGS))
        object.__setattr__(self, "device", _check_choice("device", self.device, DEVICES))
        object.__setattr__(self, "dialect", dialects.parse_dialects(self.dialect))
        object.__setattr__(self, "passes", parse_row_passes(self.passes))
        names = choices.unpack_names(targets.parse_targets(self.target))
        for name in ("verify", "strict"):
            object.__setattr__(self, name, _check_bool(name, getattr(self, name)))
        requested = choices.unpack_names(self.dialect)
        target = targets.select_relevant(names, requested, self.platforms)
        object.__setattr__(self, "target", target)
        targets.check_compilers(requested, self.platforms, target)

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of the rows, in the order in which they take turns."""
        return CATEGORIES if self.category == ALL else (self.category,)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The JAX lowering platforms of `device`."""
        return ("cpu", "cuda") if self.device == "both" else (self.device,)


# The arguments that a caller may set besides the category, with their defaults.
DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(Request) if field.name != "category"
}


def parse_num_proc(value: object) -> int:
    """Parse `num_proc`, the number of processes.

    Args:
      value: An integer from 1 to 1024. None means 1.

    Raises:
      ValueError: The value is no such integer.
    """
    return 1 if value is None else _check_integer("num_proc", value, 1, 1024)


def _check_integer(name: str, value: object, low: int, high: int) -> int:
    try:
        # Python's bool is an int, but `seed=True` is a mistake.
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise UsageError(f"`{name}` (={value!r}) must be an integer from {low} to {high}")
    return number


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise UsageError(f"`{name}` (={value!r}) must be one of: {', '.join(allowed)}")
    return str(value)


def _check_bool(name: str, value: object) -> bool:
    # NumPy's bool counts too. It is recognized by its attributes, because this module must not
    # import NumPy: `--help` or a wrong argument would then wait for the import.
    is_numpys = str(getattr(value, "dtype", None)) == "bool" and not getattr(value, "ndim", 1)
    if not isinstance(value, bool) and not is_numpys:
        raise UsageError(f"`{name}` (={value!r}) must be True or False")
    return bool(value)
