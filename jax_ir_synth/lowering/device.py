"""A CPU device of this project's own, so that the caller's jax isn't made to look for devices.

jax looks for devices once for a process: it loads each plugin (that for CUDA logs a traceback where
CUDA's libraries are missing), takes its share of a GPU, and refuses afterwards what has to be set
before, as `jax.distributed.initialize` and `jax_num_cpu_devices` do.
"""

import functools
import os

from jaxlib import xla_client


def cpu() -> xla_client.Device:
    """The device. A process forked off gets its own.

    The first one has XLA read `XLA_FLAGS`, as jax's own would.
    """
    return _client(os.getpid()).devices()[0]


@functools.cache
def _client(pid: int) -> xla_client.Client:
    return xla_client.make_cpu_client(num_devices=1)
