"""The jax settings that a lowering runs under, whatever the caller has set."""

import contextlib
import itertools
from collections.abc import Iterator

import jax

# Every setting that changes what is traced or what is printed, at jax's own default. The context
# managers are thread-local, so nothing of it is seen outside `pinned_settings`.
_PUBLIC = {
    "check_tracer_leaks": False,
    "debug_infs": False,
    "debug_key_reuse": False,
    "debug_nans": False,
    "default_device": None,
    "default_matmul_precision": None,
    "default_prng_impl": "threefry2x32",
    "disable_jit": False,
    "enable_checks": False,
    "enable_custom_prng": False,
    "enable_x64": False,
    "legacy_prng_key": "allow",
    "log_compiles": False,
    "no_tracing": False,
    "numpy_dtype_promotion": "standard",
    "numpy_rank_promotion": "allow",
    "softmax_custom_jvp": False,
    "threefry_partitionable": True,
}

# Settings that have no public context manager. A name that this jax doesn't have is passed over:
# it can't be set by the caller either.
_BY_NAME = {
    "check_vma": False,
    "eager_constant_folding": False,
    "jax_allow_f16_reductions": True,
    "jax_auto_pcast": True,
    "jax_check_static_indices": False,
    "jax_compiler_enable_remat_pass": True,
    "jax_custom_vjp3": False,
    "jax_embedded_constants_max_bytes": 32,
    "jax_error_checking_behavior_divide": "ignore",
    "jax_error_checking_behavior_nan": "ignore",
    "jax_error_checking_behavior_oob": "ignore",
    "jax_high_dynamic_range_gumbel": False,
    "jax_include_full_tracebacks_in_locations": True,
    "jax_no_execution": False,
    "jax_random_seed_offset": 0,
    "jax_remat3": False,
    "jax_remove_size_one_mesh_axis_from_type": False,
    "jax_scan3": False,
    "jax_threefry_gpu_kernel_lowering": False,
    # The text has no locations, and collecting Python frames for them costs time.
    "jax_traceback_in_locations_limit": 0,
    "jax_use_direct_linearize": True,
    "jax_use_shardy_partitioner": True,
    "jax_use_simplified_jaxpr_constants": False,
}

# jax merges equal inner functions of a module by the identity of cached objects, and its caches
# drop the oldest of 2048 entries each: what the process traced before can then change the text
# (jax-ml/jax#40312). Traces made under another value of this context never share cache entries,
# and a value is used for so few lowerings that none of its own entries is dropped meanwhile.
_LOWERINGS_PER_EPOCH = 64
# jax keeps the traces of its own library functions for ever, about 0.3 MB for each kernel.
_KERNELS_PER_CLEARING = 512
_kernels = itertools.count(1)
_epoch = jax.make_user_context(None)
_lowerings = itertools.count()


def _by_name() -> dict:
    """jax's table of settings by name, empty where this jax keeps it elsewhere."""
    from jax._src import config

    return getattr(config, "config_states", {})


@contextlib.contextmanager
def pinned_settings() -> Iterator[None]:
    """Trace and lower inside this: jax's defaults for this thread, and caches of its own.

    The caller's settings stand again on leaving, and other threads never see a change.
    """
    states = _by_name()
    with contextlib.ExitStack() as stack:
        for name, value in _PUBLIC.items():
            stack.enter_context(getattr(jax, name)(value))
        for name, value in _BY_NAME.items():
            if name in states:
                stack.enter_context(states[name](value))
        stack.enter_context(_epoch(("jax_ir_synth", next(_lowerings) // _LOWERINGS_PER_EPOCH)))
        yield


def bounded_memory() -> None:
    """To be called for each kernel of many: clears jax's caches every 512th time.

    Functions that the caller has jitted stay valid; their next call compiles again.
    """
    if next(_kernels) % _KERNELS_PER_CLEARING == 0:
        jax.clear_caches()
