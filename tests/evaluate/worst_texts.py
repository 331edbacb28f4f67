"""Texts that would take a careless pattern very long: a beginning, and a part that is repeated."""

BEGINNINGS = (
    '"',
    'module @a { "',
    "module @a {\n",
    "module",
    "module @",
    '"builtin.module"() ({ sym_name',
    "func.func @f() ",
    "# JAX compiler IR (backend=",
    "# JAX compiler IR (backend=gpu, dialect=",
    "```mlir\n",
    "<think ",
    "<answer>",
    "analysis",
    "<|channel|>final<|message|>",
    "module @a {}\n",
)
# What took a minute of CPU time at 60,000 of them.
QUOTES = ('module @a { "', '\\"')
PARTS = (
    "x", " ", "\n", " \n", "\\", '"', '\\"', '" "', "'", "`", "``", "` ", "```", "```\n", "```a\n",
    "~~~\n", " ```\n~~~\n", "```mlir\nmodule {\n", "/", "//", "// \n", ":", ":  ", "*", "> ", ">\n",
    "> ```\n", "<", "<|", "<a:", "<think", "<think ", "<think>", "</think>", "<think>\n", "a <think> b ",
    "<think></think>", "<think><reasoning>", "[THINK", "[THINK ", "[THINK]", "◁think ", "<answer>",
    "</answer>", "<answer>module {}</answer>", "<answer>```\nmodule {}\n```\n", "<|channel|>",
    "<|channel|>final<|message|>", "<|start|>", "<|end|>", "<|message|>a<|end|>", "<|im_end|>", "</s>",
    "\n### Question", "assistantfinal", "assistant ", "module", "module ", "module\n", "module {\n",
    "module {}\n", "module @a attributes ", 'module @"', 'module @"a', ">module ", '"builtin.module"(',
    '"builtin.module"()\n', '"builtin.module"() : () -> ()\n', "attributes ", "func.func ", ":func.func a ", ":module @\"\\", "func.func @",
    "func.func @f\n", "func.func @f() {\n", "func.func @f() {}\n", '"func.func"(', "{", "{ ", "{\n", "{}",
    "{}\n", "(", "()", "->", "<=", "#a", "#a ", "#a = 1\n", "#a = 1\nmodule {}\n", "!a = i1\n", "sym_name ",
    "sym_name =", 'sym_name = "', ")", ") ", "forward\n", "## Forward\nmodule {}\n", "1. backward\n",
    "# JAX compiler IR (backend=gpu, dialect=hlo)\n", "# JAX compiler IR (backend=gpu, dialect=hlo) x",
    "mlir\n", "// a\n#b\n",
)  # fmt: skip


def worst_texts(length: int):
    """Each part by itself and behind one of the beginnings, as often as the length takes.

    Given is how a text is made, and the text.
    """
    for number, part in enumerate(PARTS):
        for beginning in ("", BEGINNINGS[number % len(BEGINNINGS)]):
            yield (beginning, part), beginning + part * (length // len(part))
    yield QUOTES, QUOTES[0] + QUOTES[1] * (length // 2)
