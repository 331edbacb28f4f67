"""What the user asked for: one validated, frozen request."""

import dataclasses
import operator

from jax_ir_synth.request import choices, dialects, targets
from jax_ir_synth.request.categories import CATEGORIES

ALL = "all"
CONFIGS = (ALL, *CATEGORIES)
DEVICES = ("cpu", "cuda", "both")
MAX_SEED = 2**64 - 1
MAX_COUNT = 10**8


@dataclasses.dataclass(frozen=True)
class Request:
    """Which rows are wanted; every adapter turns its arguments into one of these before any work.

    Attributes:
      category: `"all"`, or one of `categories.CATEGORIES`.
      seed: 0 to 2**64 - 1.
      count: number of rows in all splits together, 1 to 10**8.
      device: `"cpu"`, `"cuda"` or `"both"`: which IR columns are filled.
      dialect: one of `dialects.DIALECTS`, or a tuple of several (a list, or names with commas
        between, become one): then each IR column has a section for each, in that order.
      target: what compiled dialects are for: one of `targets.TARGETS`, or a tuple of one for the
        CPU and one for CUDA. What is a default, or plays no part (nothing is compiled for its
        platform), is left out; None where nothing remains.
      verify: whether each row is proven before it is handed out, see `verify.prove`.
      strict: whether the first row that can't be made or proven, or candidate that can't be drawn,
        ends everything, instead of being left out (see `defects`).

    Raises:
      ValueError: one line that names the value given and what is allowed.
    """

    category: str = ALL
    seed: int = 0
    count: int = 1500
    device: str = "both"
    dialect: str | tuple[str, ...] = dialects.DEFAULT
    target: str | tuple[str, ...] | None = None
    verify: bool = True
    strict: bool = False

    def __post_init__(self):
        # Frozen for everybody else: here NumPy's scalars become Python's.
        object.__setattr__(self, "seed", _integer("seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "count", _integer("count", self.count, 1, MAX_COUNT))
        object.__setattr__(self, "category", _one_of("config", self.category, CONFIGS))
        object.__setattr__(self, "device", _one_of("device", self.device, DEVICES))
        object.__setattr__(self, "dialect", dialects.parse_dialects(self.dialect))
        names = choices.unpack_names(targets.parse_targets(self.target))
        for name in ("verify", "strict"):
            object.__setattr__(self, name, _truth(name, getattr(self, name)))
        written = choices.unpack_names(self.dialect)
        kept = targets.select_relevant(names, written, self.platforms)
        object.__setattr__(self, "target", kept)
        targets.check_compilers(written, self.platforms, kept)

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories the rows are taken from, in the order in which they take turns."""
        return CATEGORIES if self.category == ALL else (self.category,)

    @property
    def platforms(self) -> tuple[str, ...]:
        """JAX's lowering platforms for the device asked for."""
        return ("cpu", "cuda") if self.device == "both" else (self.device,)


# What a caller may set beside the category, with the defaults.
DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(Request) if field.name != "category"
}


def parse_num_proc(value) -> int:
    """`num_proc` as an int; None means one. Raises ValueError unless it is 1 to 1024."""
    return 1 if value is None else _integer("num_proc", value, 1, 1024)


def _integer(name: str, value, low: int, high: int) -> int:
    try:
        # bool is an int to Python, but seed=True is a slip, not a seed.
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(f"`{name}` (={value!r}) must be an integer from {low} to {high}")
    return number


def _one_of(name: str, value, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"`{name}` (={value!r}) must be one of: {', '.join(allowed)}")
    return str(value)


def _truth(name: str, value) -> bool:
    # NumPy's too, which a plan, a help or a wrong argument shouldn't have to load.
    is_numpys = str(getattr(value, "dtype", None)) == "bool" and value.ndim == 0
    if not isinstance(value, bool) and not is_numpys:
        raise ValueError(f"`{name}` (={value!r}) must be True or False")
    return bool(value)
