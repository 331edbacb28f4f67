"""How programs of families are written: each step on small functions, and what it must not do."""

import ast
import textwrap

import pytest

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style import check, idioms, outline
from jax_ir_synth.kernels.style.annotate import find_kinds
from jax_ir_synth.kernels.style.dead_code import drop_dead_code
from jax_ir_synth.kernels.style.family import list_all
from jax_ir_synth.kernels.style.trees import copy_tree, list_names, walk


def read(text):
    return ast.parse(textwrap.dedent(text)).body


def write(statements):
    return "\n".join(ast.unparse(ast.fix_missing_locations(each)) for each in statements)


class Always:
    """A stream that says yes, and takes the first of everything."""

    def chance(self, percent):
        return percent > 0

    def choose(self, weights):
        return next(iter(weights))

    def below(self, number):
        return 0


FAMILIES = list_all()[::40]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_trees_are_walked_and_copied_as_ast_does(family):
    function = family.module.functions[family.name]
    assert ast.dump(copy_tree(function)) == ast.dump(function)
    ignored = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    expected = [node for node in ast.walk(function) if not isinstance(node, ignored)]
    assert walk(function) == expected
    assert list_names(function) == [each for each in expected if isinstance(each, ast.Name)]


DEAD = [
    # A value that is replaced before it is read.
    ("a = x + 1\na = x + 2\nreturn a", "a = x + 2\nreturn a"),
    # One that nothing reads, and what only it reads.
    ("a = x + 1\nb = a + 1\nreturn x", "return x"),
    # A branch in which nothing is left.
    ("if flag:\n    a = x\nreturn x", "return x"),
    (
        "if flag:\n    a = 1\nelse:\n    x = x + 1\nreturn x",
        "if not flag:\n    x = x + 1\nreturn x",
    ),
    # What a loop's next turn reads, what a function reads when it is called, and what is changed
    # in place.
    *(
        (text, text)
        for text in (
            "a = x\nfor i in range(3):\n    x = x + a\n    a = x\nreturn x",
            "def f(y):\n    return y + a\n\na = x + 1\nreturn f(x)",
            "p = {}\np['w'] = x\nreturn p['w']",
            "rows = []\nfor i in range(3):\n    rows.append(x)\nreturn rows",
            "if flag:\n    a = 1\nelse:\n    a = 2\nreturn x + a",
        )
    ),
]


@pytest.mark.parametrize(("before", "after"), DEAD)
def test_dead_code_is_dropped_and_no_other(before, after):
    (function,) = read("def f(x, flag):\n" + textwrap.indent(before, "    "))
    drop_dead_code(function)
    assert write(function.body) == write(
        read("def f(x, flag):\n" + textwrap.indent(after, "    "))[0].body
    )


def test_steps_with_a_name_become_a_helper():
    program = read(
        """
        def f(x, w, b):
            hidden = x @ w
            hidden = hidden + b
            scores = hidden * 2
            return scores - x
        """
    )
    helper, main = outline.outline(program, [], Always())
    assert write([helper]).splitlines()[0] == "def compute_scores(x, w, b):"
    assert write(main.body) == "scores = compute_scores(x, w, b)\nreturn scores - x"


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        # A variable of a comprehension is the helper's own, and so is a size that is found in it.
        ("a = [g + 1 for g in x]\nb = a[0]\ntotal = b + 1", ["x"]),
        ("n = x.shape[0]\na = x * 2\ntotal = a / n", ["x"]),
        # A size that comes from before isn't passed on, nor is a static value.
        ("n = x.shape[0]\nx = x - n\na = x * n\nb = a + n\ntotal = b * n\nn = b", None),
        ("a = x * mode\nb = a + 1\ntotal = b + x", None),
        # What is changed in place.
        ("x[0] = 1\na = x + 1\ntotal = a * 2", None),
        # Two results.
        ("a = x + 1\nb = a + 1\ntotal = b * a\nx = a", None),
        # One whose name says nothing.
        ("a = x + 1\nb = a + 1\nout = b * a", None),
    ],
)
def test_what_is_taken_out_gets_all_that_it_reads_or_stays(steps, taken):
    body = textwrap.indent(steps, "    ")
    name = "out" if "out =" in steps else "total"
    program = read(f"def f(x, mode):\n{body}\n    return {name} + x\n")
    *helpers, main = outline.outline(program, ["mode"], Always())
    assert [[each.arg for each in helper.args.args] for helper in helpers] == [taken][: bool(taken)]
    if taken is None:
        assert write([main]) == write(program)


def test_short_branches_become_expressions_but_chains_stay():
    (function,) = read(
        """
        def f(x, flag, kind):
            if flag:
                y = x
            else:
                y = x + 1
            if kind == "a":
                z = y
            elif kind == "b":
                z = y + 1
            else:
                z = y + 2
            return z
        """
    )
    idioms.shorten([function], "float32", Always())
    text = write(function.body)
    assert "y = x if flag else x + 1" in text
    assert "elif kind == 'b':" in text


def test_a_function_that_is_used_once_becomes_a_lambda_in_its_place():
    (function,) = read(
        """
        def f(x):
            "Docstring."
            def body(i, y):
                return y + i
            return lax.fori_loop(0, 3, body, x)
        """
    )
    idioms.shorten([function], "float32", Always())
    assert write(function.body) == "'Docstring.'\nreturn lax.fori_loop(0, 3, lambda i, y: y + i, x)"


def test_checks_hold_for_the_declared_axes():
    (function,) = read("def f(x, y, kind='a'):\n    return x + y")
    check.add_checks(function, {"x": ("n", "d"), "y": ("n", "d")}, {"kind": ["a", "b"]}, Always())
    text = write(function.body)
    assert text.startswith(
        "if kind not in ('a', 'b'):\n    raise ValueError(f\"unknown kind: {kind}\")"
    )
    assert "if x.ndim != 2:" in text


def test_annotations_tell_arrays_from_trees_and_functions():
    program = read(
        """
        def norm(tree, scale, act, rate):
            return scale * act(sum(x for x in jax.tree.leaves(tree))) * rate

        def f(x, y, rate=0.5):
            params = {"x": x}
            return norm(params, y, jnp.abs, rate)
        """
    )
    assert find_kinds(program[0], program, "jax.Array") == {"scale": "jax.Array", "rate": "float"}


def test_the_stream_decides():
    texts = set()
    for number in range(60):
        program = read(
            "def f(x, w):\n    a = x * w\n    b = a + x\n    total = b * w\n    return total"
        )
        found = outline.outline(program, [], Stream(1, "style", number))
        again = outline.outline(
            read("def f(x, w):\n    a = x * w\n    b = a + x\n    total = b * w\n    return total"),
            [],
            Stream(1, "style", number),
        )
        assert write(found) == write(again)
        texts.add(write(found))
    assert len(texts) > 1
