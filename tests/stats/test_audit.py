"""The audit finds no fault in generated rows, and finds each row that breaks a promise."""

import pytest

from jax_ir_synth.schema.ir_section import read_sections, write_sections
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.stats import audit


def _checks(faults):
    return [(fault.check, fault.id) for fault in faults]


def test_generated_rows_have_no_fault(good):
    assert audit.audit(good) == []


def test_every_category_has_been_audited(good):
    from jax_ir_synth.request.categories import CATEGORIES

    assert {row["type"] for row in good} == {f"generate_{category}" for category in CATEGORIES}


def test_a_repeated_program(good):
    copy = good[3] | {"id": 1000, "python": good[3]["python"] + "\n"}
    assert audit.find_faults("duplicates", [*good, copy]) == [
        ("duplicates", 1000, f"its program_hash is that of row {good[3]['id']}")
    ]


def test_a_repeated_text(make):
    python = "def kernel_a(x):\n    return jnp.sin(x)\n"
    rows = [make(python, (4,), id=1), make(python, (5,), id=2)]
    assert audit.find_faults("duplicates", rows) == [
        ("duplicates", 2, "its python is that of row 1")
    ]


def test_a_skeleton_in_two_splits(good):
    # The container ignores the skeleton: it stores the row in another split than its skeleton's.
    here = RowView(good[0])
    there = next(split for split in ("train", "test") if split != here.split)
    faults = audit.find_faults("leaks", [here, RowView(good[0] | {"id": 1000}, split=there)])
    assert {fault.id for fault in faults} == {1000}
    reasons = " ".join(fault.reason for fault in faults)
    assert f"it is in {there}, its skeleton belongs to {here.split}" in reasons
    assert "its skeleton_hash" in reasons


def test_a_program_with_other_names_and_numbers_in_another_split(make):
    one = make("def kernel_a(x, y):\n    return jnp.exp(x * 2.0) - y\n", (4, 5), (5,), id=1)
    other = make(
        "def kernel_b(rate, bias):\n    return jnp.exp(rate * 0.5) - bias\n",
        (16, 7), (7,), id=2, split="test",
    )  # fmt: skip
    assert audit.find_faults("leaks", [one, other]) == [
        ("leaks", 2, f"its {what} without names and numbers (test) is that of row 1 (train)")
        for what in ("IR", "Python")
    ]
    # In the same split, the two rows are near-duplicates, but no leak.
    assert audit.find_faults("leaks", [one, other | {"skeleton_hash": one["skeleton_hash"]}]) == []


def test_a_program_spelled_otherwise_in_another_split(make):
    one = make("def kernel_a(x):\n    return x * x + 1.0\n", (4,), id=1)
    other = make(
        "def kernel_a(x):\n    y = jnp.multiply(x, x)\n    return jnp.add(y, 2.0)\n",
        (4,), id=2, split="validation",
    )  # fmt: skip
    assert audit.find_faults("leaks", [one, other]) == [
        ("leaks", 2, "its IR without names and numbers (validation) is that of row 1 (train)")
    ]


def test_a_text_on_other_sizes_in_another_split(make):
    # The size 1 is broadcast, so the IR differs in more than numbers. The Python doesn't differ.
    python = "def kernel_a(x, y):\n    return x * y\n"
    rows = [make(python, (4, 5), (4, 5), id=1), make(python, (4, 5), (1, 5), id=2, split="test")]
    assert audit.find_faults("leaks", rows) == [
        ("leaks", 2, "its Python without names and numbers (test) is that of row 1 (train)")
    ]


@pytest.mark.parametrize(
    "returned",
    ["jnp.exp(x * 2.0) * y", "jnp.exp(y * 2.0) - x", "jnp.exp(x) - y", "jnp.exp(x * 2.0) - y - y"],
)
def test_another_structure_is_no_leak(make, returned):
    one = make("def kernel_a(x, y):\n    return jnp.exp(x * 2.0) - y\n", (4,), (4,), id=1)
    other = make(f"def kernel_a(x, y):\n    return {returned}\n", (4,), (4,), id=2, split="test")
    assert audit.find_faults("leaks", [one, other]) == []


@pytest.mark.parametrize(
    ("category", "python"),
    [
        ("unary", "def kernel_a(x):\n    return jnp.where(x > 0.0, x * x, -x)\n"),
        ("unary", "def kernel_a(x):\n    return x - jnp.sum(x * x)\n"),
        ("unary", "def kernel_a(x):\n    return jnp.cumsum(x * x)\n"),
        ("branch", "def kernel_a(x):\n    return jnp.tanh(x) * x\n"),
        ("loop", "def kernel_a(x):\n    return lax.fori_loop(0, 3, lambda i, c: c * x, x), "
                 "jnp.linalg.inv(x[:, None] * x + jnp.eye(4))\n"),
        ("elementwise", "def kernel_a(x):\n    return jnp.tanh(x) * x\n"),
    ],
)  # fmt: skip
def test_an_operation_of_another_category(make, category, python):
    row = make(python, (4,), category=category, id=7)
    (fault,) = audit.find_faults("category_mismatch", [row])
    assert fault[:2] == ("category_mismatch", 7)
    assert f"its type is generate_{category}, its IR is of" in fault.reason


def test_a_row_of_another_category(good):
    for row in good:
        others = [other for other in good if other["type"] != row["type"]]
        taken = row | {"type": others[row["id"] % len(others)]["type"]}
        assert _checks(audit.find_faults("category_mismatch", [taken])) == [
            ("category_mismatch", row["id"])
        ]


def test_a_row_that_is_too_long(good):
    row = good[0] | {"python": good[0]["python"] + "# " + "é" * 32 * 1024 + "\n"}
    (fault,) = audit.find_faults("too_long", [*good[1:3], row])
    assert fault[:2] == ("too_long", row["id"])
    assert f"is {RowView(row).size} bytes, more than 65536" in fault.reason


def test_a_row_in_several_dialects_may_be_longer(good):
    row = good[0]
    (own,) = read_sections(row["cpp"])
    optimized = own._replace(dialect="optimized_hlo", forward="x" * 2**17, target="x86-64-v3")
    assert audit.find_faults("too_long", [row | {"cpp": write_sections(own, optimized)}]) == []
    other = own._replace(others=(("VJP (jax.vjp, argnums=(0,))", own.backward),))
    assert audit.find_faults("too_long", [row | {"cpp": write_sections(other), "cuda": None}]) == []


def test_a_malformed_row_goes_no_further(good):
    # Its id, program and source are also those of the first row.
    faults = audit.audit([good[0], good[1], good[0] | {"cpp": None}])
    assert _checks(faults) == [("inconsistent", good[0]["id"])]


def test_all_faults_of_a_row_are_reported(good):
    copy = good[3] | {"id": 1000, "type": good[4]["type"]}
    faults = audit.audit([*good[:5], copy])
    assert set(_checks(faults)) == {("duplicates", 1000), ("category_mismatch", 1000)}
