"""`push_to_hub` without a config's name, of what our builder gives, and then with one."""

import sys

import datasets

import jax_ir_synth  # noqa: F401

if __name__ == "__main__":
    name, seed, count = sys.argv[1:]
    asked = {"seed": int(seed), "count": int(count), "verify": False}
    rows = datasets.load_dataset("jax_ir_synth", **asked)
    rows.push_to_hub(name)
    # And once more by its name, as `all`.
    rows.push_to_hub(name, "all")
