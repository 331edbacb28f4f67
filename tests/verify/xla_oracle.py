"""XLA's CPU client, the tests' second opinion on what a module computes; in a process of its own.

A process that has run anything through XLA can't be forked any more, and the tests' may be.
"""

import importlib

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
    import jax
    from jaxlib import lapack, xla_client
    from jaxlib.xla_client import XlaRuntimeError

    from jax_ir_synth.lowering.device import cpu
    from jax_ir_synth.lowering.parsing import open_module

    # Fetches LAPACK's addresses, which JAX does when it lowers a call; without them one crashes.
    lapack.prepare_lapack_call("potrf_ffi", np.float32)
    device = cpu()
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    try:
        with open_module(text) as module:
            executable = device.client.compile_and_load(
                module, xla_client.DeviceList((device,)), options, []
            )
        # Otherwise JAX makes 32 bits of 64.
        with jax.enable_x64(True):
            buffers = [jax.device_put(x, device) for x in inputs]
        results = executable.execute_sharded(buffers).disassemble_into_single_device_arrays()
    except XlaRuntimeError as error:
        reason = str(error).strip().split("\n")[0]
        raise XlaError(f"XLA refuses it: {reason}") from None
    return [np.asarray(result[0]) for result in results]


def serve() -> None:
    """Run the helper's process."""
    answer_questions(_answer, lambda: importlib.import_module("jax_ir_synth.lowering"))


def _answer(question) -> tuple:
    try:
        return run_here(*question), None
    except ValueError as error:
        return None, str(error)
