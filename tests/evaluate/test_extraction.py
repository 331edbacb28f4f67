"""Modules are found in completions however a model wraps them."""

import re
import textwrap
import time

import pytest
from chat_forms import ANSWERS, LEAVE_PROSE, THOUGHTS
from hypothesis import given, settings
from hypothesis import strategies as st
from worst_texts import PARTS, worst_texts

from jax_ir_synth.evaluate.extraction import FIRST, LAST, extract_modules
from jax_ir_synth.evaluate.prompts import STOP

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


def texts(completion: str, *wanted: str, take: str = LAST) -> list[str]:
    return [module.text for module in extract_modules(completion, wanted, take)]


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
    found = extract_modules(COLUMN, ("forward", "backward"))
    assert {module.backend for module in found} == {"gpu"}


def test_headings_may_stand_outside_of_the_blocks():
    completion = f"## Backward\n```mlir\n{FORWARD}\n```\n## Forward\n```mlir\n{BACKWARD}\n```"
    assert texts(completion, "forward", "backward") == [BACKWARD, FORWARD]


def test_without_headings_names_tell():
    assert texts(f"{BACKWARD}\n{FORWARD}", "forward", "backward") == [FORWARD, BACKWARD]
    assert texts(f"{FORWARD}\n{BACKWARD}", "backward") == [BACKWARD]


def test_of_several_the_last_counts_or_the_first():
    drafts = [module.replace("tensor", "draft") for module in (FORWARD, BACKWARD)]
    everything = [*drafts, FORWARD, BACKWARD]
    for separator in ("\n\n", "\n```\n```mlir\n"):
        completion = f"```mlir\n{separator.join(everything)}\n```"
        for wanted in (("forward",), ("backward",), ("forward", "backward")):
            places = ["forward backward".split().index(section) for section in wanted]
            assert texts(completion, *wanted, take=FIRST) == [drafts[place] for place in places]
            assert texts(completion, *wanted) == [everything[2 + place] for place in places]
    assert texts(f"{FORWARD}\n{GENERIC}", "backward", take=FIRST) == [FORWARD]
    assert texts(f"{FORWARD}\n{GENERIC}", "backward") == [GENERIC]


def test_the_first_is_that_of_a_base_model_that_goes_on():
    completion = f"{FORWARD}\n\n# Example 2\ndef kernel_g(x):\n  return x\n\nmodule @m {{ }}\n"
    assert texts(completion, "forward", take=FIRST) == [FORWARD]
    assert texts(completion, "forward") == ["module @m { }"]
    # It needn't be asked for where the model goes on in the form of our prompts.
    assert texts(f"{FORWARD}{STOP}\n\nmodule @m {{ }}\n", "forward") == [FORWARD]


def test_one_module_is_not_taken_twice():
    assert texts(FORWARD, "forward", "backward") == [FORWARD]


def test_aliases_beside_a_module_come_with_it():
    module = FORWARD.replace("mhlo.num_partitions", "m.layout = #layout, mhlo.num_partitions")
    for completion in (f"#layout = dense<0> : tensor<i32>\n{module}",
                       f"{module}\n#layout = dense<0> : tensor<i32>"):  # fmt: skip
        assert texts(completion, "forward") == [f"#layout = dense<0> : tensor<i32>\n{module}"]


def test_an_alias_that_is_defined_twice_is_the_one_before_the_module():
    first, second = (f"#a = dense<{n}> : tensor<i32>" for n in range(2))
    completion = f"{first}\n{FORWARD}\n{second}\n{BACKWARD}"
    assert texts(completion, "forward", "backward") == [
        f"{first}\n{FORWARD}",
        f"{second}\n{BACKWARD}",
    ]


def test_functions_without_a_module_are_one():
    functions = textwrap.dedent(BACKWARD.partition("{\n")[2].rpartition("\n}")[0])
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


# Tags, fences and tokens that are parts of a module, where MLIR lets them be.
TAGGED = """\
module @jit_f attributes {a = "<think>", b = "</think> </answer>", c = "\\"</think>\\""} {
  // </think> <answer> <|channel|>analysis<|message|> <|im_end|>
  func.func public @main(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.custom_call @a(%arg0) {b = "// ``` <|end|>"} : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32> // <think> </reasoning> <answer>
  }
}"""
SHAPES = {
    "forward": [FORWARD],
    "backward": [BACKWARD],
    "both": [FORWARD, BACKWARD],
    "both, without names": [re.sub(" @jit_\\w+", "", module) for module in (FORWARD, BACKWARD)],
    "generic": [GENERIC],
    "with tags": [TAGGED],
}


def _fenced(code: str) -> str:
    return f"```mlir\n{code}\n```"


def _fill(form: str, right: list[str]) -> str:
    """A form with these modules as its answer, and others of the same names as its drafts."""
    wrong = [module.replace("tensor", "draft") for module in right]
    block = "\n".join(map(_fenced, right))
    parts = {
        "DRAFTLINE": " ".join(re.sub(" // .*", "", wrong[0]).split()),
        "DRAFTCUT": wrong[0].partition("(")[0],
        "DRAFTCODE": "\n\n".join(wrong),
        "DRAFT": "\n".join(map(_fenced, wrong)),
        "INDENTED": block.replace("\n", "\n    "),
        "QUOTED": block.replace("\n", "\n> "),
        "ANSWER": block,
        "CODE": "\n\n".join(right),
    }
    return re.sub("|".join(parts), lambda match: parts[match[0]], form)


def _sections(right: list[str]) -> list[str]:
    if len(right) > 1:
        return ["forward", "backward"]
    return ["backward" if right == [BACKWARD] else "forward"]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_form_of_an_answer_gives_it_behind_any_thoughts(shape, answer):
    right = SHAPES[shape]
    failed = [
        name
        for name, thoughts in THOUGHTS.items()
        # Where the prompt opened a block, the completion begins with code.
        if not ("block opened by the prompt" in answer and name in LEAVE_PROSE)
        and texts(_fill(thoughts + ANSWERS[answer], right), *_sections(right)) != right
    ]
    assert failed == []


@pytest.mark.parametrize("thoughts", THOUGHTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_draft_in_thoughts_is_no_answer(shape, thoughts):
    right = SHAPES[shape]
    for behind in ("", "I give up.", "```python\nx\n```", "<answer>\nNone.\n</answer>"):
        completion = _fill(THOUGHTS[thoughts], right) + behind
        assert texts(completion, *_sections(right)) == [], completion


@pytest.mark.parametrize(
    ("completion", "place"),
    [
        (FORWARD, "the text, module 1 of 1"),
        (f"```\nx\n```\n```\n{FORWARD}\n```", "block 2 of 2, module 1 of 1"),
        (f"{FORWARD}\n{FORWARD}", "the text, module 2 of 2"),
        (f"<answer>\n{FORWARD}\n</answer>", "answer 1 of 1, module 1 of 1"),
        (f"<answer>x</answer><answer>\n```\n{FORWARD}\n```\n</answer>",
         "answer 2 of 2, block 1 of 1, module 1 of 1"),
        (f"{FORWARD}\n```\nSo it is.", "block 1 of 1, module 1 of 1"),
        (f"```\n{BACKWARD}\n```\n</think>\n```\n{FORWARD}\n```", "block 1 of 1, module 1 of 1"),
    ],
)  # fmt: skip
def test_where_it_was(completion, place):
    (module,) = extract_modules(completion, ["forward"])
    assert (module.text, module.place) == (FORWARD, place)


@pytest.mark.parametrize("opened", [name for name in THOUGHTS if "think" in THOUGHTS[name].lower()])
def test_thoughts_that_are_cut_off_hold_no_answer(opened):
    form = THOUGHTS[opened]
    start = re.match(r"\W*(?:\w+:)?think(?:ing)?[^>\]▷]*[>\]▷]", form, re.IGNORECASE)
    if start and "DRAFT" in form:
        assert texts(_fill(start[0] + "\nDRAFT\n<answer>\nDRAFT\n", [FORWARD]), "forward") == []
        # What was before them is an answer all the same.
        completion = _fill("ANSWER\n" + start[0] + "\nDRAFT\n", [FORWARD])
        assert texts(completion, "forward") == [FORWARD]


_TAGS = re.compile(r"think|reason|channel|start|message|end\|>|</s>|analysis", re.IGNORECASE)


@given(st.lists(st.sampled_from([part for part in PARTS if not _TAGS.search(part)])))
@settings(max_examples=300, deadline=None)
def test_whatever_is_thought_changes_nothing(thoughts):
    thought = "".join(thoughts)
    for before in (f"<think>{thought}\n</think>\n", f"{thought}\n</think>\n"):
        assert texts(before + FORWARD, "forward") == [FORWARD]
        assert texts(before, "forward") == []
    assert texts(f"{_fenced(FORWARD)}\n<think>{thought}", "forward") == [FORWARD]
    assert texts(f"<think>{thought}", "forward") == []


@given(
    st.lists(st.sampled_from([*PARTS, FORWARD, BACKWARD, GENERIC])), st.sampled_from([FIRST, LAST])
)
@settings(max_examples=300, deadline=None)
def test_anything_may_be_a_completion(parts, take):
    completion = "".join(parts)
    found = extract_modules(completion, ("forward", "backward"), take)
    assert len(found) <= 2
    for module in found:
        assert module.text and module.place


def _time(text: str) -> int:
    start = time.process_time_ns()
    extract_modules(text, ("forward", "backward"))
    return time.process_time_ns() - start


@pytest.mark.slow
def test_time_grows_as_the_length_does():
    short, long = (dict(worst_texts(length)) for length in (4_000, 32_000))
    for name in short:
        # Eight times the text takes eight times as long, or 64 times where anything is quadratic.
        for _ in range(4):
            if _time(long[name]) < 24 * _time(short[name]):
                break
        else:
            raise AssertionError(name)
