"""The rows are the same whatever the caller is in, has set, or has in the environment."""

import contextlib
import decimal
import functools
import gc
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from jax.experimental.compute_on import compute_on
from jax.experimental.xla_metadata import set_xla_metadata
from jaxlib.mlir import ir

from jax_ir_synth import kernels
from jax_ir_synth.generate.plan import CategoryPlan, PlannedRow, plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.lowering import lower
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.helper import inherited
from jax_ir_synth.verify import prove

SEED = 20_000
# Of these candidates some have linear algebra, loops and random numbers.
CANDIDATES = range(2, 4)


def make_rows() -> list[dict]:
    """Rows of all categories, drawn, lowered and proven anew."""
    request = Request(seed=SEED, dialect=("jaxpr", "stablehlo", "hlo"))
    planned = [
        PlannedRow(number * len(CATEGORIES) + place, category, number, "train")
        for number in CANDIDATES
        for place, category in enumerate(CATEGORIES)
    ]
    return [make_row(request, each) for each in planned]


@pytest.fixture(scope="module")
def expected():
    rows = make_rows()
    assert {row["type"] for row in rows} == {f"generate_{name}" for name in CATEGORIES}
    return rows


def _mesh(kind):
    return jax.make_mesh((1,), ("data",), axis_types=(kind,))


@contextlib.contextmanager
def _legacy_mesh():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with _mesh(jax.sharding.AxisType.Auto):
            yield


@contextlib.contextmanager
def _changed(get, change, back):
    before = get()
    change()
    try:
        yield
    finally:
        back(before)


@contextlib.contextmanager
def _in_an_mlir_context():
    with ir.Context(), ir.Location.file("caller.mlir", 1, 1):
        yield


@contextlib.contextmanager
def _numpy_raises():
    before = np.seterr(all="raise")
    with scipy.special.errstate(all="raise"):
        yield
    np.seterr(**before)


def _seeded():
    random.seed(1)
    np.random.seed(1)


EXPLICIT, AUTO = jax.sharding.AxisType.Explicit, jax.sharding.AxisType.Auto
CONTEXTS = {
    "a mesh": lambda: jax.set_mesh(_mesh(EXPLICIT)),
    "a mesh of automatic axes": lambda: jax.set_mesh(_mesh(AUTO)),
    "a mesh as it was entered before": _legacy_mesh,
    "an abstract mesh": lambda: jax.sharding.use_abstract_mesh(
        jax.sharding.AbstractMesh((2,), ("x",), (EXPLICIT,))
    ),
    "metadata": lambda: set_xla_metadata(mine="yes"),
    "compute on the host": lambda: compute_on("device_host"),
    "a scope of names": lambda: jax.named_scope("mine"),
    "a device": lambda: jax.default_device(jax.devices("cpu")[0]),
    "evaluation while tracing": jax.ensure_compile_time_eval,
    "leaks": jax.checking_leaks,
    "no transfers": lambda: jax.transfer_guard("disallow_explicit"),
    "no tracing": lambda: jax.no_tracing(True),
    "compiles logged": lambda: jax.log_compiles(True),
    "a context of MLIR": _in_an_mlir_context,
    "NumPy's errors": _numpy_raises,
    "NumPy's print options": lambda: np.printoptions(precision=1, suppress=True, sign="+"),
    "NumPy's old print options": lambda: np.printoptions(legacy="1.13"),
    "decimals": lambda: decimal.localcontext(decimal.Context(prec=2)),
    "seeds": lambda: _changed(lambda: None, _seeded, lambda _: None),
    "warnings": lambda: warnings.catch_warnings(action="error"),
    "no collector": lambda: _changed(gc.isenabled, gc.disable, lambda _: gc.enable()),
    "an eager collector": lambda: _changed(
        gc.get_threshold, lambda: gc.set_threshold(7), lambda before: gc.set_threshold(*before)
    ),
    "few frames": lambda: _changed(
        sys.getrecursionlimit, lambda: sys.setrecursionlimit(190), sys.setrecursionlimit
    ),
    "a small stack": lambda: _changed(
        threading.stack_size, lambda: threading.stack_size(64 * 1024), threading.stack_size
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_what_the_caller_is_in_changes_nothing(name, expected):
    with CONTEXTS[name]():
        assert make_rows() == expected


def test_a_trace_under_way_changes_nothing(expected):
    made = []

    @functools.partial(jax.vmap, axis_name="mine")
    def traced(x):
        made.append(make_rows())
        return jnp.sin(x)

    jax.jit(jax.grad(lambda x: traced(x).sum())).trace(jnp.ones(3))
    assert made == [expected]


def test_a_deep_caller_and_another_thread_change_nothing(expected):
    made = []

    def deep(frames):
        if frames:
            return deep(frames - 1)
        made.append(make_rows())

    frame, used = sys._getframe(), 0
    while frame := frame.f_back:
        used += 1
    thread = threading.Thread(target=lambda: deep(sys.getrecursionlimit() - 40))
    thread.start()
    thread.join()
    deep(sys.getrecursionlimit() - used - 40)
    assert made == [expected, expected]


def test_several_threads_at_once_change_nothing(expected):
    made = []
    threads = [threading.Thread(target=lambda: made.append(make_rows())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [expected] * 3


def test_drawing_and_proving_alone_are_as_independent(expected):
    candidates = []
    for context in (contextlib.nullcontext, _numpy_raises):
        plan = CategoryPlan("reduction", SEED)
        with context(), jax.set_mesh(_mesh(AUTO)):
            plan.extend(20)
            candidates.append([plan.row(index) for index in range(20)])
            assert [prove(row, "arrays") for row in expected[:5]] == [
                x["verified"] for x in expected[:5]
            ]
    assert candidates[0] == candidates[1]


def test_lower_is_as_independent_and_leaves_nothing_behind():
    def fn(x):
        # What it changes for its thread ends with the call.
        np.seterr(all="raise")
        return jnp.cumsum(x @ x)

    def nested(x):
        assert lower(fn, x) == plain
        return fn(x)

    x = jax.ShapeDtypeStruct((4, 4), "float32")
    plain, before = lower(fn, x), np.geterr()
    with jax.set_mesh(_mesh(EXPLICIT)), set_xla_metadata(mine="yes"):
        assert lower(fn, x) == plain
        assert lower(nested, x, name="fn") == plain
    assert np.geterr() == before
    assert lower(nested, x, name="fn") == plain


# Writes the rows as JSON. What comes before is said by the test: it has the names above.
ROWS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import jax
{before}
from test_surroundings import make_rows
json.dump(make_rows(), sys.stdout)
"""
# Every setting of jax that is pinned gets a value that isn't its own, for all threads at once.
ALL_OTHER = """
import enum
from jax._src import config
from jax_ir_synth.lowering import settings
def another(name, value):
    choices = config.config.meta[name][2]
    if isinstance(value, enum.Enum):
        return next(other for other in type(value) if other != value)
    if "enum_values" in choices:
        return next(other for other in choices["enum_values"][::-1] if other != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return "gpu" if name == "jax_default_device" else "other"
changed = 0
for name, state in config.config_states.items():
    if name not in settings.OF_THE_PROCESS:
        state.set_global(another(name, state.get_global()))
        changed += 1
assert changed > 70
"""


def _start(before="", **environment) -> list[dict]:
    run = subprocess.run(
        [sys.executable, "-c", ROWS.format(before=before), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


def test_all_settings_of_jaxs_registry_at_once_change_nothing(expected):
    assert _start(ALL_OTHER) == expected


ENTERED_FOR_GOOD = """
import json, sys
import jax
jax.set_mesh(jax.make_mesh((1,), ("data",)))
import jax_ir_synth
from datasets import load_dataset
asked = {"count": 20, "split": "train", "cache_dir": sys.argv[1]}
print(json.dumps(load_dataset("jax_ir_synth", "loop", **asked).to_list()))
"""


def test_load_dataset_works_in_a_process_with_a_mesh(python, tmp_path):
    request = Request(category="loop", count=20)
    made = [make_row(request, each) for each in plan_rows(request) if each.split == "train"]
    done = python("-c", ENTERED_FOR_GOOD, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == made


# jax's variables are read when it is imported, all others by a process's start; so what can go
# together does.
ENVIRONMENTS = {
    "settings of jax": {
        "JAX_CHECK_TRACER_LEAKS": "1",
        "JAX_CUSTOM_VJP3": "1",
        "JAX_DEFAULT_MATMUL_PRECISION": "float32",
        "JAX_DEFAULT_PRNG_IMPL": "rbg",
        "JAX_ENABLE_CHECKS": "1",
        "JAX_ENABLE_X64": "1",
        "JAX_EXPLICIT_X64_DTYPES": "error",
        "JAX_HIGH_DYNAMIC_RANGE_GUMBEL": "1",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_RAGGED_DOT_USE_RAGGED_DOT_INSTRUCTION": "0",
        "JAX_RANDOM_SEED_OFFSET": "7",
        "JAX_SOFTMAX_CUSTOM_JVP": "0",
        "JAX_THREEFRY_PARTITIONABLE": "0",
        "JAX_TRACEBACK_FILTERING": "off",
        "JAX_USE_DIRECT_LINEARIZE": "0",
        "JAX_USE_SHARDY_PARTITIONER": "0",
        "CHECK_VMA": "1",
        "EAGER_CONSTANT_FOLDING": "1",
    },
    "devices that aren't there, and Python": {
        "JAX_PLATFORMS": "cuda",
        "JAX_PLATFORM_NAME": "gpu",
        "JAX_NUM_CPU_DEVICES": "3",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONDEVMODE": "1",
        "PYTHONHASHSEED": "123",
        "PYTHONOPTIMIZE": "2",
        "TZ": "Asia/Kathmandu",
        "OPENBLAS_NUM_THREADS": "3",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX",
    },
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_variables_change_nothing(name, expected):
    assert _start(**ENVIRONMENTS[name]) == expected


def test_python_without_docstrings_has_the_categories_descriptions(python):
    code = (
        "from jax_ir_synth import kernels; "
        "from jax_ir_synth.request.categories import CATEGORIES; "
        "print(*map(kernels.description, CATEGORIES))"
    )
    done = python("-OO", "-c", code)
    assert done.stdout.split() == " ".join(map(kernels.description, CATEGORIES)).split()


def test_the_callers_variables_dont_reach_helpers(monkeypatch):
    told = {"JAX_ENABLE_X64": "1", "XLA_FLAGS": "--x", "PYTHONINSPECT": "1", "TF_CPP_VMODULE": "x"}
    kept = {"PYTHONPATH": "here", "HF_HOME": "there", "PATH": os.environ["PATH"]}
    for name, value in (told | kept).items():
        monkeypatch.setenv(name, value)
    assert not told.keys() & inherited().keys()
    assert kept.items() <= inherited().items()


COMMA = """
import locale
locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
assert locale.localeconv()["decimal_point"] == ","
"""


def test_a_locale_with_a_decimal_comma_changes_nothing(expected, tmp_path):
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef")
    made = tmp_path / "de_DE.UTF-8"
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(made)]
    done = subprocess.run(command, capture_output=True, text=True)
    if not made.exists():
        pytest.skip(f"localedef makes no locale: {done.stderr}")
    assert _start(COMMA, LOCPATH=str(tmp_path)) == expected


def test_dumped_ir_changes_nothing(expected, tmp_path):
    there = {"JAX_DUMP_IR_TO": str(tmp_path), "JAX_DUMP_IR_MODES": "jaxpr,stablehlo"}
    assert _start(**there) == expected
