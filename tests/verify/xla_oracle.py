"""XLA's CPU client, the tests' second opinion on what a module computes; in a process of its own.

A process that has run anything through XLA can't be forked any more, and the tests' may be.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jax_ir_synth.runtime.helper import Helper, OfThisProcess, answer_questions

_helpers: OfThisProcess[Helper] = OfThisProcess()


class XlaError(ValueError):
    """XLA refused the module; the message is one line."""


def run(text: str, inputs) -> list[np.ndarray]:
    """The results of the module's main on the inputs. Raises XlaError."""
    results, failure = _helpers.get(None, lambda: Helper(__name__)).ask((text, list(inputs)))
    if failure is not None:
        raise XlaError(failure)
    return results


def run_here(text: str, inputs) -> list[np.ndarray]:
    """Likewise, in this process."""
    return compile_here(text)(inputs)


def compile_here(text: str) -> Callable[[Sequence], list[np.ndarray]]:
    """The module as a function of arguments, in this process. Both raise XlaError."""
    from jaxlib import lapack, xla_client

    from jax_ir_synth.lowering.device import cpu
    from jax_ir_synth.lowering.parsing import open_module

    # Fetches LAPACK's addresses, which JAX does when it lowers a call; without them one crashes.
    lapack.prepare_lapack_call("potrf_ffi", np.float32)
    device = cpu()
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    # Takes a third of the time off, and each module runs a few times alone.
    options.executable_build_options.debug_options.xla_llvm_disable_expensive_passes = True
    with _one_line_errors(), open_module(text) as module:
        executable = device.client.compile_and_load(
            module, xla_client.DeviceList((device,)), options, []
        )

    def run(inputs: Sequence) -> list[np.ndarray]:
        with _one_line_errors():
            buffers = put_here(inputs)
            results = executable.execute_sharded(buffers).disassemble_into_single_device_arrays()
            # What a routine refuses is only told here.
            return [np.asarray(result[0]) for result in results]

    return run


def put_here(inputs: Sequence) -> list:
    """The inputs as XLA takes them, in this process; those that are so already stay."""
    import jax

    from jax_ir_synth.lowering.device import cpu

    # Otherwise JAX makes 32 bits of 64.
    with jax.enable_x64(True):
        return [x if isinstance(x, jax.Array) else jax.device_put(x, cpu()) for x in inputs]


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    from jaxlib.xla_client import XlaRuntimeError

    try:
        yield
    except XlaRuntimeError as error:
        reason = str(error).strip().split("\n")[0]
        raise XlaError(f"XLA refuses it: {reason}") from None


def serve() -> None:
    """Run the helper's process."""
    answer_questions(_answer, lambda: importlib.import_module("jax_ir_synth.lowering"))


def _answer(question) -> tuple:
    try:
        return run_here(*question), None
    except ValueError as error:
        return None, str(error)
