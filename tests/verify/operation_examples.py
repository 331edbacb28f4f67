"""A module without arguments for each operation that is run here, and for some that aren't.

In an example E stands for the kind of elements, R for that of its real parts, %e and %f for
tensor<4x4xE>s, %v for a tensor<4xE>, %s for a tensor<E>, %i for an index and %p for a true.
"""

import re

# Values that are none of an operation's favourites: extremes, zeros, signs.
_FLOATS = "[[0.0, -0.0, 1.5, -2.5], [1.0e4, -1.0e4, 1.0e-4, 3.0], [1.0, 2.0, -1.0, 0.5], [7.0, 8.0, 0.25, 1.0]]"
_OTHER_FLOATS = (
    "[[1.0, -0.5, 1.5, 2.0], [0.0, -1.0, 1.0e-4, 3.0], [-1.0, 2.0, 1.0, 0.5], [2.0, 3.0, 4.0, 0.0]]"
)
_COMPLEX = (
    "[[(0.0, 0.0), (1.0, -2.0), (0.5, 0.0), (-1.0, 1.0)]"
    + ", [(1.0, 2.0), (0.0, 1.0), (3.0, 0.0), (0.25, -0.5)]" * 3
    + "]"
)
_BOOLEANS = "[[true, false, true, true]" + ", [false, false, true, false]" * 3 + "]"


def _integers(element: str, first: bool) -> str:
    width, unsigned = int(re.search(r"\d+", element)[0]), element.startswith("u")
    low, high = (0, 2**width - 1) if unsigned else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
    rows = [[low, high, 0, 1], [high, low, 3, 1 if unsigned else -1]]
    rows += [[1, 2, 3, 4], [low, 0, 2, high]] if first else [[0, 1, 2, low], [high, 0, 1, 5]]
    return str(rows)


def _dense(element: str, first: bool) -> str:
    if element.startswith("complex"):
        return _COMPLEX
    if element == "i1":
        return _BOOLEANS
    if "f" in element:
        return _FLOATS if first else _OTHER_FLOATS
    return _integers(element, first)


def _one(element: str) -> str:
    if element.startswith("complex"):
        return "(1.0, 2.0)"
    return "true" if element == "i1" else "1.0" if "f" in element else "1"


def example(name: str, element: str) -> str:
    """The operation's example for a kind of elements."""
    body = EXAMPLES.get(name) or _elementwise(name)
    body = body.replace("ONE", _one(element))
    real = element[8:-1] if element.startswith("complex") else element
    more = MORE.get(name, "")
    kind = RESULTS.get(name)
    if kind is None:
        given = re.search(r"%r = [^\n]*-> ([^\n]+)$", body, re.MULTILINE)
        kind = given[1] if given else "tensor<4x4xE>"
    if kind.endswith("xE>") or kind == "tensor<E>":
        # NumPy can't have complex results.
        last = f"%w = stablehlo.optimization_barrier %r : {kind}"
        if element.startswith("complex"):
            last = f"%w = stablehlo.real %r : ({kind}) -> {kind.replace('E>', 'R>')}"
            kind = kind.replace("E>", "R>")
    elif "complex<" in kind:
        last = f"%w = stablehlo.real %r : ({kind}) -> {kind.replace('complex<E>', 'R')}"
        kind = kind.replace("complex<E>", "R")
    else:
        last = f"%w = stablehlo.optimization_barrier %r : {kind}"
    text = f"""module @m {{
func.func public @main() -> {kind} {{
%e = stablehlo.constant dense<{_dense(element, True)}> : tensor<4x4xE>
%f = stablehlo.constant dense<{_dense(element, False)}> : tensor<4x4xE>
%i = stablehlo.constant dense<1> : tensor<i32>
%p = stablehlo.constant dense<true> : tensor<i1>
%part = stablehlo.slice %e [0:1, 0:4] : (tensor<4x4xE>) -> tensor<1x4xE>
%v = stablehlo.reshape %part : (tensor<1x4xE>) -> tensor<4xE>
%corner = stablehlo.slice %f [0:1, 1:2] : (tensor<4x4xE>) -> tensor<1x1xE>
%s = stablehlo.reshape %corner : (tensor<1x1xE>) -> tensor<E>
{body}
{last}
return %w : {kind}
}}
{more}
}}
"""
    return re.sub(r"\bR\b|(?<=x)R\b", real, re.sub(r"\bE\b|(?<=x)E\b", element, text))


def _elementwise(name: str) -> str:
    kind, given = "tensor<4x4xE>", "tensor<4x4xE>"
    if name in _TO_BOOLEAN:
        given = "tensor<4x4xi1>"
    if name in _TO_REAL:
        given = "tensor<4x4xR>"
    if name in _BROADCAST:
        return f'%r = "{name}"(%e, %v) : ({kind}, tensor<4xE>) -> {given}'
    operands = "%e, %f" if name in _BINARY else "%e"
    kinds = ", ".join([kind] * (1 + (name in _BINARY)))
    return f'%r = "{name}"({operands}) : ({kinds}) -> {given}'


_BINARY = {
    *(
        f"stablehlo.{name}"
        for name in (
            "add",
            "and",
            "atan2",
            "divide",
            "maximum",
            "minimum",
            "multiply",
            "or",
            "power",
            "remainder",
            "shift_left",
            "shift_right_arithmetic",
            "shift_right_logical",
            "subtract",
            "xor",
        )
    ),
    "chlo.mulhi",
    "chlo.next_after",
    "chlo.polygamma",
    "chlo.zeta",
}
_BROADCAST = {
    f"chlo.broadcast_{name}" for name in (
        "add", "and", "atan2", "divide", "maximum", "minimum", "multiply", "next_after", "or",
        "polygamma", "power", "remainder", "shift_left", "shift_right_arithmetic",
        "shift_right_logical", "subtract", "xor", "zeta")
}  # fmt: skip
_TO_BOOLEAN = {"stablehlo.is_finite", "chlo.is_inf", "chlo.is_neg_inf", "chlo.is_pos_inf"}
_TO_REAL = {"stablehlo.abs", "stablehlo.imag", "stablehlo.real"}
_FIRST = "({^bb0(%a: tensor<E>, %b: tensor<E>): stablehlo.return %a : tensor<E>})"
_MAXIMUM = (
    "({^bb0(%a: tensor<E>, %b: tensor<E>): %z = stablehlo.maximum %a, %b : tensor<E> "
    "stablehlo.return %z : tensor<E>})"
)
_SUM = _MAXIMUM.replace("maximum", "add")
_EQUAL = (
    "({^bb0(%a: tensor<E>, %b: tensor<E>): %z = stablehlo.compare EQ, %a, %b : "
    "(tensor<E>, tensor<E>) -> tensor<i1> stablehlo.return %z : tensor<i1>})"
)
_INDICES = "%q = stablehlo.constant dense<[[-2147483648], [2147483647]]> : tensor<2x1xi32>"
EXAMPLES = {
    "func.call": "%r = func.call @f(%e) : (tensor<4x4xE>) -> tensor<4x4xE>",
    "func.return": "%r = stablehlo.optimization_barrier %e : tensor<4x4xE>",
    "stablehlo.return": '%r = "stablehlo.if"(%p) ({stablehlo.return %e : tensor<4x4xE>}, '
    "{stablehlo.return %f : tensor<4x4xE>}) : (tensor<i1>) -> tensor<4x4xE>",
    "stablehlo.if": '%r = "stablehlo.if"(%p) ({stablehlo.return %e : tensor<4x4xE>}, '
    "{stablehlo.return %f : tensor<4x4xE>}) : (tensor<i1>) -> tensor<4x4xE>",
    "stablehlo.case": '%r = "stablehlo.case"(%i) ({stablehlo.return %e : tensor<4x4xE>}, '
    "{stablehlo.return %f : tensor<4x4xE>}) : (tensor<i32>) -> tensor<4x4xE>",
    "stablehlo.while": """%k:2 = stablehlo.while(%n = %i, %x = %e) : tensor<i32>, tensor<4x4xE>
cond { %c = stablehlo.constant dense<5> : tensor<i32>
%z = stablehlo.compare LT, %n, %c : (tensor<i32>, tensor<i32>) -> tensor<i1>
stablehlo.return %z : tensor<i1> }
do { %m = stablehlo.add %n, %i : tensor<i32>
stablehlo.return %m, %x : tensor<i32>, tensor<4x4xE> }
%r = stablehlo.optimization_barrier %k#1 : tensor<4x4xE>""",
    "stablehlo.constant": "%r = stablehlo.optimization_barrier %e : tensor<4x4xE>",
    "stablehlo.broadcast_in_dim": "%r = stablehlo.broadcast_in_dim %v, dims = [1] : (tensor<4xE>) -> tensor<4x4xE>",
    "stablehlo.bitcast_convert": "%r = stablehlo.bitcast_convert %e : (tensor<4x4xE>) -> tensor<4x4xE>",
    "stablehlo.clamp": "%r = stablehlo.clamp %s, %e, %s : (tensor<E>, tensor<4x4xE>, tensor<E>) -> tensor<4x4xE>",
    "stablehlo.compare": "%r = stablehlo.compare EQ, %e, %f : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xi1>",
    "stablehlo.complex": "%r = stablehlo.complex %e, %f : tensor<4x4xcomplex<E>>",
    "stablehlo.concatenate": "%r = stablehlo.concatenate %e, %f, dim = 1 : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x8xE>",
    "stablehlo.convert": "%r = stablehlo.convert %e : (tensor<4x4xE>) -> tensor<4x4xf32>",
    "stablehlo.convolution": """%g = stablehlo.reshape %e : (tensor<4x4xE>) -> tensor<1x16x1xE>
%h = stablehlo.reshape %v : (tensor<4xE>) -> tensor<2x1x2xE>
%r = stablehlo.convolution(%g, %h) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {pad = [[1, -2]], lhs_dilate = [2]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x16x1xE>, tensor<2x1x2xE>) -> tensor<1x29x2xE>""",
    "stablehlo.dot_general": "%r = stablehlo.dot_general %e, %f, contracting_dims = [1] x [0] : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xE>",
    "stablehlo.dynamic_slice": "%r = stablehlo.dynamic_slice %e, %i, %i, sizes = [4, 2] : (tensor<4x4xE>, tensor<i32>, tensor<i32>) -> tensor<4x2xE>",
    "stablehlo.dynamic_update_slice": "%r = stablehlo.dynamic_update_slice %e, %f, %i, %i : (tensor<4x4xE>, tensor<4x4xE>, tensor<i32>, tensor<i32>) -> tensor<4x4xE>",
    "stablehlo.gather": _INDICES + """
%r = "stablehlo.gather"(%e, %q) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 4>}> : (tensor<4x4xE>, tensor<2x1xi32>) -> tensor<2x4xE>""",
    "stablehlo.get_dimension_size": "%r = stablehlo.get_dimension_size %e, dim = 1 : (tensor<4x4xE>) -> tensor<i32>",
    "stablehlo.iota": "%r = stablehlo.iota dim = 1 : tensor<4x4xE>",
    "stablehlo.map": f'%r = "stablehlo.map"(%e, %f) {_MAXIMUM} {{dimensions = array<i64: 0, 1>}} : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.optimization_barrier": "%r = stablehlo.optimization_barrier %e : tensor<4x4xE>",
    "stablehlo.pad": "%r = stablehlo.pad %e, %s, low = [1, -2], high = [0, 1], interior = [1, 0] : (tensor<4x4xE>, tensor<E>) -> tensor<8x3xE>",
    "stablehlo.reduce": f'%r = "stablehlo.reduce"(%e, %s) {_MAXIMUM} {{dimensions = array<i64: 1>}} : (tensor<4x4xE>, tensor<E>) -> tensor<4xE>',
    "stablehlo.reduce_precision": "%r = stablehlo.reduce_precision %e, format = e5m2 : tensor<4x4xE>",
    "stablehlo.reduce_window": f'%r = "stablehlo.reduce_window"(%e, %s) {_MAXIMUM} {{window_dimensions = array<i64: 2, 1>, padding = dense<[[1, 0], [0, 0]]> : tensor<2x2xi64>}} : (tensor<4x4xE>, tensor<E>) -> tensor<4x4xE>',
    "stablehlo.reshape": "%r = stablehlo.reshape %e : (tensor<4x4xE>) -> tensor<2x8xE>",
    "stablehlo.reverse": "%r = stablehlo.reverse %e, dims = [0, 1] : tensor<4x4xE>",
    "stablehlo.scatter": _INDICES + f"""
%u = stablehlo.slice %f [0:2, 0:4] : (tensor<4x4xE>) -> tensor<2x4xE>
%r = "stablehlo.scatter"(%e, %q, %u) <{{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}}> {_FIRST} : (tensor<4x4xE>, tensor<2x1xi32>, tensor<2x4xE>) -> tensor<4x4xE>""",
    "stablehlo.select": "%r = stablehlo.select %p, %e, %f : (tensor<i1>, tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xE>",
    "stablehlo.select_and_scatter": f"""%g = stablehlo.slice %f [0:2, 0:2] : (tensor<4x4xE>) -> tensor<2x2xE>
%r = "stablehlo.select_and_scatter"(%e, %g, %s) ({_EQUAL[1:-1]}, {_FIRST[1:-1]}) {{window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 2, 2>}} : (tensor<4x4xE>, tensor<2x2xE>, tensor<E>) -> tensor<4x4xE>""",
    "stablehlo.slice": "%r = stablehlo.slice %e [1:4:2, 0:1] : (tensor<4x4xE>) -> tensor<2x1xE>",
    "stablehlo.sort": f'%r = "stablehlo.sort"(%e) {_EQUAL} {{dimension = 0 : i64}} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.transpose": "%r = stablehlo.transpose %e, dims = [1, 0] : (tensor<4x4xE>) -> tensor<4x4xE>",
    "stablehlo.fft": "%r = stablehlo.fft %e, type = FFT, length = [4] : (tensor<4x4xE>) -> tensor<4x4xE>",
    "stablehlo.cholesky": "%r = stablehlo.cholesky %e, lower = true : tensor<4x4xE>",
    "stablehlo.triangular_solve": '%r = "stablehlo.triangular_solve"(%e, %f) {left_side = true, lower = true, transpose_a = #stablehlo<transpose NO_TRANSPOSE>, unit_diagonal = true} : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.custom_call": '%r:2 = stablehlo.custom_call @lapack_spotrf_ffi(%e) {mhlo.backend_config = {uplo = 76 : ui8}, operand_layouts = [dense<[0, 1]> : tensor<2xindex>], result_layouts = [dense<[0, 1]> : tensor<2xindex>, dense<> : tensor<0xindex>]} : (tensor<4x4xE>) -> (tensor<4x4xE>, tensor<i32>)',
    "stablehlo.rng_bit_generator": """%t = stablehlo.constant dense<7> : tensor<2xui64>
%y:2 = "stablehlo.rng_bit_generator"(%t) {rng_algorithm = #stablehlo<rng_algorithm DEFAULT>} : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4x4xui32>)
%r = stablehlo.bitcast_convert %y#1 : (tensor<4x4xui32>) -> tensor<4x4xE>""",
    "chlo.broadcast_compare": '%r = "chlo.broadcast_compare"(%e, %v) {comparison_direction = #chlo<comparison_direction EQ>} : (tensor<4x4xE>, tensor<4xE>) -> tensor<4x4xi1>',
    "chlo.broadcast_complex": '%r = "chlo.broadcast_complex"(%e, %v) : (tensor<4x4xE>, tensor<4xE>) -> tensor<4x4xcomplex<E>>',
    "chlo.constant": "%r = chlo.constant dense<ONE> : tensor<4x4xE>",
    "chlo.constant_like": '%r = "chlo.constant_like"(%e) {value = ONE : E} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "chlo.top_k": "%r, %k = chlo.top_k(%e, k = 2) : tensor<4x4xE> -> (tensor<4x2xE>, tensor<4x2xi32>)",
}  # fmt: skip
RESULTS = {
    "stablehlo.complex": "tensor<4x4xcomplex<E>>",
    "chlo.broadcast_complex": "tensor<4x4xcomplex<E>>",
    "chlo.top_k": "tensor<4x2xE>",
}
# What the interpreter ends the process on, and is expanded here.
_SIZES = "%h = stablehlo.constant dense<4> : tensor<2xi64>"
_ZEROS_ONES = "%h = stablehlo.constant dense<0> : tensor<2xi64>\n%k = stablehlo.constant dense<1> : tensor<2xi64>"
EXPANDED = {
    "chlo.broadcast_select": '%r = "chlo.broadcast_select"(%p, %e, %v) : (tensor<i1>, tensor<4x4xE>, tensor<4xE>) -> tensor<4x4xE>',
    "mhlo.copy": "%r = mhlo.copy %e : tensor<4x4xE>",
    "sdy.sharding_constraint": "%r = sdy.sharding_constraint %e <@mesh, [{}, {}]> : tensor<4x4xE>",
    "stablehlo.after_all": "%k = stablehlo.after_all : !stablehlo.token\n%r = stablehlo.optimization_barrier %e : tensor<4x4xE>",
    "stablehlo.all_gather": '%r = "stablehlo.all_gather"(%e) {all_gather_dim = 1 : i64, replica_groups = dense<0> : tensor<1x1xi64>} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.all_reduce": f'%r = "stablehlo.all_reduce"(%e) {_SUM} {{replica_groups = dense<0> : tensor<1x1xi64>}} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.all_to_all": '%r = "stablehlo.all_to_all"(%e) {split_dimension = 1 : i64, concat_dimension = 1 : i64, split_count = 1 : i64, replica_groups = dense<0> : tensor<1x1xi64>} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.composite": '%r = stablehlo.composite "a.b" %e {decomposition = @f} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.dynamic_broadcast_in_dim": f"{_SIZES}\n%r = stablehlo.dynamic_broadcast_in_dim %v, %h, dims = [1] : (tensor<4xE>, tensor<2xi64>) -> tensor<4x4xE>",
    "stablehlo.dynamic_conv": """%g = stablehlo.reshape %e : (tensor<4x4xE>) -> tensor<1x16x1xE>
%h = stablehlo.reshape %v : (tensor<4xE>) -> tensor<2x1x2xE>
%k = stablehlo.constant dense<[[1, -2]]> : tensor<1x2xi64>
%o = "stablehlo.dynamic_conv"(%g, %h, %k) {batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, feature_group_count = 1 : i64, lhs_dilation = array<i64: 2>} : (tensor<1x16x1xE>, tensor<2x1x2xE>, tensor<1x2xi64>) -> tensor<1x29x2xE>
%y = stablehlo.slice %o [0:1, 0:8, 0:2] : (tensor<1x29x2xE>) -> tensor<1x8x2xE>
%r = stablehlo.reshape %y : (tensor<1x8x2xE>) -> tensor<4x4xE>""",
    "stablehlo.dynamic_gather": _INDICES + """
%h = stablehlo.constant dense<[1, 4]> : tensor<2xi64>
%g = "stablehlo.dynamic_gather"(%e, %q, %h) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>}> : (tensor<4x4xE>, tensor<2x1xi32>, tensor<2xi64>) -> tensor<2x4xE>
%r = stablehlo.concatenate %g, %g, dim = 0 : (tensor<2x4xE>, tensor<2x4xE>) -> tensor<4x4xE>""",
    "stablehlo.dynamic_iota": f"{_SIZES}\n%r = stablehlo.dynamic_iota %h, dim = 1 : (tensor<2xi64>) -> tensor<4x4xE>",
    "stablehlo.dynamic_pad": f"{_ZEROS_ONES}\n%y = stablehlo.dynamic_pad %e, %s, %h, %k, %h : (tensor<4x4xE>, tensor<E>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<5x5xE>\n%r = stablehlo.slice %y [1:5, 1:5] : (tensor<5x5xE>) -> tensor<4x4xE>",
    "stablehlo.dynamic_reshape": f"{_SIZES}\n%y = stablehlo.reshape %e : (tensor<4x4xE>) -> tensor<16xE>\n%r = stablehlo.dynamic_reshape %y, %h : (tensor<16xE>, tensor<2xi64>) -> tensor<4x4xE>",
    "stablehlo.get_tuple_element": "%k = stablehlo.tuple %f, %e : tuple<tensor<4x4xE>, tensor<4x4xE>>\n%r = stablehlo.get_tuple_element %k[1] : (tuple<tensor<4x4xE>, tensor<4x4xE>>) -> tensor<4x4xE>",
    "stablehlo.partition_id": "%k = stablehlo.partition_id : tensor<ui32>\n%o = stablehlo.convert %k : (tensor<ui32>) -> tensor<E>\n%r = stablehlo.broadcast_in_dim %o, dims = [] : (tensor<E>) -> tensor<4x4xE>",
    "stablehlo.real_dynamic_slice": f"{_ZEROS_ONES}\n%l = stablehlo.constant dense<[2, 4]> : tensor<2xi64>\n%y = stablehlo.real_dynamic_slice %e, %h, %l, %k : (tensor<4x4xE>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<2x4xE>\n%r = stablehlo.concatenate %y, %y, dim = 0 : (tensor<2x4xE>, tensor<2x4xE>) -> tensor<4x4xE>",
    "stablehlo.reduce_scatter": f'%r = "stablehlo.reduce_scatter"(%e) {_SUM} {{scatter_dimension = 1 : i64, replica_groups = dense<0> : tensor<1x1xi64>}} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.replica_id": "%k = stablehlo.replica_id : tensor<ui32>\n%o = stablehlo.convert %k : (tensor<ui32>) -> tensor<E>\n%r = stablehlo.broadcast_in_dim %o, dims = [] : (tensor<E>) -> tensor<4x4xE>",
    "stablehlo.tuple": "%k = stablehlo.tuple %f, %e : tuple<tensor<4x4xE>, tensor<4x4xE>>\n%r = stablehlo.optimization_barrier %e : tensor<4x4xE>",
    "stablehlo.batch_norm_grad": '%r, %k, %l = "stablehlo.batch_norm_grad"(%e, %v, %v, %v, %f) {epsilon = 1.0 : f32, feature_index = 0 : i64} : (tensor<4x4xE>, tensor<4xE>, tensor<4xE>, tensor<4xE>, tensor<4x4xE>) -> (tensor<4x4xE>, tensor<4xE>, tensor<4xE>)',
    "stablehlo.batch_norm_inference": '%r = "stablehlo.batch_norm_inference"(%e, %v, %v, %v, %v) {epsilon = 1.0 : f32, feature_index = 0 : i64} : (tensor<4x4xE>, tensor<4xE>, tensor<4xE>, tensor<4xE>, tensor<4xE>) -> tensor<4x4xE>',
    "stablehlo.batch_norm_training": '%r, %k, %l = "stablehlo.batch_norm_training"(%e, %v, %v) {epsilon = 1.0 : f32, feature_index = 0 : i64} : (tensor<4x4xE>, tensor<4xE>, tensor<4xE>) -> (tensor<4x4xE>, tensor<4xE>, tensor<4xE>)',
    "stablehlo.broadcast": "%r = stablehlo.broadcast %v, sizes = [4] : (tensor<4xE>) -> tensor<4x4xE>",
    "stablehlo.create_token": "%k = stablehlo.create_token : !stablehlo.token\n%r = stablehlo.optimization_barrier %e : tensor<4x4xE>",
    "stablehlo.cross-replica-sum": '%r = "stablehlo.cross-replica-sum"(%e) {replica_groups = dense<0> : tensor<1x1xi64>} : (tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.dot": "%r = stablehlo.dot %e, %f : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xE>",
    "stablehlo.einsum": '%r = stablehlo.einsum %e, %f, config = "ij,jk->ik" : (tensor<4x4xE>, tensor<4x4xE>) -> tensor<4x4xE>',
    "stablehlo.torch_index_select": '%h = stablehlo.constant dense<1> : tensor<4xi32>\n%r = "stablehlo.torch_index_select"(%e, %h) {dim = 0 : i64, batch_dims = 0 : i64} : (tensor<4x4xE>, tensor<4xi32>) -> tensor<4x4xE>',
    "stablehlo.unary_einsum": '%r = stablehlo.unary_einsum %e, config = "ij->ji" : (tensor<4x4xE>) -> tensor<4x4xE>',
}  # fmt: skip
EXAMPLES |= EXPANDED
RESULTS |= dict.fromkeys(EXPANDED, "tensor<4x4xE>")
MORE = {
    "sdy.sharding_constraint": 'sdy.mesh @mesh = <["a"=1]>',
    "stablehlo.composite": "func.func private @f(%x: tensor<4x4xE>) -> tensor<4x4xE> { return %x : tensor<4x4xE> }",
    "func.call": "func.func private @f(%x: tensor<4x4xE>) -> tensor<4x4xE> { return %x : tensor<4x4xE> }",
}
