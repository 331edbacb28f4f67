"""What a confined process does with a completion, and what is done before it is confined.

`pool.Judges` has it done; see `confined.zygote.Work` for who calls what when.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping

from jaxlib.mlir import dialects

from jax_ir_synth.evaluate import judging
from jax_ir_synth.evaluate.judgement import Judgement
from jax_ir_synth.evaluate.similarity import similarity
from jax_ir_synth.lowering.parsing import parsed
from jax_ir_synth.verify import xla
from jax_ir_synth.verify.interpreter import Program

# Uses what is made once for a process: a context with its dialects, the passes.
_SMALLEST = """module @smallest {
  func.func public @main() -> tensor<f32> {
    %0 = stablehlo.constant dense<0.0> : tensor<f32>
    %1 = chlo.square %0 : tensor<f32> -> tensor<f32>
    return %1 : tensor<f32>
  }
}"""
_NO_XLA = "only XLA runs it, which a confined process can't start"


def ready() -> None:
    """Imports and makes what judging would."""
    similarity("", "")
    # Those of operations that a completion holds are imported when these are met.
    for found in pkgutil.iter_modules(dialects.__path__):
        if not found.name.startswith("_"):
            importlib.import_module(f"{dialects.__name__}.{found.name}")
    with parsed(_SMALLEST) as module:
        Program(module)([])


def prepare(row: Mapping, task: str) -> None:
    """As `judging.prepare`, likewise."""
    xla.refuse(_NO_XLA)
    judging.prepare(row, task)


def judge(completion: str, row: Mapping, task: str, reached: Callable[[str], None]) -> Judgement:
    """As `judging.judge`, but that what only XLA runs fails: it would open files and start threads.

    That is a factorization inside of a loop or a branch.
    """
    xla.refuse(_NO_XLA)
    return judging.judge(completion, row, task, reached)
