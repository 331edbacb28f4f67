"""The operations that are run here, each with the kinds of elements it is run on; why no others.

The tests run every one of these with StableHLO's interpreter, and show what becomes of the others.
"""

# Kinds of elements, by a letter.
_KINDS = {
    "F": ("f16", "bf16", "f32", "f64"),
    "I": ("i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"),
    "B": ("i1",),
    "C": ("complex<f32>", "complex<f64>"),
}
COMPLEX = frozenset(_KINDS["C"])
ELEMENTS = frozenset(element for kind in _KINDS.values() for element in kind)

# By the kinds of their results. What MLIR's verifier refuses isn't taken out once more here.
_RUN = {
    "F": (
        *("stablehlo.ceil", "stablehlo.floor", "stablehlo.imag", "stablehlo.real"),
        *("stablehlo.reduce_precision", "stablehlo.round_nearest_afz"),
        *("stablehlo.round_nearest_even", "chlo.bessel_i1e", "chlo.digamma", "chlo.erf"),
        *("chlo.erf_inv", "chlo.erfc", "chlo.lgamma", "chlo.next_after", "chlo.polygamma"),
        *("chlo.zeta", "chlo.broadcast_next_after", "chlo.broadcast_polygamma"),
        "chlo.broadcast_zeta",
    ),
    "I": (
        *("stablehlo.count_leading_zeros", "stablehlo.get_dimension_size", "stablehlo.popcnt"),
        *("stablehlo.shift_left", "stablehlo.shift_right_arithmetic"),
        *("stablehlo.shift_right_logical", "chlo.broadcast_shift_left"),
        *("chlo.broadcast_shift_right_arithmetic", "chlo.broadcast_shift_right_logical"),
        "chlo.mulhi",
    ),
    "B": (
        *("stablehlo.compare", "stablehlo.is_finite", "chlo.broadcast_compare", "chlo.is_inf"),
        *("chlo.is_neg_inf", "chlo.is_pos_inf"),
    ),
    "C": ("stablehlo.complex", "chlo.broadcast_complex"),
    "FC": (
        *("stablehlo.atan2", "stablehlo.cbrt", "stablehlo.cosine", "stablehlo.exponential"),
        *("stablehlo.exponential_minus_one", "stablehlo.log", "stablehlo.log_plus_one"),
        *("stablehlo.logistic", "stablehlo.rsqrt", "stablehlo.sine", "stablehlo.sqrt"),
        *("stablehlo.tan", "stablehlo.tanh", "chlo.acos", "chlo.acosh", "chlo.asin", "chlo.asinh"),
        *("chlo.atan", "chlo.atanh", "chlo.broadcast_atan2", "chlo.conj", "chlo.cosh", "chlo.sinh"),
        *("chlo.square", "chlo.tan"),
    ),
    "FI": ("stablehlo.remainder", "chlo.broadcast_remainder", "chlo.top_k"),
    "IB": (
        *("stablehlo.and", "stablehlo.not", "stablehlo.or", "stablehlo.xor", "chlo.broadcast_and"),
        *("chlo.broadcast_or", "chlo.broadcast_xor"),
    ),
    "FIB": ("stablehlo.bitcast_convert",),
    "FIC": (
        *("stablehlo.abs", "stablehlo.divide", "stablehlo.iota", "stablehlo.negate"),
        *("stablehlo.power", "stablehlo.sign", "stablehlo.subtract", "chlo.broadcast_divide"),
        *("chlo.broadcast_power", "chlo.broadcast_subtract"),
    ),
    "FIBC": (
        *("func.call", "func.return", "stablehlo.add", "stablehlo.broadcast_in_dim"),
        *("stablehlo.case", "stablehlo.clamp", "stablehlo.concatenate", "stablehlo.constant"),
        *("stablehlo.convert", "stablehlo.convolution", "stablehlo.dot_general"),
        *("stablehlo.dynamic_slice", "stablehlo.dynamic_update_slice", "stablehlo.gather"),
        *("stablehlo.if", "stablehlo.map", "stablehlo.maximum", "stablehlo.minimum"),
        *("stablehlo.multiply", "stablehlo.optimization_barrier", "stablehlo.pad"),
        *("stablehlo.reduce", "stablehlo.reduce_window", "stablehlo.reshape", "stablehlo.return"),
        *("stablehlo.reverse", "stablehlo.scatter", "stablehlo.select"),
        *("stablehlo.select_and_scatter", "stablehlo.slice", "stablehlo.sort"),
        *("stablehlo.transpose", "stablehlo.while", "chlo.broadcast_add", "chlo.broadcast_maximum"),
        *("chlo.broadcast_minimum", "chlo.broadcast_multiply", "chlo.broadcast_select"),
        *("chlo.constant", "chlo.constant_like"),
        # These the interpreter lacks, see `foreign`.
        *("stablehlo.custom_call", "stablehlo.fft", "stablehlo.rng_bit_generator"),
        "stablehlo.triangular_solve",
    ),
}
RUN = {
    name: frozenset(element for letter in letters for element in _KINDS[letter])
    for letters, names in _RUN.items()
    for name in names
}

_LACKING = "StableHLO's interpreter lacks it"
_DEVICES = "it is for several devices, or for talking to one"
_DYNAMIC = "it is for shapes that are not known before"
_QUANTIZED = "it is for quantized numbers"
_UNUSED = "JAX writes none for programs as these are"
_NOT_RUN = {
    _LACKING: (
        *("batch_norm_grad", "batch_norm_inference", "batch_norm_training", "broadcast"),
        *("cholesky", "create_token", "cross-replica-sum", "dot", "einsum", "rng"),
        *("torch_index_select", "unary_einsum"),
    ),
    _DEVICES: (
        *("after_all", "all_gather", "all_reduce", "all_to_all", "async_done", "async_start"),
        *("collective_broadcast", "collective_permute", "infeed", "outfeed", "partition_id"),
        *("recv", "reduce_scatter", "replica_id", "send"),
    ),
    _DYNAMIC: (
        *("dynamic_broadcast_in_dim", "dynamic_conv", "dynamic_gather", "dynamic_iota"),
        *("dynamic_pad", "dynamic_reshape", "real_dynamic_slice", "set_dimension_size"),
    ),
    _QUANTIZED: ("uniform_dequantize", "uniform_quantize"),
    _UNUSED: ("composite", "get_tuple_element", "tuple"),
}
# Why an operation isn't run, of those that StableHLO and CHLO have.
NOT_RUN = {
    f"stablehlo.{name}": reason for reason, names in _NOT_RUN.items() for name in names
} | dict.fromkeys(("chlo._asin_acos_kernel", "chlo.ragged_dot", "chlo.scan"), _UNUSED)
