"""Texts that MLIR's parser can't be trusted with are refused in one line before it sees them."""

import pytest

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.lowering.plain import MAX_CHARACTERS, MAX_DEPTH, check_text

SQUARE = "tensor<4x4xf32>"


def module(body: str, more: str = "") -> str:
    main = f"func.func public @main(%x: {SQUARE}) -> {SQUARE} {{\n{body}\nreturn %x : {SQUARE}\n}}"
    return f"module @m {{\n{main}\n{more}}}\n"


def called(name: str) -> str:
    return f"func.func private {name}(%x: {SQUARE}) -> {SQUARE} {{ return %x : {SQUARE} }}\n"


REFUSED = {
    "too long": (" " * (MAX_CHARACTERS + 1), "characters long, above"),
    "a lone surrogate": (module('%c = stablehlo.constant {a = "\ud800"} dense<0> : tensor<i32>'), "'\\ud800'"),
    "a NUL": (module("\0"), "control characters"),
    "modules in modules": ("module {\n" * 100_000, f"deep, above {MAX_DEPTH}"),
    "brackets": ("module @a {" + "(" * 1_000_000, f"deep, above {MAX_DEPTH}"),
    "tuples in tuples": (module("%t = " + "tuple<" * 100_000 + ">" * 100_000), "deep, above"),
    "lists in lists": (module("%t = {a = " + "[" * 5000 + "]" * 5000 + "}"), "deep, above"),
    "an arrow is no bracket": (module("a -> b ->" + "<" * 300), "deep, above"),
    "more closed than opened": ("}" * 5 + "{" * 5, "closes a bracket"),
    "a bracket in a comment": (module('// "\n' + "(" * 500), "deep, above"),
    "an operation of another dialect": (module('llvm.inline_asm "", "" : () -> ()'), "llvm is no dialect"),
    "in its generic form": (module('"llvm.inline_asm"() {asm_string = ""} : () -> ()'), '"llvm.inline_asm"'),
    "behind a sign of symbols": (module('@ "llvm.inline_asm"() : () -> ()'), '"llvm.inline_asm"'),
    "spelled with escapes": (module('"\\6c\\6cvm.inline_asm"() : () -> ()'), "without escapes"),
    "a type of another dialect": (module("%t = builtin.unrealized_conversion_cast : !llvm.ptr"), "llvm is no dialect"),
    "an attribute of another dialect": (module("return {a = #gpu.address_space<global>}"), "gpu is no dialect"),
    "behind a number": (module("%t = 1.scf.while"), "scf is no dialect"),
    "aliases of aliases": ("#a = [1]\n#b = [#a, #a]\n" + module(""), "the definition of the alias b"),
    "named as locations are": ("#loc1 = [1]\n#loc2 = [#loc1, #loc1]\n" + module(""), "the alias loc2"),
    "an alias over two lines": ("#a = [1]\n#b =\n[#a, #a]\n" + module(""), "the definition of the alias b"),
    "likewise, in brackets": ("#a = [1]\n#b = [\n#a, #a]\n" + module(""), "the definition of the alias b"),
    "an alias that goes on": ("!a = i32\n!b = ()\n-> (!a, !a)\n" + module(""), "goes on in another line"),
    "an alias of nothing": (module("%t = foo : !a"), "the alias or attribute a is not read"),
    "locations within locations": (
        "".join(f'#loc{k} = loc("a"(#loc{k + 1}))\n' for k in range(300)) + "#loc300 = loc(unknown)\n" + module(""),
        "locations are more than 200 deep",
    ),
    "locations in a circle": ('#loc1 = loc("a"(#loc2))\n#loc2 = loc("a"(#loc1))\n' + module(""), "deep"),
    "locations of locations": ('#loc1 = loc(callsite("a" at "b"))\n' + module(""), "callsite"),
    "an affine map": (module("return {a = affine_map<(d) -> (----d)>}"), "affine_map"),
    "a resource": (module("%c = stablehlo.constant dense_resource<a> : tensor<4xf32>"), "dense_resource"),
    "resources": (module("") + "{-# dialect_resources: {} #-}", "resources are not read"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    text, why = REFUSED[name]
    with pytest.raises(ValueError, match="^(?!.*\n)") as caught:
        check_text(text)
    assert why in str(caught.value)
    with pytest.raises(ValueError, match="must be a StableHLO module") as caught, open_module(text):
        pass
    assert why in str(caught.value)


READ = {
    "dots in names": module(
        f"%a.scf.b = stablehlo.sine %x : {SQUARE}\n%0 = call @llvm.f(%a.scf.b) : ({SQUARE}) -> {SQUARE}",
        called("@llvm.f"),
    ),
    "words that are refused elsewhere": module(
        f"%fused = stablehlo.sine %x : {SQUARE}\n%0 = call @_sparse(%fused) : ({SQUARE}) -> {SQUARE}",
        called("@_sparse"),
    ),
    "a function without a name": module(
        f'%0 = call @"<lambda>"(%x) : ({SQUARE}) -> {SQUARE}', called('@"<lambda>"')
    ),
    "generic forms": module(f'%0 = "stablehlo.sine"(%x) : ({SQUARE}) -> {SQUARE}'),
    "a comment": module("// scf.while llvm.ptr {-# \" (((("),
    "strings": module(f'%0 = stablehlo.sine %x {{mhlo.note = "scf.while (((( #a"}} : {SQUARE}'),
    "locations": '#loc1 = loc("jit(f)/sin")\n' + module(f'%0 = stablehlo.sine %x : {SQUARE} loc(#loc2)')
    + '#loc2 = loc("x.py"(#loc1))',
    "an alias of a type": f"!t = {SQUARE}\n" + module("%0 = stablehlo.sine %x : !t"),
    "locations of files": '#loc = loc("x.py":1:2)\n#loc3 = loc("a"(#loc))\n' + module(f"%0 = stablehlo.sine %x : {SQUARE} loc(#loc3)"),
    "numbers": module("%c = stablehlo.constant dense<[1.e5, -1.0E-3, 0x7FC00000]> : tensor<3xf32>"),
    "a letter that isn't ASCII": module(f'%0 = stablehlo.sine %x {{mhlo.note = "é"}} : {SQUARE}'),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name):
    with open_module(READ[name]) as found:
        assert "@main" in str(found)


def test_a_module_holds_functions_alone():
    refused = pytest.raises(ValueError, match="it must hold functions alone, it holds builtin.mod")
    with refused, open_module("module { module { } }"):
        pass
