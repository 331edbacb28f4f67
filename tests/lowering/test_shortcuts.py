"""What is done once instead of twice changes no byte: the text is what jax's public way prints."""

import importlib.util
import threading
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jax_ir_synth import kernels
from jax_ir_synth.lowering import contexts, lower_source
from jax_ir_synth.lowering.platforms import same_on_every_platform
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import clean_module, read_section

PLATFORMS = ("cpu", "cuda")
STRAIGHTFORWARD = Path(__file__).parents[2] / "benchmarks" / "straightforward.py"
X = jax.ShapeDtypeStruct((8,), "float32")


def straightforward(source, platform: str) -> tuple[str, str]:
    """The benchmark's, so that what is timed there is what ours is equal to."""
    spec = importlib.util.spec_from_file_location("straightforward", STRAIGHTFORWARD)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    forward, backward = module.straightforward(source, platform)
    return clean_module(forward), clean_module(backward)


def ours(source) -> dict[str, tuple[str, str]]:
    columns = lower_source(
        source.python, source.name, source.in_avals, source.argnums, PLATFORMS
    ).columns
    read = {platform: read_section(text) for platform, text in columns.items()}
    return {platform: (column.forward, column.backward) for platform, column in read.items()}


@pytest.fixture
def not_installed(monkeypatch):
    """Jax as it comes, and the shortcut not there yet; afterwards all as it was."""
    home = contexts._home()
    made = home.make_ir_context
    monkeypatch.setattr(home, "make_ir_context", getattr(made, "__wrapped__", made))
    contexts._install.cache_clear()
    yield home
    contexts._install.cache_clear()


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_text_is_that_of_the_straightforward_way(category):
    for candidate in range(3):
        source = kernels.write(kernels.draw(category, 17, candidate))
        # What jax keeps of earlier traces can change a text (jax-ml/jax#40312).
        jax.clear_caches()
        assert ours(source) == {
            platform: straightforward(source, platform) for platform in PLATFORMS
        }


def test_a_context_is_shared_and_replaced(not_installed, monkeypatch):
    monkeypatch.setattr(contexts, "_for_jax", contexts._Contexts(uses=3))
    made = []
    real = not_installed.make_ir_context
    monkeypatch.setattr(not_installed, "make_ir_context", lambda: made.append(real()) or made[-1])
    texts = []
    for number in range(8):
        with contexts.share_context():
            fn = jax.jit(lambda x, number=number: x * 2.0)
            texts.append(fn.trace(X).lower(lowering_platforms=("cpu",)).as_text())
    assert len(made) == 3
    assert len(set(texts)) == 1


def test_outside_and_in_other_threads_jax_makes_its_own(not_installed):
    def context():
        return jax.jit(lambda x: x + 1.0).trace(X).lower().compiler_ir("stablehlo").context

    others = []
    with contexts.share_context():
        inside = [context() for _ in range(2)]
        thread = threading.Thread(target=lambda: others.append(context()))
        thread.start()
        thread.join()
    assert inside[0] == inside[1]
    assert others[0] != inside[0]
    assert context() != inside[0]


def test_where_jax_makes_contexts_elsewhere_the_text_is_the_same(not_installed, monkeypatch):
    source = kernels.write(kernels.draw("compound", 17, 0))
    shared = ours(source)
    assert hasattr(not_installed.make_ir_context, "__wrapped__"), "jax moved what makes contexts"
    monkeypatch.setattr(not_installed, "make_ir_context", not_installed.make_ir_context.__wrapped__)
    contexts._install.cache_clear()
    monkeypatch.setattr(contexts, "_home", types.SimpleNamespace)
    jax.clear_caches()
    assert ours(source) == shared
    assert not hasattr(not_installed.make_ir_context, "__wrapped__")


def test_one_lowering_serves_both_platforms_only_where_it_may():
    alike = 0
    for category in CATEGORIES:
        for candidate in range(3):
            source = kernels.write(kernels.draw(category, 17, candidate))
            texts = ours(source)
            alike += texts["cpu"] == texts["cuda"]
    assert alike >= 20
    assert not same_on_every_platform(jax.jit(jnp.linalg.cholesky).trace(jnp.eye(3)).jaxpr)


FORK = """
import os, signal
import jax, jax.numpy as jnp
from jax_ir_synth.lowering import lower
X = jax.ShapeDtypeStruct((3, 3), "float32")
def kernel(x, y):
    return jnp.linalg.solve(x, y) * jnp.tanh(x).sum()
expected = lower(kernel, X, X)
child = os.fork()
if child == 0:
    # A hang is what this test is about.
    signal.alarm(60)
    jax.clear_caches()
    os._exit(0 if lower(kernel, X, X) == expected else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_process_forked_off_lowers_too(python):
    done = python("-W", "ignore", "-c", FORK)
    assert done.returncode == 0, done.stderr
