"""The reader of dead code finds what is planted, and nothing in live code."""

import pytest
from liveness import dead_names

LIVE = """def kernel_f(x, y, eps=1e-6):
    \"\"\"Doc.\"\"\"
    h = x * eps
    h = jnp.sin(h)

    def step(carry, _):
        return carry + y, carry

    _, ys = lax.scan(step, h, None, length=4)
    for k in range(3):
        ys = ys * 2.0
    return jax.vmap(lambda v: v + h)(ys)
"""


def test_live_code_has_nothing_dead():
    assert dead_names(LIVE) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("return carry + y, carry", "return carry, carry", "y is not used"),
        ("h = jnp.sin(h)", "h = jnp.sin(x)", "h is assigned twice and not read between"),
        ("return jax.vmap", "z = ys\n    return jax.vmap", "z is not used"),
        ("x * eps", "x * 2.0", "eps is not used"),
        ("x * eps", "x * eps * w", "w is read but not defined"),
    ],
)
def test_planted_dead_code_is_found(old, new, complaint):
    assert complaint in dead_names(LIVE.replace(old, new))
