"""Lists the operations that may be run, with their element types, and the reasons against others.

The tests run every listed operation with StableHLO's interpreter, and show how the others fail.
"""

# Element types, by the letter of their kind.
_KINDS = {
    "F": ("f16", "bf16", "f32", "f64"),
    "I": ("i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"),
    "B": ("i1",),
    "C": ("complex<f32>", "complex<f64>"),
    "S": (
        *("f8E3M4", "f8E4M3", "f8E4M3B11FNUZ", "f8E4M3FN", "f8E4M3FNUZ"),
        *("f8E5M2", "f8E5M2FNUZ"),
    ),
}
COMPLEX = frozenset(_KINDS["C"])
ELEMENTS = frozenset(element for kind in _KINDS.values() for element in kind)

# The operations by the kinds of their results. Combinations that MLIR's verifier refuses anyway are
# not excluded here.
_RUN = {
    "F": """
        stablehlo: ceil floor imag real reduce_precision round_nearest_afz round_nearest_even
        stablehlo: cholesky
        chlo: bessel_i1e broadcast_next_after broadcast_polygamma broadcast_zeta digamma
        chlo: erf erf_inv erfc lgamma next_after polygamma zeta
        """,
    "I": """
        stablehlo: count_leading_zeros get_dimension_size popcnt shift_left shift_right_arithmetic
        stablehlo: shift_right_logical
        chlo: broadcast_shift_left broadcast_shift_right_arithmetic broadcast_shift_right_logical
        chlo: mulhi
        """,
    "B": """
        stablehlo: compare is_finite
        chlo: broadcast_compare is_inf is_neg_inf is_pos_inf
        """,
    "C": """
        stablehlo: complex
        chlo: broadcast_complex
        """,
    "FC": """
        stablehlo: atan2 cbrt cosine exponential exponential_minus_one log log_plus_one logistic
        stablehlo: rsqrt sine sqrt tan tanh
        chlo: acos acosh asin asinh atan atanh broadcast_atan2 conj cosh sinh square tan
        """,
    "FI": """
        stablehlo: remainder
        chlo: broadcast_remainder top_k
        """,
    "IB": """
        stablehlo: and not or xor
        chlo: broadcast_and broadcast_or broadcast_xor
        """,
    "FIB": "stablehlo: bitcast_convert",
    "FIC": """
        stablehlo: abs divide iota negate power sign subtract
        chlo: broadcast_divide broadcast_power broadcast_subtract
        """,
    "FIBC": """
        stablehlo: add clamp convolution dot_general maximum minimum multiply reduce
        stablehlo: reduce_window scatter select_and_scatter sort
        chlo: broadcast_add broadcast_maximum broadcast_minimum broadcast_multiply
        chlo: constant constant_like
        """
    # The interpreter lacks these; see `fallback_kernels`.
    + "stablehlo: custom_call fft rng_bit_generator triangular_solve",
    "FIBCS": """
        func: call return
        stablehlo: broadcast_in_dim case concatenate constant convert dynamic_slice
        stablehlo: dynamic_update_slice gather if map optimization_barrier pad reshape return
        stablehlo: reverse select slice transpose while
        """,
}

# The reasons why others are neither run nor expanded (see `expansion`).
_NOT_RUN = {
    "it draws other numbers each time": "stablehlo: rng",
    "it is for several devices, or for talking to one": """
        stablehlo: async_done async_start collective_broadcast collective_permute infeed outfeed
        stablehlo: recv send
        """,
    "it is for shapes that are not known before": "stablehlo: set_dimension_size",
    "it is for quantized numbers": "stablehlo: uniform_dequantize uniform_quantize",
    "JAX writes none for programs as these are": "chlo: _asin_acos_kernel ragged_dot scan",
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
