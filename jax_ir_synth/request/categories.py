"""The registry of the categories: an eleventh is one line here, and a module of `kernels`."""

# Each is the name of a module in `kernels`, with `draw(draft)` and `SIGNATURE`.
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
