"""The jax settings that a lowering runs under, whatever the caller or the environment has set."""

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jax

from jax_ir_synth.lowering.device import cpu

# All of jax's settings with the values that it declares for them. Recorded in a process without
# environment variables, since jax keeps what it reads there as the default.
RECORD = Path(__file__).with_name("jax_settings.json")

# What these decide belongs to the process, and is no part of a text: which devices there are, what
# is kept of compiled programs, what is logged. What reads them for the first time, settles them
# for the caller too.
OF_THE_PROCESS = frozenset(
    """
    jax_compilation_cache_check_contents jax_compilation_cache_dir
    jax_compilation_cache_expect_pgle jax_compilation_cache_include_metadata_in_key
    jax_compilation_cache_max_size jax_cpu_collectives_implementation
    jax_cpu_get_global_topology_timeout_minutes jax_cpu_get_local_topology_timeout_minutes
    jax_debug_leaked_clients_on_clear_backends jax_debug_log_modules jax_distributed_debug
    jax_enable_compilation_cache jax_enable_preemption_service jax_enable_recoverability
    jax_logging_level jax_num_cpu_devices jax_persistent_cache_enable_xla_caches
    jax_persistent_cache_min_compile_time_secs jax_persistent_cache_min_entry_size_bytes
    jax_pjrt_client_create_options jax_platforms jax_raise_persistent_cache_errors
    jax_remove_custom_partitioning_ptr_from_cache_key jax_share_binary_between_hosts
    jax_share_binary_between_hosts_timeout_ms jax_thread_guard jax_transfer_guard
    """.split()
)

# Where another value than jax's own is better.
_OURS = {
    # The text has no locations, and collecting Python frames for them costs time.
    "jax_traceback_in_locations_limit": 0,
    # In a terminal or a notebook jax prints jaxprs in colours.
    "jax_pprint_use_color": False,
}

# jax merges equal inner functions of a module by the identity of cached objects, and its caches
# drop the oldest of 2048 entries each: what the process traced before can then change the text
# (jax-ml/jax#40312). Traces made under another value of this context never share cache entries,
# and a value is used for so few lowerings that none of its own entries is dropped meanwhile.
_LOWERINGS_PER_EPOCH = 64
# jax keeps the traces of its own library functions for ever, about 0.3 MB for each kernel.
_KERNELS_PER_CLEARING = 512
_kernels = itertools.count(1)
_epoch = cast(Callable[[object], Any], jax.make_user_context)(None)
_lowerings = itertools.count()


def _by_name() -> dict[str, Any]:
    """The table of jax's settings by name, empty where this jax keeps it elsewhere."""
    from jax._src import config

    return getattr(config, "config_states", {})


@functools.cache
def _pins() -> tuple[tuple[Any, ...], ...]:
    """Each setting that is pinned, with its value; what this jax doesn't have is passed over."""
    declared = json.loads(RECORD.read_text(encoding="utf-8")) | _OURS
    states = _by_name()
    return tuple(
        (states[name], value)
        for name, value in declared.items()
        if name in states and name not in OF_THE_PROCESS
    )


@contextlib.contextmanager
def pin_settings() -> Iterator[None]:
    """Trace and lower inside this: jax's defaults for this thread, and caches of its own.

    The caller's settings stand again on leaving, and other threads never see a change. A context
    that the caller is in (a mesh, a trace) is another matter: see `isolation`.
    """
    with contextlib.ExitStack() as stack:
        for state, value in _pins():
            stack.enter_context(state(value))
        # Else jax would look for all devices there are, for good and for the caller as well.
        stack.enter_context(jax.default_device(cpu()))
        stack.enter_context(_epoch(("jax_ir_synth", next(_lowerings) // _LOWERINGS_PER_EPOCH)))
        yield


def bound_memory() -> None:
    """To be called for each kernel of many: clears jax's caches every 512th time.

    Functions that the caller has jitted stay valid; their next call compiles again.
    """
    if next(_kernels) % _KERNELS_PER_CLEARING == 0:
        cast(Callable[[], None], jax.clear_caches)()
