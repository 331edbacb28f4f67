"""Draws the names of a program: arguments, locals and inner functions, each name once."""

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.ops import RECORDS
from jax_ir_synth.kernels.printer.name_weights import ARGUMENTS, FUNCTIONS, LOCALS, NameTable

CONSTANTS = {
    1e-6: "eps",
    1e-5: "eps",
    1e-8: "eps",
    1e-3: "eps",
    1e-12: "eps",
    0.9: "momentum",
    0.99: "decay",
    0.999: "b2",
    0.1: "lr",
    0.01: "lr",
    0.5: "alpha",
    0.05: "rate",
    2.0: "scale",
    0.25: "beta",
    1.5: "gamma",
    3.0: "power",
    10.0: "limit",
    0.2: "rate",
    0.3: "rate",
    0.7: "weight",
    4.0: "scale",
    5.0: "limit",
}
_RESERVED = frozenset(
    "jax jnp lax def return lambda for in if else and or not is None True False range len float "
    "int sum max min abs".split()
)


class NameBook:
    """Draws names, each once in a program."""

    def __init__(self, stream: Stream):
        self.stream = stream
        self.taken: set[str] = set(_RESERVED)

    def fresh(self, table: NameTable, role: str, fallback: str = "") -> str:
        """A free name of the role; a numbered one where the likely ones are taken."""
        names, weights = table[role]
        for _ in range(6):
            name = self.stream.weighted(names, weights)
            if name not in self.taken:
                self.taken.add(name)
                return name
        base = fallback or names[0]
        number = 2
        while f"{base}{number}" in self.taken:
            number += 1
        self.taken.add(f"{base}{number}")
        return f"{base}{number}"

    def argument(self, value: Value) -> str:
        """A name for an argument, by its role, shape and range."""
        return self.fresh(
            ARGUMENTS, value.role if value.role in ARGUMENTS else _argument_role(value)
        )

    def local(self, value: Value, default: str = "") -> str:
        """A name for a value, by its role, else by `default`, else by its operation's role."""
        known = value.role or default
        role = known if known in LOCALS else RECORDS[value.op].role
        if value.dtype == "bool":
            role = "mask"
        if role != "any" and self.stream.chance(25) and role not in ("key", "mask"):
            role = "any"
        return self.fresh(LOCALS, role, "x" if role == "any" else "")

    def parameter(self, value: Value) -> str:
        """A name for a parameter of an inner function."""
        role = {"carry": "carried", "counter": "counter", "step": "step"}.get(
            value.role, "parameter"
        )
        return self.fresh(LOCALS, role)

    def function(self, role: str) -> str:
        """A name for an inner function."""
        return self.fresh(FUNCTIONS, role)


def _argument_role(value: Value) -> str:
    if value.dtype == "bool":
        return "mask"
    if not value.is_float:
        return "scalar_index" if value.ndim == 0 else "integer"
    if value.ndim == 0:
        return "scalar"
    if value.low >= 0 and value.high <= 1:
        return "unit"
    if value.low > 0:
        return "positive"
    return "matrix" if value.ndim == 2 else "array"
