"""The registry of categories. `CONTRIBUTING.md` says how to add one."""

# Each names a module in `kernels` that defines `draw` and `SIGNATURE`. A new one comes last, since
# the ids of rows count in this order.
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
