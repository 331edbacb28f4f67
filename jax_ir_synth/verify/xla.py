"""Compiles and runs a module's text with XLA's CPU client, in a process that was started cleanly.

A process that has run anything through XLA can't be forked any more: the child hangs. So the
caller's process is left alone, unless it says that it is one of this project's own.
"""

import atexit
import contextlib
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

_own = False
_helpers: dict[int, subprocess.Popen] = {}


class XlaError(ValueError):
    """XLA refused the module, or its process died; the message is one line."""


def use_this_process() -> None:
    """Say that this process is never forked, so that XLA may run in it."""
    global _own
    _own = True


def run(text: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results of the module's main on the inputs. Raises XlaError."""
    return _run(text, inputs) if _own else _ask(text, list(inputs))


def _run(text: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    import jax
    from jaxlib import lapack, xla_client
    from jaxlib.xla_client import XlaRuntimeError

    from jax_ir_synth.lowering.parsing import parsed

    # Fetches LAPACK's addresses, which JAX does when it lowers a call; without them one crashes.
    lapack.prepare_lapack_call("potrf_ffi", np.float32)
    device = jax.devices("cpu")[0]
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
    # By the process: one that was forked off must not talk to its parent's helper.
    helper = _helpers.get(os.getpid())
    if helper is None or helper.poll() is not None:
        helper = _helpers[os.getpid()] = _start()
    try:
        pickle.dump((text, inputs), helper.stdin)
        helper.stdin.flush()
        results, failure = pickle.load(helper.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        status = helper.wait()
        raise XlaError(f"the process that runs XLA died (exit status {status})") from None
    if failure is not None:
        raise XlaError(failure)
    return results


def _start() -> subprocess.Popen:
    start = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    process = subprocess.Popen(
        [sys.executable, "-c", start],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        # Ctrl-C is for the parent, which ends its helper itself.
        process_group=0,
    )
    atexit.register(_stop, process)
    return process


def _stop(process: subprocess.Popen) -> None:
    process.kill()
    with contextlib.suppress(BrokenPipeError), process:
        pass


def serve() -> None:
    """The helper's whole life: modules from stdin, results to stdout, until stdin ends."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not end up among the answers.
    os.dup2(2, 1)
    use_this_process()
    importlib.import_module("jax_ir_synth.lowering")
    while True:
        try:
            text, inputs = pickle.load(questions)
        except EOFError:
            return
        try:
            answer = _run(text, inputs), None
        except ValueError as error:
            answer = None, str(error)
        pickle.dump(answer, answers)
        answers.flush()
