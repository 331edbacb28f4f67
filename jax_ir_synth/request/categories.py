"""The registry of categories. Add one with a line here and a module in `kernels`."""

# Each names a module in `kernels` that defines `draw` and `SIGNATURE`.
CATEGORIES = (
    "elementwise",
    "scalar_array",
    "unary",
    "branch",
    "loop",
    "reduction",
    "vector",
    "multi_statement",
    "nested_branch",
    "compound",
)
