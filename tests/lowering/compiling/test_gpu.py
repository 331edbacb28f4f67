"""With a GPU: is what is compiled without one what its own compiler writes, and is it right?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Run with jax's CUDA backend, in a process of its own: this one may have none.
COMPARE = """
import collections, json, re, sys, tempfile
from pathlib import Path
import jax
try:
    device = jax.devices("cuda")[0]
except RuntimeError:
    json.dump({"skip": "no GPU that jax can use"}, sys.stdout)
    sys.exit()
import numpy as np
from jaxlib import xla_client
from jax_ir_synth.lowering.compiling import code, hlo, server
from jax_ir_synth.config import Request
from jax_ir_synth.lowering.column import read_column
from jax_ir_synth.lowering.parsing import parsed
from jax_ir_synth.meaning import tolerance
from jax_ir_synth.meaning.points import understood
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import make_row
from jax_ir_synth.targets import Target

described = Target("this", "cuda", xla_client.get_topology_for_devices([device]).target_config)
OPERATION = re.compile(r"^\\\\s+(?:ROOT )?%\\\\S+ = .*? ([\\\\w-]+)\\\\(", re.MULTILINE)

def real(text, dump):
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    options.env_option_overrides = [("xla_dump_to", str(dump))]
    with parsed(text) as module:
        executable = device.client.compile_and_load(
            module, xla_client.DeviceList((device,)), options, []
        )
    return {"optimized_hlo": hlo.text(executable.hlo_modules()[0]), "asm": code.ptx(dump)}, executable

def run(executable, inputs):
    buffers = [jax.device_put(x, device) for x in inputs]
    results = executable.execute_sharded(buffers).disassemble_into_single_device_arrays()
    return [np.asarray(result[0]) for result in results]

found = {"modules": 0, "same_hlo": 0, "same_ptx": 0, "wrong": [], "kinds": collections.Counter()}
request = Request(seed=5, count=int(sys.argv[1]), device="cuda", verify=False)
for planned in plan_rows(request):
    row = make_row(request, planned)
    meaning, points = understood(row["python"], row["kernel_name"], row["in_avals"], row["argnums"])
    for which, module in zip(("forward", "backward"), read_column(row["cuda"])[3:5]):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            without, _ = server.compiled(module, described, ("optimized_hlo", "asm"), Path(a))
            there, executable = real(module, Path(b))
        found["modules"] += 1
        found["same_hlo"] += without["optimized_hlo"] == there["optimized_hlo"]
        found["same_ptx"] += without["asm"] == there["asm"]
        if without["optimized_hlo"] != there["optimized_hlo"]:
            kinds = [
                collections.Counter(OPERATION.findall(texts["optimized_hlo"]))
                for texts in (without, there)
            ]
            changed = (kinds[0] - kinds[1]) + (kinds[1] - kinds[0])
            found["kinds"].update(sorted(changed) or ["the same operations, otherwise arranged"])
        half = any(aval["dtype"] in ("float16", "bfloat16") for aval in row["in_avals"])
        for point in points:
            inputs = [x.astype(aval["dtype"]) for x, aval in zip(point.inputs, row["in_avals"])]
            results = [np.float64(x) for x in run(executable, inputs)]
            if which == "forward":
                # Products of matrices are rounded to TF32's eleven bits there.
                rate = 0.05 if half else 2e-3
                off = max(
                    tolerance.outputs_differ(x, np.float64(meant), slope, rate)
                    if slope is not None else float(not np.array_equal(x, meant)) * 2
                    for x, meant, slope in zip(results, point.outputs, point.slopes)
                )
            else:
                parts = [x * point.move[k] for x, k in zip(results, row["argnums"])]
                size = sum(float(np.abs(x).sum()) for x in point.outputs if x.dtype.kind == "f")
                off = tolerance.gradients_differ(
                    parts, point.derivative, size, 0.05 if half else 5e-3
                )
            if not off <= 1:
                found["wrong"].append([row["id"], which, off])
json.dump(found, sys.stdout)
"""


def test_what_is_compiled_without_a_gpu_is_what_its_compiler_writes(capsys):
    kept = {key: value for key, value in os.environ.items() if key != "JAX_PLATFORMS"}
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, "200"],
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if "skip" in found:
        pytest.skip(found["skip"])
    with capsys.disabled():
        print("\n", found)
    assert found["modules"] == 400
    assert found["wrong"] == []
    # Without the GPU no tilings are tried; nearly all modules have nothing to try.
    assert found["same_hlo"] >= 0.5 * found["modules"]
