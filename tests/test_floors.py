"""The floors of the package: a module imports only from lower ones (see CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jax_ir_synth"
FLOORS = (
    ("__version__", "errors"),
    *(("request",), ("schema",), ("reference",), ("runtime",), ("terminal",)),
    ("kernels", "lowering"),
    ("verify",),
    ("generate", "storage", "functions"),
    ("evaluate", "show", "stats", "card", "publish", "scale", "harvest"),
    ("cli", "jax_ir_synth", "registration"),
    ("", "__main__", "samples", "levels"),
)
FLOOR = {package: number for number, floor in enumerate(FLOORS) for package in floor}
# On the same floor, the one way that is open.
OPEN = {("card", "show"), ("card", "stats"), ("jax_ir_synth", "registration")}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _imported(module: Path) -> set[str]:
    """The packages that a module imports from, wherever in its text."""
    names = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("jax_ir_synth.")}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(module):
    place = module.relative_to(PACKAGE).with_suffix("")
    own = place.parts[0] if place.name != "__init__" or len(place.parts) > 1 else ""
    # `python -m jax_ir_synth.X` is the command's name for X, on the top floor.
    floor = FLOOR["__main__" if place.name == "__main__" else own]
    for package in _imported(module) - {own}:
        assert FLOOR[package] < floor or (own, package) in OPEN, f"{own} imports {package}"


def test_every_room_has_a_floor_and_says_what_it_is_for():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= set(FLOOR)
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
