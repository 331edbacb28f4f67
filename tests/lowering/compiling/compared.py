"""Runs compiled modules, and compares two compilers: `python compared.py MODE ROWS` prints JSON.

A script, since XLA takes flags and devices for good when it starts. Its modes:

gpu: what is compiled from this machine's GPU's description alone, beside what that GPU's own
  compiler makes, which is run there. Prints {"skip": reason} where there is none.
cpu: what is compiled for the CPU is run.
rehearsal, another, negated: the mode gpu for those who have none. A described GPU stands for the
  real one and XLA's CPU client runs; in the second another GPU stands for it, in the third what it
  computes is negated.
"""

import collections
import functools
import json
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxlib import xla_client
from jaxlib.xla_client import XlaRuntimeError

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.lowering.compiling import code, hlo, server
from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.reference.points import Point, evaluate_reference
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.targets import TARGETS
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify import tolerance
from jax_ir_synth.verify.execution import find_shortest_float

# The verifier's tests have XLA as their second opinion too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "verify"))
import xla_oracle  # noqa: E402

# float32, each pass: XLA fuses, reorders and approximates, so more than the interpreter's.
CPU_RATES = (1e-4, 1e-3)
# A GPU's products of matrices are rounded to TF32's eleven bits.
GPU_RATES = (2e-3, 5e-3)
# XLA rounds 16-bit floats elsewhere than the interpreter does. So of each output this share of the
# elements must be within this part of what the output is and how far it moves.
HALF_RATES, HALF_SHARE = {"bfloat16": 0.5, "float16": 0.25}, 0.75

_OPERATION = re.compile(r"^\s+(?:ROOT )?%\S+ = .*? ([\w-]+)\(", re.MULTILINE)

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


class Compiler(NamedTuple):
    """Makes of a module's text `optimized_hlo` and `asm`, and what runs it."""

    texts: Callable[[str], dict[str, str]]
    run: Callable[[str], Run] | None = None


def _compiled(text: str, device, load: bool):
    """The texts of what the device's compiler makes, and the executable."""
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    with tempfile.TemporaryDirectory() as dump, open_module(text) as module:
        options.env_option_overrides = [("xla_dump_to", dump)]
        devices = xla_client.DeviceList((device,))
        if load:
            executable = device.client.compile_and_load(module, devices, options, [])
        else:
            executable = device.client.compile(module, devices, options)
        (optimized,) = executable.hlo_modules()
        return {
            "optimized_hlo": hlo.format_module(optimized),
            "asm": code.read_ptx(Path(dump)),
        }, executable


def _run(device, text: str) -> Run:
    _, executable = _compiled(text, device, load=True)

    def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        buffers = [jax.device_put(x, device) for x in inputs]
        results = executable.execute_sharded(buffers).disassemble_into_single_device_arrays()
        return [np.asarray(result[0]) for result in results]

    return run


def _without(device) -> Compiler:
    """The compiler for a described device: it can't run."""
    return Compiler(lambda text: _compiled(text, device, load=False)[0])


def compilers(mode: str) -> tuple[Compiler, Compiler]:
    """What knows a GPU from its description alone, and what has it."""
    if mode == "gpu":
        device = jax.devices("cuda")[0]
        topology = xla_client.get_topology_for_devices([device])
        (described,) = topology._make_compile_only_devices()
        there = Compiler(
            lambda text: _compiled(text, device, load=True)[0], functools.partial(_run, device)
        )
        return _without(described), there
    name = "sm_80" if mode == "another" else "sm_90"
    sign = -1 if mode == "negated" else 1
    without, stands = (_without(server._device(TARGETS[gpu])) for gpu in ("sm_90", name))
    return without, Compiler(
        stands.texts,
        lambda text: lambda inputs: [x * sign for x in xla_oracle.run_here(text, inputs)],
    )


def differences(without: dict[str, str], there: dict[str, str]) -> list[str]:
    """The kinds of HLO operations of which one has more than the other."""
    counts = [
        collections.Counter(_OPERATION.findall(texts["optimized_hlo"]))
        for texts in (without, there)
    ]
    changed = (counts[0] - counts[1]) + (counts[1] - counts[0])
    return sorted(changed) or ["the same operations, otherwise arranged"]


def off(
    row: dict, points: Sequence[Point], runs: tuple[Run, Run], rates: tuple[float, float]
) -> float:
    """How far the passes are from what the row's Python means, in units of what is allowed."""
    worst = 0.0
    dtypes = [aval["dtype"] for aval in row["in_avals"]]
    half = find_shortest_float(read_section(row["cpp"] or row["cuda"]).forward)
    for point in points:
        inputs = [x.astype(dtype) for x, dtype in zip(point.inputs, dtypes, strict=True)]
        outputs, gradients = ([np.float64(x) for x in run(inputs)] for run in runs)
        slopes = [np.zeros(()) if slope is None else slope for slope in point.slopes]
        if half:
            for x, meant, slope in zip(outputs, point.outputs, slopes, strict=True):
                size = np.abs(np.float64(meant)).max(initial=0.0) + np.abs(slope).max(initial=0.0)
                if not np.mean(np.abs(x - meant) <= HALF_RATES[half] * size) >= HALF_SHARE:
                    worst = max(worst, 2.0)
            continue
        largest = point.largest
        for x, meant, slope, most in zip(
            outputs, point.outputs, slopes, largest.outputs, strict=True
        ):
            worst = max(worst, tolerance.measure_output_error(x, meant, slope, rates[0], most))
        parts = [x * point.move[k] for x, k in zip(gradients, row["argnums"], strict=True)]
        size = sum(float(np.abs(x).sum()) for x in point.outputs if x.dtype.kind == "f")
        worst = max(
            worst,
            tolerance.measure_gradient_error(
                parts, point.derivative, size, rates[1], largest.derivative
            ),
        )
    return worst


def main(mode: str, count: int) -> dict:
    """What is found over the rows, see the file's first lines."""
    if mode == "gpu":
        try:
            jax.devices("cuda")
        except RuntimeError as error:
            return {"skip": f"no GPU that jax can use: {error}"}
    device = "cpu" if mode == "cpu" else "cuda"
    request = Request(seed=5, count=count, device=device, verify=False)
    if mode == "cpu":
        here, rates = functools.partial(_run, jax.devices("cpu")[0]), CPU_RATES
    else:
        (without, there), rates = compilers(mode), GPU_RATES
        here = there.run
    found = {"modules": 0, "same_hlo": 0, "same_ptx": 0, "wrong": [], "fails": [], "kinds": {}}
    found |= {"rows": [], "halves": []}
    kinds = collections.Counter()
    for planned in plan_rows(request):
        row = make_row(request, planned)
        column = read_section(row["cpp"] or row["cuda"])
        modules = column.forward, column.backward
        found["halves" if find_shortest_float(column.forward) else "rows"].append(row["id"])
        for text in modules:
            found["modules"] += 1
            if mode == "cpu":
                continue
            one, other = without.texts(text), there.texts(text)
            found["same_hlo"] += one["optimized_hlo"] == other["optimized_hlo"]
            found["same_ptx"] += one["asm"] == other["asm"]
            if one["optimized_hlo"] != other["optimized_hlo"]:
                kinds.update(differences(one, other))
        _, points = evaluate_reference(
            row["python"], row["kernel_name"], row["in_avals"], row["argnums"]
        )
        try:
            ratio = off(row, points, tuple(map(here, modules)), rates)
        except (XlaRuntimeError, xla_oracle.XlaError) as error:
            found["fails"].append([row["id"], str(error).split("\n")[0]])
            continue
        if not ratio <= 1:
            found["wrong"].append([row["id"], ratio])
    return {**found, "kinds": dict(kinds.most_common())}


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2])), sys.stdout)
