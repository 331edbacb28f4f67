"""Loads a small module of a person's own as a function of the NumPy reference.

`source` loads the kernels of this project: one `def` with few constructs. A function that a person
wrote needs more: imports, constants, helpers, classes of fields, decorators, messages. `loading`
takes such a text, `rewriting` refuses what isn't on its lists and puts guards around the rest,
`imports` says what each import gives, `builtin_names` which builtins there are, `classes` makes the
text's own classes, and `guards` decides at run time which attributes may be read.

The text is a stranger's. Whatever isn't allowed is refused: an attribute is read only if the type
of its value is one that `guards` knows, a name can't begin with two underscores, and everything
that grows is bounded (see `numpy_jax.bounds`).
"""
