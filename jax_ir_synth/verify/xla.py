"""Compiles and runs a module's text with XLA's CPU client, in a process that was started cleanly.

A process that has run anything through XLA can't be forked any more: the child hangs. So the
caller's process is left alone, unless it says that it is one of this project's own.
"""

import functools
import importlib
import threading
from collections.abc import Sequence

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.helper import Helper, HelperDied, OfThisProcess, answer_questions

# For a module's compilation and its run, in a helper.
_SECONDS = 60

_own = False
_refusal: str | None = None
_helpers: OfThisProcess[Helper] = OfThisProcess()


class XlaError(JaxIrSynthError, ValueError):
    """XLA refused the module, or its process died; the message is one line."""


def use_this_process() -> None:
    """Say that this process is never forked, so that XLA may run in it."""
    global _own
    _own = True


def refuse(reason: str) -> None:
    """Say that this process can neither run XLA nor start one that does: `run` raises XlaError."""
    global _refusal
    _refusal = reason


def run(text: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results of the module's main on the inputs. Raises XlaError."""
    if _refusal is not None:
        raise XlaError(_refusal)
    return _run(text, inputs) if _own else _ask(text, list(inputs))


def _run(text: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    import jax
    from jaxlib import lapack, xla_client
    from jaxlib.xla_client import XlaRuntimeError

    from jax_ir_synth.lowering.device import cpu
    from jax_ir_synth.lowering.parsing import parsed

    # Fetches LAPACK's addresses, which JAX does when it lowers a call; without them one crashes.
    lapack.prepare_lapack_call("potrf_ffi", np.float32)
    device = cpu()
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    try:
        with parsed(text) as module:
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


def _ask(text: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    start = functools.partial(Helper, __name__)
    if not _helpers.get(None, start).alive:
        _helpers.close()
    helper = _helpers.get(None, start)
    late = threading.Event()

    def end() -> None:
        late.set()
        helper.kill()

    # Nobody counts the turns of a loop that XLA runs.
    watch = threading.Timer(_SECONDS, end)
    watch.daemon = True
    watch.start()
    try:
        results, failure = helper.ask((text, inputs))
    except HelperDied as error:
        if late.is_set():
            raise XlaError(f"XLA was not done with it after {_SECONDS} s") from None
        raise XlaError(f"the process that runs XLA died ({error})") from None
    finally:
        watch.cancel()
    if failure is not None:
        raise XlaError(failure)
    return results


def serve() -> None:
    """The helper's whole life."""
    answer_questions(_answer, _ready)


def _ready() -> None:
    use_this_process()
    importlib.import_module("jax_ir_synth.lowering")


def _answer(question: tuple[str, list[np.ndarray]]) -> tuple:
    try:
        return _run(*question), None
    except ValueError as error:
        return None, str(error)
