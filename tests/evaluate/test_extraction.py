"""Modules are found in completions however a model wraps them."""

import pytest

from jax_ir_synth.evaluate.extraction import extract_modules, find_modules

FORWARD = """\
module @jit_f attributes {mhlo.num_partitions = 1 : i32} {
  func.func public @main(%arg0: tensor<2xf32>) -> (tensor<2xf32> {jax.result_info = "}{"}) {
    // a comment with a brace }
    %0 = stablehlo.compare  GT, %arg0, %arg0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %arg0 : tensor<2xf32>
  }
}"""
BACKWARD = """\
module @jit_f_loss {
  func.func public @main(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = call @g(%arg0) : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func private @g(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    return %arg0 : tensor<2xf32>
  }
}"""
GENERIC = """\
"builtin.module"() <{sym_name = "jit_g"}> ({
  "func.func"() <{function_type = (tensor<2xf32>) -> tensor<2xf32>, sym_name = "main"}> ({
  ^bb0(%arg0: tensor<2xf32>):
    "func.return"(%arg0) : (tensor<2xf32>) -> ()
  }) : () -> ()
}) {a = 1 : i32} : () -> ()"""
COLUMN = f"""\
# JAX compiler IR (backend=gpu, dialect=stablehlo)
## Forward
{FORWARD}

## Backward (jax.grad of scalar loss, argnums=(0,))
{BACKWARD}
"""


def texts(completion: str, *wanted: str) -> list[str]:
    return [module.text for module in extract_modules(completion, wanted)]


WRAPPINGS = {
    "bare": "{}",
    "indented by nothing, prose around": "Sure, here is the module:\n\n{}\n\nIt {{returns}} x.",
    "a block": "```mlir\n{}\n```",
    "a block of no language": "Text.\n\n```\n{}\n```\nMore ```code``` here.",
    "tildes": "~~~\n{}\n~~~",
    "a longer fence": "````mlir\n{}\n````",
    "an indented fence": "  ```mlir\n{}\n  ```",
    "an open block": "```mlir\n{}",
    "after Python": "```python\nmodule = {{}}\n```\n```mlir\n{}\n```",
    "thoughts": "<think>Maybe\n```mlir\nmodule @no {{ }}\n```\n</think>\n```mlir\n{}\n```",
    "carriage returns": "Here:\r\n\r\n```mlir\r\n{}\r\n```\r\n",
    "a header line": "# JAX compiler IR (backend=cpu, dialect=stablehlo)\n## Forward\n{}\n",
    "bold heading": "**Forward**\n```mlir\n{}\n```",
    "other modules behind": "{}\n\n# Example 2\ndef kernel_g(x):\n  return x\n\nmodule @m {{ }}\n",
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("module", [FORWARD, GENERIC], ids=["pretty", "generic"])
def test_a_module_is_found_in_any_wrapping(wrapping, module):
    completion = WRAPPINGS[wrapping].format(module)
    assert texts(completion, "forward") == [module]


def test_a_column_gives_each_section():
    for wanted, meant in ((("forward",), [FORWARD]), (("backward",), [BACKWARD]),
                          (("forward", "backward"), [FORWARD, BACKWARD])):  # fmt: skip
        assert texts(COLUMN, *wanted) == meant
        assert texts(f"```mlir\n{COLUMN}```", *wanted) == meant
    assert {module.backend for module in find_modules(COLUMN)} == {"gpu"}


def test_headings_may_stand_outside_of_the_blocks():
    completion = f"## Backward\n```mlir\n{FORWARD}\n```\n## Forward\n```mlir\n{BACKWARD}\n```"
    assert texts(completion, "forward", "backward") == [BACKWARD, FORWARD]


def test_without_headings_names_tell():
    assert texts(f"{BACKWARD}\n{FORWARD}", "forward", "backward") == [FORWARD, BACKWARD]
    assert texts(f"{FORWARD}\n{BACKWARD}", "backward") == [BACKWARD]
    assert texts(f"{FORWARD}\n{GENERIC}", "backward") == [FORWARD]


def test_one_module_is_not_taken_twice():
    assert texts(FORWARD, "forward", "backward") == [FORWARD]


def test_aliases_beside_a_module_come_with_it():
    module = FORWARD.replace("mhlo.num_partitions", "m.layout = #layout, mhlo.num_partitions")
    for completion in (f"#layout = dense<0> : tensor<i32>\n{module}",
                       f"{module}\n#layout = dense<0> : tensor<i32>"):  # fmt: skip
        assert texts(completion, "forward") == [f"#layout = dense<0> : tensor<i32>\n{module}"]


def test_functions_without_a_module_are_one():
    functions = BACKWARD.partition("{\n")[2].rpartition("\n}")[0]
    for wrapping in ("{}", "```mlir\n{}\n```", "Here:\n{}\nIt returns x."):
        assert texts(wrapping.format(functions), "forward") == [functions.strip()]


def test_what_was_taken_is_told():
    completion = f"```\nnothing\n```\n```mlir\n{FORWARD}\n{BACKWARD}\n```"
    (module,) = extract_modules(completion, ["backward"])
    assert module.place == "block 2 of 2, module 2 of 2"


@pytest.mark.parametrize(
    "completion",
    ["", "I can't.", "def f(x):\n  return x", "The module computes {x}.", "module", "module @f",
     "```mlir\n%0 = stablehlo.add %a, %b : tensor<f32>\n```", "\0", "}{" * 50, "``` " * 1000],
)  # fmt: skip
def test_what_holds_no_module_gives_none(completion):
    assert texts(completion, "forward") == []


def test_a_module_that_is_cut_off_is_taken_as_far_as_it_goes():
    assert texts(f"```mlir\n{FORWARD[:150]}", "forward") == [FORWARD[:150].strip()]
    assert texts(GENERIC[:150], "forward") == [GENERIC[:150].strip()]
