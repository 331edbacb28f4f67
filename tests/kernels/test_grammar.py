"""What each category is able to write, it does write: 20,000 planned sources, searched."""

import re

import pytest

from jax_ir_synth import kernels
from jax_ir_synth.generate.plan import CategoryPlan
from jax_ir_synth.request import categories

SEED, EACH = 5, 2_000

# For each category, patterns that some sources must show.
MUST_WRITE = {
    "elementwise": [
        r" \+ ",
        r" - ",
        r" \* ",
        r" / ",
        r"jnp\.power\(| \*\* \w",
        r"jnp\.maximum|lax\.max",
        r"jnp\.minimum|lax\.min",
        r"jnp\.mod\(|jnp\.remainder\(| % ",
        r"jnp\.fmod|lax\.rem",
        r"arctan2|atan2",
        r"hypot",
        r"\((\w+ [<>]=? .*)\)\.astype",
        r"jnp\.bitwise_and|\w & \w",
        r"jnp\.bitwise_or|\w \| \w",
        r"bitwise_xor|\w \^ \w",
        r"<<|left_shift",
        r">>|right_shift",
        r"~|bitwise_not|invert",
        r"jnp\.floor_divide|//",
        r"logaddexp",
    ],
    "scalar_array": [r"lax\.clamp|jnp\.clip", r"= 0\.\d+", r"\*\* 2|square", r"1\.0 - \w+"],
    "unary": [
        r"jnp\.exp\(",
        r"jnp\.sin\(",
        r"jnp\.tanh\(",
        r"jax\.nn\.\w+\(",
        r"jax\.scipy\.special\.\w+\(",
        r"square\(|\*\* 2",
        r"\d \* \w|\w \* \d",
        r"(\b\w+\b) [-+*/] .*\b\1\b",
    ],
    "branch": [
        r"jnp\.where",
        r"lax\.select\(",
        r"lax\.cond",
        r"lax\.switch",
        r"jnp\.piecewise",
        r"jnp\.select\(",
        r"jnp\.(any|all)\(",
        r"jnp\.(mean|sum|max)\([^)]*\) [<>]",
        r"def true_|lambda",
    ],
    "nested_branch": [
        r"jnp\.where",
        r"lax\.cond",
        r"lax\.switch",
        r"jnp\.piecewise|jnp\.select",
        r"lax\.select",
    ],
    "loop": [
        r"lax\.fori_loop",
        r"lax\.scan",
        r"lax\.map",
        r"lax\.associative_scan",
        r"lax\.while_loop",
        r"for \w+ in range",
        r"jnp\.cumsum",
        r"cumprod",
        r"cummax",
        r"cumlogsumexp",
        r"reverse=True",
        r"length=",
        r", ys|_, \w+ = lax\.scan",
    ],
    "reduction": [
        r"jnp\.sum|\.sum\(",
        r"jnp\.mean|\.mean\(",
        r"prod\(",
        r"max\(",
        r"min\(",
        r"var\(",
        r"std\(",
        r"linalg\.norm",
        r"logsumexp",
        r"argmax",
        r"keepdims=True",
        r"jnp\.einsum",
        r"jnp\.dot| @ ",
        r"tensordot",
        r"\.at\[\w+\]\.add",
        r"segment_sum",
        r"take_along_axis",
        r"one_hot",
        r"axis=\(",
        r"jnp\.sort|top_k",
    ],
    "vector": [
        r"jnp\.cross",
        r"jnp\.dot|vdot|vecdot",
        r"linalg\.norm",
        r"jax\.vmap",
        r"jnp\.stack",
        r"einsum",
        r"\[\.\.\., \d\]|\[:, \d\]",
    ],
    "multi_statement": [
        r"jnp\.split",
        r"\.at\[.*\]\.set",
        r"\.at\[.*\]\.add",
        r"lambda",
        r"\n    def ",
        r"return \w+.*, ",
        r"unstack",
        r"(\w+) = .*\b\1\b",
    ],
    "compound": [
        r"jax\.vmap",
        r"jax\.checkpoint",
        r"linalg\.cholesky",
        r"linalg\.solve",
        r"linalg\.inv",
        r"jax\.random\.normal",
        r"jax\.random\.PRNGKey|jax\.random\.key",
        r"jax\.random\.split",
        r"lax\.scan",
        r"lax\.cond",
        r"segment_sum",
    ],
}
UNARY_FUNCTIONS = 40


def test_every_category_has_patterns():
    missing = set(categories.CATEGORIES) - {name for name, found in MUST_WRITE.items() if found}
    assert not missing, f"MUST_WRITE lacks patterns of what {', '.join(missing)} must write"


@pytest.fixture(scope="module", params=categories.CATEGORIES)
def sources(request):
    plan = CategoryPlan(request.param, SEED)
    return request.param, [
        kernels.write(kernels.draw(request.param, SEED, plan.row(k)[0])) for k in range(EACH)
    ]


@pytest.mark.slow
def test_the_category_writes_what_it_is_for(sources):
    category, written = sources
    for pattern in MUST_WRITE[category]:
        assert any(re.search(pattern, source.python) for source in written), (
            f"{category} never writes {pattern}"
        )


@pytest.mark.slow
def test_the_category_knows_many_functions(sources):
    category, written = sources
    names = {
        n
        for s in written
        for n in re.findall(r"(?:jnp|jax\.nn|jax\.scipy\.special)\.\w+(?=\()", s.python)
    }
    assert len(names) >= (UNARY_FUNCTIONS if category == "unary" else 10), sorted(names)


@pytest.mark.slow
def test_types_and_ranks_vary(sources):
    category, written = sources
    dtypes = {aval.dtype for source in written for aval in source.in_avals}
    # Coordinates in float16 are rare among people, and lose too much in the squares of lengths.
    assert {"float32", "bfloat16"} <= dtypes and ("float16" in dtypes or category == "vector")
    if category == "elementwise":
        assert "int32" in dtypes
        shapes = [{aval.shape for aval in source.in_avals} for source in written]
        assert any(len({len(s) for s in some}) > 1 for some in shapes), (
            "no broadcasting between ranks"
        )
        assert {len(source.in_avals) for source in written} == {2, 3, 4}
    ranks = {len(aval.shape) for source in written for aval in source.in_avals}
    assert {1, 2} <= ranks


@pytest.mark.slow
def test_the_source_has_the_habits_of_people(sources):
    category, written = sources
    texts = [source.python for source in written]
    assert any('"""' in text for text in texts)
    assert any(": jax.Array" in text for text in texts)
    assert (
        any(re.search(r"def kernel_\w+\([^)]*=\d", text.replace("\n", " ")) for text in texts)
        or category == "unary"
    )
    assert len({source.name for source in written}) > EACH // 4
