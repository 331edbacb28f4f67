"""Programs that people know, as families: real code with options, of which programs are made.

A module of this folder holds families of one topic, and the helper functions that they call.
`style.family` has what they are declared with, and `style.draw` makes a program of one. Their code
is read, and never run: so it may use `jax`, `jnp` and `lax` without importing them, and must use
nothing else.

How a family is written:

- It is what a person would write who knows the topic: names that say what is meant, the usual order
  of arguments, a docstring that is true for each choice of options, and comments where one would
  be. It ends where its idea ends.
- An option decides the structure. It is used in tests (`if causal:`, `if kind == "rms":`), as a
  constant (`axis`, `num_layers`), or passed on to a helper function. Its value is an ordinary
  constant, or an expression as `Code("jax.nn.gelu")`. In the signature it has its plainest value,
  which nearly half of the programs get.
- An option is a variant that people have a name for. It is no step before or after the idea that
  nobody writes there, and it doesn't change which quantity is returned: another quantity is another
  family, with its own name.
- An optional array is None where a program goes without it, and is tested by `is not None`.
- What decides no structure (an epsilon, a rate) is a number in the text, a helper's default, or an
  option with some numbers.
- All arrays are small (some hundred elements), and the values stay in range for each option: the
  proof runs each program on random inputs from the declared ranges.
- Two programs with other options are other programs. A family should have hundreds of structures.
"""
