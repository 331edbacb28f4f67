"""Nothing here has jax look for devices: no plugin of jax is loaded, and none shows a traceback."""

import importlib.util
import os

import pytest
from row_ids import row_id

from jax_ir_synth.generate.fingerprint import PACKAGE
from jax_ir_synth.request.targets import _PLUGIN_MODULE

# As jax's plugin for CUDA does on a machine that lacks CUDA's libraries.
PLUGIN = """
import os
from jax._src import config

def initialize():
    if config.jax_platforms.value != "cpu":
        with open(os.environ["LOADED"], "a") as file:
            file.write("loaded")
        raise RuntimeError("Unable to load cuDNN. Is it installed?")
"""
COMPLAINT = "Jax plugin configuration error"

COMMANDS = """
import json, sys
import datasets
import jax_ir_synth
from jax_ir_synth.cli.main import main
from jax_ir_synth.lowering import lower, lower_source
from jax_ir_synth.verify import prove

if __name__ == "__main__":
    import jax
    from jax import numpy as jnp

    def run(*words):
        code = main(list(words))
        assert not code, (words, code)

    loaded = datasets.load_dataset("jax_ir_synth", "all", count=20, seed=7, split="train")
    datasets.load_dataset("jax_ir_synth", "loop", count=9, dialect="llvm", device="cpu")
    next(iter(datasets.load_dataset("jax_ir_synth", "loop", split="train", streaming=True)))
    prove(loaded[0])
    # What is executed while it is traced, and what is lowered by LAPACK.
    fn = lambda x: jnp.linalg.solve(x, jnp.asarray([1.0, 2.0]) + jnp.arange(2)).sum() + x.size
    lower(fn, jax.ShapeDtypeStruct((2, 2), "float32"), dialect=("jaxpr", "stablehlo", "hlo"))
    run("generate", "--count", "20", "--seed", "7", "--output", "rows.jsonl", "--jsonl")
    run("generate", "--count", "9", "--output", "rows.parquet", "--num-proc", "2")
    with open("rows.jsonl") as rows, open("completions.jsonl", "w") as completions:
        for line in rows:
            row = json.loads(line)
            text = row["cpp"].partition("## Forward\\n")[2].partition("\\n\\n")[0]
            completions.write(json.dumps(dict(id=row["id"], completion=text)) + "\\n")
    run("verify", "rows.jsonl")
    run("prompts", "rows.jsonl", "--output", "prompts.jsonl")
    run("baselines", "rows.jsonl", "--baseline", "references", "--output", "right.jsonl")
    with open("model.py", "w") as file:
        file.write("def scaled(x):\\n    return 2.0 * x\\n")
    run("lower", "model.py:scaled", "4xf32", "--output", "scaled.mlir")
    run("stats", "rows.jsonl")
    run("samples", "rows.jsonl", "samples")
    run("show", "loop", "--id", "{id}", "--seed", "7")
    run("show", "rows.jsonl", "--html", "rows.html")
    run("card", "rows.jsonl", "card", "--seed", "7")
    run("publish", "me/rows", "--count", "20", "--dry-run", "published")
    run("evaluate", "--predictions", "completions.jsonl", "--dataset", "rows.jsonl")
    run("scale", "--count", "9", "--shards", "1", "--output", "scaled", "--workers", "1")
    if {compiler}:
        run("levels", "levels.md")
"""
# The caller's own jax, in the same process, after all that: it looks for devices as ever, and what
# can only be set before still can be.
AFTER = """
    import os
    from jax._src import xla_bridge
    assert not xla_bridge.backends_are_initialized()
    assert not os.path.exists(os.environ["LOADED"])
    print("so far", file=sys.stderr)
    jax.config.update("jax_num_cpu_devices", 2)
    assert len(jax.devices("cpu")) == 2
    assert os.path.exists(os.environ["LOADED"])
"""


@pytest.fixture
def plugin(tmp_path):
    """The environment of a process whose jax has a plugin that complains."""
    folder = tmp_path / "plugins" / "jax_plugins" / "complaining"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PLUGIN)
    path = [str(tmp_path / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"LOADED": str(tmp_path / "loaded"), "PYTHONPATH": os.pathsep.join(path)}


@pytest.mark.slow
def test_no_command_and_no_function_loads_a_plugin(python, plugin, tmp_path):
    for extra in ("jax_plugins", "matplotlib", "rapidfuzz", "datatrove"):
        pytest.importorskip(extra)
    compiler = importlib.util.find_spec(_PLUGIN_MODULE) is not None
    script = tmp_path / "commands.py"
    script.write_text(COMMANDS.format(compiler=compiler, id=row_id("loop", 2)) + AFTER)
    plugin["PYTHONPATH"] += os.pathsep + str(PACKAGE.parent)
    kept = {"JAX_PLATFORMS": ""}
    done = python(script, cwd=tmp_path, env=kept | plugin)
    assert done.returncode == 0, done.stderr[-3000:]
    before, after = done.stderr.split("so far")
    assert COMPLAINT not in before and "Traceback" not in before, before
    # Nothing was taken from the caller: jax complains when it is asked for devices.
    assert COMPLAINT in after


@pytest.mark.parametrize("first", ["jax_ir_synth.generate.rows", "jax_ir_synth.verify.interpreter"])
def test_nothing_is_logged_whatever_is_imported_first(python, first, tmp_path):
    """XLA's library reads how much it may log when it is loaded."""
    script = tmp_path / "first.py"
    script.write_text(
        f"import {first}\n"
        "from jax_ir_synth.generate.plan import plan_rows\n"
        "from jax_ir_synth.generate.rows import rows\n"
        "from jax_ir_synth.request.config import Request\n"
        "request = Request(count=1)\n"
        "assert len(list(rows(request, plan_rows(request)))) == 1\n"
    )
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    done = python(script, cwd=tmp_path, env={"PYTHONPATH": path})
    assert (done.returncode, done.stderr) == (0, "")
