"""Pins jax's settings for a lowering, whatever the caller or the environment has set."""

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jax

from jax_ir_synth.lowering.device import cpu

# All of jax's settings with their declared values, recorded in a process without environment
# variables, since jax takes those as defaults.
RECORD = Path(__file__).with_name("jax_settings.json")

# These settings concern the process, not a text: its devices, the cache of compiled programs, the
# log. They are not pinned, since their first use settles them for the caller too.
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

# Values of this project's own.
_OURS = {
    # The text has no locations, so collecting Python frames for them would waste time.
    "jax_traceback_in_locations_limit": 0,
    # In a terminal or a notebook, jax would print jaxprs in colours.
    "jax_pprint_use_color": False,
}

# jax merges equal inner functions of a module by the identity of cached objects, and each of its
# caches drops the oldest of 2048 entries. So whatever the process traced before could change the
# text (jax-ml/jax#40312). Traces under different values of this context never share cache entries,
# and each value is used for so few lowerings that none of its entries is dropped meanwhile.
_LOWERINGS_PER_EPOCH = 64
# jax keeps the traces of its own library functions forever, about 0.3 MB for each kernel.
_KERNELS_PER_CLEARING = 512
_kernels = itertools.count(1)
_epoch = cast(Callable[[object], Any], jax.make_user_context)(None)
_lowerings = itertools.count()


def _by_name() -> dict[str, Any]:
    """Return the table of jax's settings; empty if this version of jax keeps it elsewhere."""
    from jax._src import config

    return getattr(config, "config_states", {})


@functools.cache
def _pins() -> tuple[tuple[Any, ...], ...]:
    """List the pinned settings with their values; those that this jax lacks are skipped."""
    declared = json.loads(RECORD.read_text(encoding="utf-8")) | _OURS
    states = _by_name()
    return tuple(
        (states[name], value)
        for name, value in declared.items()
        if name in states and name not in OF_THE_PROCESS
    )


@functools.cache
def _split_pins() -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]:
    """Split the pins: those that must be set by their context manager, and those that needn't.

    A context manager for each takes a hundredth of a lowering's time. Where nothing follows from a
    setting at once, it does no more than to swap this thread's value.
    """
    hooked, plain = [], []
    for state, value in _pins():
        manager = state(value)
        if getattr(state, "_update_thread_local_hook", manager) or not hasattr(state, "swap_local"):
            hooked.append((state, value))
        else:
            plain.append((state, manager.new_val))
    return hooked, plain


def _restore(before: list[tuple[Any, Any]]) -> None:
    for state, value in before:
        state.set_local(value)


@contextlib.contextmanager
def pin_settings() -> Iterator[None]:
    """Set jax's defaults for this thread inside the `with` block, with caches of their own.

    On leaving, the caller's settings are restored. Other threads never see a change. For contexts
    of the caller (a mesh, a trace) see `isolation`.
    """
    hooked, plain = _split_pins()
    with contextlib.ExitStack() as stack:
        for state, value in hooked:
            stack.enter_context(state(value))
        before: list[tuple[Any, Any]] = []
        stack.callback(_restore, before)
        for state, value in plain:
            before.append((state, state.swap_local(value)))
        # Otherwise jax would look for all devices, which affects the caller too (see `device`).
        stack.enter_context(jax.default_device(cpu()))
        stack.enter_context(_epoch(("jax_ir_synth", next(_lowerings) // _LOWERINGS_PER_EPOCH)))
        yield


def bound_memory() -> None:
    """Clear jax's caches at every 512th call; call it once for each of many kernels.

    The caller's jitted functions remain valid, but compile again at their next call.
    """
    if next(_kernels) % _KERNELS_PER_CLEARING == 0:
        cast(Callable[[], None], jax.clear_caches)()
