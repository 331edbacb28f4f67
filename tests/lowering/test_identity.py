"""`hash_program`: blind to names, and to nothing else."""

import pytest
from lowering_probes import V8

from jax_ir_synth.lowering import hash_program, lower_source
from jax_ir_synth.schema.identity import canonicalize_module
from jax_ir_synth.schema.ir_section import read_section

SOURCE = """
def kernel_first(x, y):
    @jax.jit
    def helper(v):
        return jnp.where(v > 0, v, 2.0 * v)
    return helper(x) + jnp.remainder(x, y)
"""


def _hash(python: str = SOURCE, name: str = "kernel_first", argnums=(0, 1), platforms=("cpu",)):
    return lower_source(python, name, (V8, V8), argnums, platforms).program_hash


def test_it_is_short_hex():
    assert len(_hash()) == 32 and int(_hash(), 16) >= 0


@pytest.mark.parametrize(
    ("old", "new"), [("helper", "bend"), ("v", "value"), ("jnp.where(", "jnp.where(*[], ")]
)
def test_a_renamed_function_or_value_changes_nothing(old, new):
    assert _hash(SOURCE.replace(old, new)) == _hash()


def test_a_renamed_kernel_changes_nothing():
    assert _hash(SOURCE.replace("kernel_first", "kernel_other"), "kernel_other") == _hash()


@pytest.mark.parametrize("name", ["α", "übung", "kernel_β1"])
def test_a_name_beyond_ascii_changes_nothing(name):
    assert _hash(SOURCE.replace("helper", name)) == _hash()
    assert _hash(SOURCE.replace("kernel_first", name), name) == _hash()


def test_a_symbol_in_a_string_is_no_name():
    module = 'module @m {\n  func.func private @f()\n  x = "a \\" @f", @f, "@f"\n}'
    assert canonicalize_module(module) == (
        'module @module {\n  func.func private @f0()\n  x = "a \\" @f", @f0, "@f"\n}'
    )


def test_the_spelling_of_a_return_value_changes_nothing():
    returned = "return helper(x) + jnp.remainder(x, y)"
    in_a_dict = SOURCE.replace(returned, "return {'z': helper(x) + jnp.remainder(x, y)}")
    assert _hash(in_a_dict) == _hash()


@pytest.mark.parametrize(
    ("old", "new"),
    [("2.0", "2.5"), ("v > 0", "v >= 0"), ("remainder(x, y)", "remainder(y, x)"), (" + ", " - ")],
)
def test_a_changed_program_changes_it(old, new):
    assert _hash(SOURCE.replace(old, new)) != _hash()


def test_other_argnums_change_it():
    assert _hash(argnums=(0,)) != _hash()


@pytest.mark.parametrize("platforms", [("cuda",), ("cpu", "cuda"), ("cuda", "cpu")])
def test_it_is_the_same_whatever_the_device(platforms):
    python = "def kernel_r(x):\n    return x * jax.random.normal(jax.random.PRNGKey(0), (8,))\n"
    on_cpu = lower_source(python, "kernel_r", (V8,), (0,), ("cpu",))
    assert lower_source(python, "kernel_r", (V8,), (0,), platforms).program_hash == (
        on_cpu.program_hash
    )
    column = read_section(on_cpu.columns["cpu"])
    assert on_cpu.program_hash == hash_program(column.forward, column.backward)


def test_symbols_that_the_module_does_not_define_and_strings_stay():
    module = (
        "module @jit_main {\n"
        "  func.func public @main() {\n"
        "    call @b() : () -> ()\n"
        '    stablehlo.custom_call @lapack_x() {note = "@b \\" @a"}\n'
        "    call @a() : () -> ()\n"
        "  }\n"
        "  func.func private @a() {\n  }\n"
        "  func.func private @b() {\n  }\n"
        "}"
    )
    text = canonicalize_module(module)
    assert "module @module" in text and "@lapack_x()" in text and '"@b \\" @a"' in text
    assert "call @f0()" in text and "private @f0" in text.split("private @f1")[1]


def test_functions_that_trade_places_are_told_apart():
    first = "\n".join(
        ["module @m {", "  call @a()", "  call @b()"]
        + [f"  func.func private @{name}()" for name in "ab"]
        + ["}"]
    )
    same = first.replace("@a", "@t").replace("@b", "@a").replace("@t", "@b")
    other = first.replace("  call @b()\n", "  call @a()\n")
    assert canonicalize_module(first) == canonicalize_module(same) != canonicalize_module(other)
