"""Provides a CPU device of this project's own, so that jax needn't look for devices.

jax looks for devices once in a process. It then loads each plugin (CUDA's logs a traceback if
CUDA's libraries are missing) and takes its share of a GPU. Afterwards it refuses settings that must
come first, such as `jax.distributed.initialize` and `jax_num_cpu_devices`.
"""

import functools
import os

from jaxlib import xla_client


def cpu() -> xla_client.Device:
    """Return the device; a forked process gets its own.

    The first device makes XLA read `XLA_FLAGS`, as jax's own would.
    """
    return _client(os.getpid()).devices()[0]


@functools.cache
def _client(pid: int) -> xla_client.Client:
    return xla_client.make_cpu_client(num_devices=1)
