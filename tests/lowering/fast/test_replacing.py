"""Shortcuts are taken where they are known to fit, and leave the rest of the process alone."""

import inspect
import json
import logging
import threading

import jax
import jax.numpy as jnp
import pytest
from functions import FUNCTIONS, V

from jax_ir_synth import kernels
from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import fast, lower, lower_source
from jax_ir_synth.lowering.fast import replacing, tables
from jax_ir_synth.lowering.fast.replacing import RECORD, Replacing, Shortcut, find_home

MADE_UP = "jax._src.api_util:fun_signature"


def _functions() -> dict[str, object]:
    """What is where the shortcuts put their own."""
    found = {}
    for shortcut in fast.SHORTCUTS:
        for where in shortcut.replaces:
            home, name = find_home(where)
            found[where] = getattr(home, name)
    return found


def test_the_sources_are_those_that_the_shortcuts_were_written_for(request):
    names = sorted({name for shortcut in fast.SHORTCUTS for name in shortcut.functions})
    digests = {name: replacing.digest_source(name) for name in names}
    if request.config.getoption("--record-goldens"):
        RECORD.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
    assert json.loads(RECORD.read_text(encoding="utf-8")) == digests
    assert not [each for shortcut in fast.SHORTCUTS for each in replacing.find_changed(shortcut)]


def test_afterwards_jax_is_as_before():
    before = _functions()
    lower(jnp.sin, V)
    assert _functions() == before
    with pytest.raises(UsageError):
        lower(lambda x: x if x.sum() > 0 else -x, V)
    assert _functions() == before


def test_other_threads_and_outside_have_jaxs_own():
    calls = []
    shortcut = Shortcut("made up", (), {MADE_UP: lambda own: lambda fun: calls.append(fun)})
    shortcuts, home = Replacing([shortcut]), find_home(MADE_UP)[0]
    shortcuts.__dict__["known"] = [shortcut]
    own = home.fun_signature
    with shortcuts.taken():
        assert home.fun_signature(len) is None
        others = []
        thread = threading.Thread(target=lambda: others.append(home.fun_signature(len)))
        thread.start()
        thread.join()
        with shortcuts.taken():
            assert home.fun_signature(max) is None
        assert home.fun_signature(min) is None
    assert others == [own(len)] and others != [None]
    assert calls == [len, max, min]
    assert home.fun_signature is own


def test_a_thread_that_leaves_first_takes_nothing_from_another():
    calls = []
    shortcut = Shortcut("made up", (), {MADE_UP: lambda own: lambda fun: calls.append(fun)})
    shortcuts, home = Replacing([shortcut]), find_home(MADE_UP)[0]
    shortcuts.__dict__["known"] = [shortcut]
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with shortcuts.taken():
            inside.set()
            leave.wait(20)
            home.fun_signature(len)

    thread = threading.Thread(target=stay)
    own = home.fun_signature
    thread.start()
    inside.wait(20)
    with shortcuts.taken():
        pass
    leave.set()
    thread.join()
    assert calls == [len]
    assert home.fun_signature is own


def _use(x):
    """What a user's process does meanwhile, in a thread, so that all frames are the same."""
    found = []
    thread = threading.Thread(target=lambda: found.append(_compute(x)))
    thread.start()
    thread.join()
    return found


def _compute(x):
    loss = jax.jit(lambda y: jnp.where(y > 0, jnp.tanh(y), y**3).sum())
    mapped = jax.vmap(jax.grad(loss))(jnp.stack([x, x * 2]))
    hessian = jax.hessian(loss)(x)
    text = jax.jit(jax.grad(loss)).lower(x).as_text(debug_info=True)
    return mapped.tolist(), hessian.tolist(), text


def test_a_users_jax_is_the_same_between_and_beside_lowerings():
    x = jnp.arange(4.0)
    function, args = FUNCTIONS["shared inner functions"]
    expected, column = _use(x), lower(function, *args)
    columns, users, errors = [], [], []

    def lower_often():
        try:
            columns.extend(lower(function, *args) for _ in range(6))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=lower_often) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        users.append(_use(x))
    for thread in threads:
        thread.join()
    assert not errors
    assert columns == [column] * 12
    assert users and all(each == expected for each in users)
    assert _use(x) == expected


def test_a_users_jitted_function_is_not_traced_again():
    traces = []

    @jax.jit
    def f(x):
        traces.append(1)
        return jnp.clip(jnp.where(x > 0, x, 2 * x), -1, 1)

    before = f(jnp.arange(3.0)).tolist()
    lower(lambda x: jnp.clip(jnp.where(x > 0, x, 2 * x), -1, 1), V)
    assert f(jnp.arange(3.0)).tolist() == before
    assert len(traces) == 1


def test_a_users_errors_have_their_traceback():
    def fails(x):
        return jnp.sin(x) if x > 0 else x

    def message() -> str:
        with pytest.raises(jax.errors.TracerBoolConversionError) as raised:
            jax.jit(fails)(1.0)
        return str(raised.value)

    before = message()
    lower(jnp.sin, V)
    assert message() == before


@pytest.mark.parametrize("shortcut", fast.SHORTCUTS, ids=lambda shortcut: shortcut.name)
def test_without_a_shortcut_the_text_is_the_same(shortcut, monkeypatch, caplog):
    sources = [kernels.write(kernels.draw(name, 31, 0)) for name in ("compound", "loop", "branch")]

    def columns():
        return [
            lower_source(each.python, each.name, each.in_avals, each.argnums, ("cpu", "cuda"))
            for each in sources
        ]

    expected = columns()
    jax.clear_caches()
    recorded = replacing._read_record() | {shortcut.functions[0]: "another version's"}
    monkeypatch.setattr(replacing, "_read_record", lambda: recorded)
    monkeypatch.setattr(fast, "_replacing", Replacing(fast.SHORTCUTS))
    with caplog.at_level(logging.WARNING, "jax_ir_synth"):
        assert columns() == expected
    assert shortcut not in fast._replacing.known
    (line,) = [record.getMessage() for record in caplog.records if record.name == "jax_ir_synth"]
    assert shortcut.name in line and shortcut.functions[0] in line and "\n" not in line


def test_a_function_that_is_gone_is_a_changed_one():
    gone = Shortcut("gone", ("jax._src.api_util:no_such_function", "jax._src.nowhere:f"), {})
    assert replacing.find_changed(gone) == sorted(gone.relies_on)


def test_what_somebody_else_has_replaced_stays():
    """A library that watches jax, before and while rows are lowered."""
    expected, seen = lower(jnp.sin, V), []
    home, name = find_home("jax._src.core:Primitive.bind")
    own = getattr(home, name)

    def watch(self, *args, **params):
        seen.append(self.name)
        return own(self, *args, **params)

    try:
        setattr(home, name, watch)
        assert lower(jnp.sin, V) == expected
        assert "sin" in seen and getattr(home, name) is watch
        setattr(home, name, own)
        with fast.taken():
            setattr(home, name, watch)
        assert getattr(home, name) is watch
    finally:
        setattr(home, name, own)
    assert lower(jnp.sin, V) == expected


def test_the_variable_turns_all_off(monkeypatch):
    monkeypatch.setenv(fast.VARIABLE, "0")
    before = _functions()
    with fast.taken():
        assert _functions() == before
    monkeypatch.setenv(fast.VARIABLE, "1")
    with fast.taken():
        changed = [where for where, own in before.items() if _functions()[where] is not own]
    assert sorted(changed) == sorted(before)


def test_tables_are_bounded(monkeypatch):
    monkeypatch.setattr(tables, "_MOST", 5)
    function, args = FUNCTIONS["activations"]
    expected = lower(function, *args)
    kept = tables.Tables(None)
    kept.seen.update(dict.fromkeys(range(6), 1))
    kept.constants.update(dict.fromkeys(range(5)))
    kept.bound()
    assert not kept.seen and len(kept.constants) == 5
    assert [lower(function, *args) for _ in range(2)] == [expected] * 2


def test_sources_are_read_whole():
    """By indentation, as `inspect` reads them by parsing."""
    for shortcut in fast.SHORTCUTS:
        for where in shortcut.functions:
            home, name = find_home(where)
            function = inspect.unwrap(getattr(home, name))
            if not isinstance(function, type):
                assert replacing._read_source(function) == inspect.getsource(function).rstrip()
