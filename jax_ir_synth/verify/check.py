"""Checks a row of a saved dataset in a sandboxed process: its consistency, and its proof."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow
from jaxlib.mlir import dialects

from jax_ir_synth import reference
from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, SCHEMA
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.schema.verification import UNPROVEN, UNVERIFIED, write_unproven
from jax_ir_synth.verify import NotProven
from jax_ir_synth.verify.consistency import ConsistencyCheck
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.proof import prove
from jax_ir_synth.verify.sandbox import Outcome

# Replaces the row's own claims about its proof, if it makes any.
_CLAIMED = dict.fromkeys(OPTIONAL_COLUMNS, UNVERIFIED)
# The length of a reason in characters; it includes the row's Python.
_LONGEST_REASON = 20_000
# Running this initializes what a process initializes once: a context with its dialects, the passes.
_SMALLEST = """module @smallest {
  func.func public @main() -> tensor<f32> {
    %0 = stablehlo.constant dense<0.0> : tensor<f32>
    %1 = chlo.square %0 : tensor<f32> -> tensor<f32>
    return %1 : tensor<f32>
  }
}"""


def load_interpreter() -> None:
    """Import and initialize all that running a module needs: a sandboxed process opens no files."""
    # Parsing imports a dialect's module when it meets the dialect.
    for found in pkgutil.iter_modules(dialects.__path__):
        if not found.name.startswith("_"):
            importlib.import_module(f"{dialects.__name__}.{found.name}")
    # The reference's modules for a text with imports are imported where one is met.
    for found in pkgutil.walk_packages(reference.__path__, f"{reference.__name__}."):
        importlib.import_module(found.name)
    with open_module(_SMALLEST) as module:
        Program(module)([])


def ready() -> None:
    """Import and initialize all that `check` needs."""
    load_interpreter()
    pyarrow.RecordBatch.from_pylist([], SCHEMA)


def check(row: Mapping[str, Any], mark: Callable[[str], None]) -> Outcome:
    """Prove a row from its own columns alone; report its status, or why it isn't proven."""
    return _report(row, "interpreter")


def check_by_arrays(row: Mapping[str, Any], mark: Callable[[str], None]) -> Outcome:
    """Do the same with NumPy for all inputs but the first; see `verify.prove`."""
    return _report(row, "arrays")


def _report(row: Mapping[str, Any], executor: str) -> Outcome:
    try:
        return Outcome(True, _check(row, executor))
    except NotProven as error:
        return Outcome(False, str(error)[:_LONGEST_REASON])


def _check(row: Mapping[str, Any], executor: str) -> str:
    view = RowView({**row, **_CLAIMED})
    reasons = list(ConsistencyCheck()(view))
    if reasons:
        raise NotProven("\n".join(reasons))
    columns = {name: value for name, value in row.items() if name not in OPTIONAL_COLUMNS}
    try:
        return prove(columns, executor)
    except NotProven as error:
        # A function that someone wrote may be beyond the proof. Its row says so.
        if view.is_collected and str(row.get("verified")).startswith(UNPROVEN):
            return write_unproven(str(error))
        raise NotProven(f"{error}\n{row['python']}") from error
