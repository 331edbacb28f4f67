"""jax's own registry of settings: each is pinned, or belongs to the process; a new one is seen."""

import json
import os
import subprocess
import sys

import jax
import pytest
from jax._src import config

from jax_ir_synth.lowering import settings

# Prints the values that jax declares: in a process that gets no variable and no site of the user's.
DECLARED = """
import enum, json, jax
from jax._src import config
def plain(value):
    return value.name.lower() if isinstance(value, enum.Enum) else value
values = {name: plain(state.get_global()) for name, state in config.config_states.items()}
print(json.dumps(values, indent=1, sort_keys=True))
"""
# What jax keeps beside its settings and takes for part of what a trace depends on. Each thread
# begins without, and no function of jax sets them for all threads, but one for Pallas on a TPU.
OF_A_THREAD = {
    "abstract_mesh_context_manager",
    "axis_env_state",
    "compute_on_context_manager",
    "mesh_context_manager",
    "pallas_tpu_interpret_mode_context_manager",
    "user_context",
    "xla_metadata_context_manager",
}
# Settings that can only be set for all threads: of devices, of the compiler and of messages; where
# IR is dumped, which is done beside what is returned.
FLAGS = {
    "jax_backend_target",
    "jax_check_proxy_envs",
    "jax_compiler_detailed_logging_min_ops",
    "jax_cpu_enable_async_dispatch",
    "jax_cross_host_transfer_socket_address",
    "jax_cross_host_transfer_timeout_seconds",
    "jax_cross_host_transfer_transfer_size",
    "jax_cross_host_transport_addresses",
    "jax_cuda_visible_devices",
    "jax_disable_most_optimizations",
    "jax_dump_ir_modes",
    "jax_dump_ir_to",
    "jax_force_dcn_cross_host_transfers",
    "jax_include_debug_info_in_dumps",
    "jax_mock_gpu_topology",
    "jax_oneapi_visible_devices",
    "jax_pallas_verbose_errors",
    "jax_platform_name",
    "jax_rocm_visible_devices",
    "jax_sort_devices_by_process_index",
    "jax_tracer_error_num_traceback_frames",
    "jax_xla_backend",
    "mock_num_gpu_processes",
}


def test_the_record_is_what_this_jax_declares(pytestconfig):
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    declared = subprocess.run(
        [sys.executable, "-I", "-c", DECLARED], env=kept, capture_output=True, check=True, text=True
    ).stdout
    if pytestconfig.getoption("--record-goldens"):
        settings.RECORD.write_text(declared, encoding="utf-8")
    assert json.loads(settings.RECORD.read_text(encoding="utf-8")) == json.loads(declared)


def test_every_setting_is_pinned_or_belongs_to_the_process():
    recorded = set(json.loads(settings.RECORD.read_text(encoding="utf-8")))
    assert set(config.config_states) == recorded
    assert recorded > settings.OF_THE_PROCESS
    pinned = {state.name for state, _ in settings._pins()}
    assert pinned == recorded - settings.OF_THE_PROCESS


def test_nothing_that_a_trace_depends_on_is_left_to_the_process():
    names = set(config.trace_context_names())
    assert names & OF_A_THREAD and not names & settings.OF_THE_PROCESS
    assert names - OF_A_THREAD <= {state.name for state, _ in settings._pins()}


def test_every_flag_is_known():
    states = set(config.config_states)
    assert set(config.config._value_holders) - states == FLAGS


@pytest.mark.parametrize("name", sorted(OF_A_THREAD - {"axis_env_state", "user_context"}))
def test_what_is_of_a_thread_is_known_by_that_name(name):
    assert isinstance(getattr(config, name), config.config_ext.Config)


def test_a_pin_is_undone_with_its_hooks():
    with jax.debug_nans(True):
        with settings.pin_settings():
            assert not jax.config.jax_debug_nans
        assert jax.config.jax_debug_nans
        with pytest.raises(FloatingPointError):
            jax.numpy.log(-1.0)
