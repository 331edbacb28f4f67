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
# What rows that aren't synthesized are of: a user's own functions, and functions of packages.
COLLECTED = ("own", "real")
# All that the rows of a dataset may be of, in the order of tables.
KINDS = (*CATEGORIES, *COLLECTED)
