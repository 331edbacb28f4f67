"""The syntax of the languages: all text is kept, and each word has the right kind."""

import re

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.schema.ir_section import read_sections
from jax_ir_synth.show.lexers import TOKENS, get_lexer
from jax_ir_synth.show.lexicon import KINDS, LEXICON, get_language

SAMPLES = {
    "mlir": (
        '%1:2 = "stablehlo.sort"(%arg0) <{dim = 0 : i64}> : tensor<4x2xf32> // note\n'
        "  %cst = stablehlo.constant dense<-1.5e-01> : tensor<f32>\n"
        '  func.func private @celu(%a: tensor<4xf32> {jax.result_info = "r"})',
        {
            "operation": ['"stablehlo.sort"', "stablehlo.constant"],
            "value": ["%1", "%arg0", "%cst", "%a"],
            "attribute": ["dim", "jax.result_info"],
            "type": ["i64", "tensor<4x2xf32>", "tensor<f32>", "tensor<4xf32>"],
            "comment": ["// note"],
            "symbol": ["@celu"],
            "string": ['"r"'],
        },
    ),
    "hlo": (
        'ROOT %add.1 = f32[2,8]{1,0} add(%x.1, %y), dims={0}, metadata={op_name="a/b"}',
        {
            "keyword": ["ROOT"],
            "value": ["%add.1", "%x.1", "%y"],
            "type": ["f32[2,8]{1,0}"],
            "operation": ["add"],
            "attribute": ["dims"],
            "comment": ['metadata={op_name="a/b"}'],
        },
    ),
    "jaxpr": (
        "{ lambda ; a:f32[2,8]. let b:f32[] = mul 0.5:f32[] a in (b,) }",
        {
            "keyword": ["lambda", "let", "in"],
            "type": ["f32[2,8]", "f32[]", "f32[]"],
            "operation": ["mul"],
            "number": ["0.5"],
            "value": ["a", "b", "a", "b"],
        },
    ),
    "llvm": (
        "define float @f(ptr %0) #0 {\nentry:\n  %1 = fadd float %0, 1.0e+00 ; x\n",
        {
            "keyword": ["define"],
            "type": ["float", "ptr", "float"],
            "symbol": ["@f", "entry:"],
            "value": ["%0", "%1", "%0"],
            "operation": ["fadd"],
            "attribute": ["#0"],
            "comment": ["; x"],
        },
    ),
    "ptx": (
        ".visible .entry f(\n\tld.param.b64 \t%rd1, [f_param_0];\n\tmov.b32 %r1, 0f3F000000; // x",
        {
            "keyword": [".visible", ".entry"],
            "operation": ["ld.param.b64", "mov.b32"],
            "value": ["%rd1", "%r1"],
            "number": ["0f3F000000"],
            "comment": ["// x"],
        },
    ),
    "x86": (
        ".section .rodata\nf:\n\tvmovss xmm0, dword ptr [rsi + 0x18]\n",
        {
            "symbol": [".rodata", "f:"],
            "keyword": [".section"],
            "operation": ["\tvmovss"],
            "value": ["xmm0", "rsi"],
            "type": ["dword", "ptr"],
            "number": ["0x18"],
        },
    ),
    "python": (
        'def kernel_a(x):\n    """Doc\n    two."""\n    return jnp.tanh(x) * 2.5e-1  # end',
        {
            "keyword": ["def", "return"],
            "operation": ["kernel_a", "tanh"],
            "string": ['"""Doc\n    two."""'],
            "type": ["jnp"],
            "number": ["2.5e-1"],
            "comment": ["# end"],
        },
    ),
}


def _words(language, text) -> dict[str, list[str]]:
    """The matches of each kind, found by the rules alone, as on the page."""
    rules = LEXICON[language]
    joined = re.compile("|".join(f"({expression})" for _, expression in rules), re.MULTILINE)
    found = {}
    for match in joined.finditer(text):
        found.setdefault(rules[match.lastindex - 1][0], []).append(match[0])
    return {kind: words for kind, words in found.items() if kind}


@pytest.mark.parametrize("language", LEXICON)
def test_words_are_of_their_kind(language):
    text, expected = SAMPLES[language]
    words = _words(language, text)
    assert {kind: words.get(kind) for kind in expected} == expected
    assert set(words) <= set(KINDS) < set(TOKENS)


@pytest.mark.parametrize("language", LEXICON)
def test_rules_can_be_joined_and_match_something(language):
    for kind, expression in LEXICON[language]:
        compiled = re.compile(expression, re.MULTILINE)
        assert compiled.groups == 0, (kind, expression)
        assert compiled.match("") is None, (kind, expression)
        # JavaScript supports none of these.
        assert not re.search(r"\(\?P|\(\?<|\\[AZ]|\(\?[aimsx]", expression), (kind, expression)


@pytest.mark.parametrize("language", [*LEXICON, "", "unknown"])
def test_a_lexer_loses_nothing(language):
    for text in (*(sample for sample, _ in SAMPLES.values()), "", "\n\n", '"cut', "a\r\n\x00 ∂ 😀"):
        # Pygments converts other line endings to newlines.
        expected = text.replace("\r\n", "\n")
        assert "".join(value for _, value in get_lexer(language).get_tokens(text)) == expected


def test_the_terminal_colours_as_the_rules_say():
    for language in LEXICON.keys() - {"python"}:
        text, _ = SAMPLES[language]
        coloured = {}
        for token, value in get_lexer(language).get_tokens(text):
            coloured.setdefault(token, []).append(value)
        for kind, words in _words(language, text).items():
            assert coloured[TOKENS[kind]] == words, (language, kind)


def test_every_dialect_has_its_language():
    request = Request(count=1, dialect=DIALECTS, verify=False)
    row = make_row(request, next(plan_rows(request)))
    for name in ("cpp", "cuda"):
        for column in read_sections(row[name]):
            language = get_language(column.backend, column.dialect)
            kinds = _words(language, column.forward + "\n" + column.backward)
            # Most of the text consists of operations and their operands.
            assert len(kinds["operation"]) > 5 and {"value", "number"} <= kinds.keys()
    assert get_language("cpu", "asm") != get_language("gpu", "asm")
    assert get_language("cpu", "other") == get_language("tpu", "asm") == ""
