"""Lists the operations that may be run, with their element types, and the reasons against others.

The tests run every listed operation with StableHLO's interpreter, and show how the others fail.
"""

# Element types, by the letter of their kind.
_KINDS = {
    "F": ("f16", "bf16", "f32", "f64"),
    "I": ("i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"),
    "B": ("i1",),
    "C": ("complex<f32>", "complex<f64>"),
}
COMPLEX = frozenset(_KINDS["C"])
ELEMENTS = frozenset(element for kind in _KINDS.values() for element in kind)

# The operations by the kinds of their results. Combinations that MLIR's verifier refuses anyway are
# not excluded here.
_RUN = {
    "F": """
        stablehlo: ceil floor imag real reduce_precision round_nearest_afz round_nearest_even
        chlo: bessel_i1e digamma erf erf_inv erfc lgamma next_after polygamma zeta
        """,
    "I": """
        stablehlo: count_leading_zeros get_dimension_size popcnt shift_left shift_right_arithmetic
        stablehlo: shift_right_logical
        chlo: mulhi
        """,
    "B": """
        stablehlo: compare is_finite
        chlo: is_inf is_neg_inf is_pos_inf
        """,
    "C": "stablehlo: complex",
    "FC": """
        stablehlo: atan2 cbrt cosine exponential exponential_minus_one log log_plus_one logistic
        stablehlo: rsqrt sine sqrt tan tanh
        chlo: acos acosh asin asinh atan atanh conj cosh sinh square tan
        """,
    "FI": """
        stablehlo: remainder
        chlo: top_k
        """,
    "IB": "stablehlo: and not or xor",
    "FIB": "stablehlo: bitcast_convert",
    "FIC": "stablehlo: abs divide iota negate power sign subtract",
    "FIBC": """
        func: call return
        stablehlo: add broadcast_in_dim case clamp concatenate constant convert convolution
        stablehlo: dot_general dynamic_slice dynamic_update_slice gather if map maximum minimum
        stablehlo: multiply optimization_barrier pad reduce reduce_window reshape return reverse
        stablehlo: scatter select select_and_scatter slice sort transpose while
        chlo: constant constant_like
        """
    # The interpreter lacks these; see `fallback_kernels`.
    + "stablehlo: custom_call fft rng_bit_generator triangular_solve",
}

# The reasons why the others may not be run.
_NOT_RUN = {
    "StableHLO's interpreter lacks it": """
        stablehlo: batch_norm_grad batch_norm_inference batch_norm_training broadcast cholesky
        stablehlo: create_token cross-replica-sum dot einsum rng torch_index_select unary_einsum
        """,
    "it is for several devices, or for talking to one": """
        stablehlo: after_all all_gather all_reduce all_to_all async_done async_start
        stablehlo: collective_broadcast collective_permute infeed outfeed partition_id recv
        stablehlo: reduce_scatter replica_id send
        """,
    "it is for shapes that are not known before": """
        stablehlo: dynamic_broadcast_in_dim dynamic_conv dynamic_gather dynamic_iota dynamic_pad
        stablehlo: dynamic_reshape real_dynamic_slice set_dimension_size
        """,
    "it is for quantized numbers": "stablehlo: uniform_dequantize uniform_quantize",
    "JAX writes none for programs as these are": """
        stablehlo: composite get_tuple_element tuple
        chlo: _asin_acos_kernel broadcast_add broadcast_and broadcast_atan2 broadcast_compare
        chlo: broadcast_complex broadcast_divide broadcast_maximum broadcast_minimum
        chlo: broadcast_multiply broadcast_next_after broadcast_or broadcast_polygamma
        chlo: broadcast_power broadcast_remainder broadcast_select broadcast_shift_left
        chlo: broadcast_shift_right_arithmetic broadcast_shift_right_logical broadcast_subtract
        chlo: broadcast_xor broadcast_zeta ragged_dot scan
        """,
}


def _list_names(listed: str) -> list[str]:
    return [
        f"{dialect.strip()}.{name}"
        for dialect, names in (line.split(":") for line in listed.splitlines() if line.strip())
        for name in names.split()
    ]


# The element types of the results, by the operation's name.
RUN = {
    name: frozenset(element for letter in letters for element in _KINDS[letter])
    for letters, listed in _RUN.items()
    for name in _list_names(listed)
}
# The reason against each other operation of StableHLO and CHLO, by its name.
NOT_RUN = {name: reason for reason, listed in _NOT_RUN.items() for name in _list_names(listed)}
