"""The command `lower`: a function by its name, shapes in MLIR's notation, its IR on stdout."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jax_ir_synth.cli.lower import DTYPES, Aval, Shape, find_function
from jax_ir_synth.cli.main import main
from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import lower

MODEL = """
import jax
import helpers

def gelu_residual(x, weights):
    return x + jax.nn.gelu(x @ weights)

def scaled(x, count, flag):
    return helpers.double(x) * count

class Layers:
    @staticmethod
    def double(x):
        return 2.0 * x

def broken(x):
    raise KeyError("planted")

number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "model.py").write_text(MODEL)
    (folder / "helpers.py").write_text("def double(x):\n    return 2.0 * x\n")
    (folder / "fails.py").write_text("raise OSError('on import')\n")
    # Each test imports them anew, whatever other tests have imported by these names.
    for name in ("model", "helpers", "fails"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in ("model", "helpers", "fails"):
            del sys.modules[name]


def _expected(function: str, *shapes: tuple, **options) -> dict[str, str]:
    fn = find_function(f"code/model.py:{function}")
    structs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]
    return lower(fn, *structs, **options)


def test_the_texts_are_those_of_lower(here, capfd):
    words = ["lower", "code/model.py:gelu_residual", "8x16xf32", "16x16xf32"]
    texts = _expected("gelu_residual", ((8, 16), "float32"), ((16, 16), "float32"))
    assert main(words) == 0
    assert capfd.readouterr().out == "\n".join(texts.values())
    for platform in ("cpu", "cuda"):
        assert main([*words, "--device", platform]) == 0
        assert capfd.readouterr().out == texts[platform]
    assert main([*words, "--device", "cuda", "--output", "out.mlir"]) == 0
    assert Path("out.mlir").read_text() == texts["cuda"]


def test_passes_that_a_function_without_a_gradient_has(here, capfd):
    words = ["lower", "code/model.py:scaled", "i32", "i32", "i1", "--device", "cpu"]
    integer = ((), "int32")
    texts = _expected("scaled", integer, integer, ((), "bool"), passes=("vmap", "forward"))
    assert main([*words, "--passes", "vmap,forward"]) == 0
    assert capfd.readouterr().out == texts["cpu"]


def test_its_flags(here, capfd):
    texts = _expected(
        "scaled", ((), "float32"), ((4,), "int32"), ((), "bool"),
        platforms=("cpu",), dialect=("jaxpr", "hlo"), argnums=0, name="mine",
    )  # fmt: skip
    words = ["lower", "code/model.py:scaled", "f32", "4xi32", "bool[]", "--device", "cpu"]
    assert main([*words, "--dialect", "jaxpr,hlo", "--argnums", "0", "--name", "mine"]) == 0
    assert capfd.readouterr().out == texts["cpu"]


def test_a_module_by_its_name_and_a_method(here, monkeypatch, capfd):
    monkeypatch.chdir(here / "code")
    assert main(["lower", "model:Layers.double", "4xf32", "--device", "cpu"]) == 0
    assert "module @jit_double " in capfd.readouterr().out
    # A path is put in front for the import alone.
    assert str(here / "code") not in sys.path


@pytest.mark.parametrize(
    ("text", "aval"),
    [
        ("f32", Aval((), "float32")),
        ("8x16xf32", Aval((8, 16), "float32")),
        ("3xbf16", Aval((3,), "bfloat16")),
        ("2x2xi1", Aval((2, 2), "bool")),
        ("0x4xui8", Aval((0, 4), "uint8")),
        ("float32[8,16]", Aval((8, 16), "float32")),
        ("f16[4]", Aval((4,), "float16")),
        ("bool[]", Aval((), "bool")),
    ],
)
def test_shapes(text, aval):
    assert Shape().convert(text, None, None) == aval


def test_each_element_type_is_lowered_as_itself(here, capfd):
    for name in DTYPES:
        code = f"def f(x, y):\n    return y * 2.0, x\n# {name}\n"
        Path("code/model.py").write_text(code)
        assert main(["lower", "code/model.py:f", f"3x{name}", "f32", "--device", "cpu"]) == 0
        assert f"(%arg0: tensor<3x{name}>, " in capfd.readouterr().out
        del sys.modules["model"]


@pytest.mark.parametrize("text", ["", "8x16", "x", "8xf32x", "-1xf32", "float32[8", "8 x f32"])
def test_no_shapes(text):
    with pytest.raises(UsageError, match=r"must be like 8x16xf32, f32 or float32\[8,16\]"):
        Shape().convert(text, None, None)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["gelu"], 2, "error: `FUNCTION` (=gelu) must be module:function or file.py:function"),
        (["code/none.py:f"], 2, "code/none.py can't be imported: FileNotFoundError: "),
        (["no_such_module:f"], 2, "no_such_module can't be imported: ModuleNotFoundError: "),
        (["code/fails.py:f"], 2, "code/fails.py can't be imported: OSError: on import"),
        (["code/model.py:g"], 2, "(=code/model.py:g) must name a function of code/model.py"),
        (["code/model.py:number"], 2, "must name a function of code/model.py"),
        (["code/model.py:broken", "f32"], 1, "broken can't be lowered: KeyError: 'planted'"),
        (["code/model.py:gelu_residual", "f32"], 1, "can't be lowered: TypeError: gelu_residual()"),
        (["code/model.py:scaled", "f32", "f64", "f32"], 2, "`SHAPE` (=f64) must have one of the"),
        (
            ["code/model.py:scaled", "i32", "i32", "i1"],
            2,
            "must have one with a floating-point or complex dtype",
        ),
        (["code/model.py:scaled", "f32", "--dialect", "mlir"], 2, "`dialect` (='mlir') must be"),
        (["code/model.py:scaled", "f32", "--passes", "grad"], 2, "`passes` (='grad') must be"),
        (["code/model.py:scaled", "f32", "--target", "sm_1"], 2, "`target` (='sm_1') must be"),
        (["code/model.py:scaled", "f32", "--device", "tpu"], 2, "`--device` (=tpu) must be one"),
        (["code/model.py:scaled", "f32", "--output", "code/model.py"], 2, "must be another file"),
    ],
)
def test_what_is_wrong_is_one_line(here, capfd, words, code, said):
    before = {path: path.is_file() and path.read_text() for path in here.rglob("*.py")}
    assert main(["lower", *words]) == code
    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1), shown.err
    assert said in shown.err
    assert {path: path.read_text() for path in here.rglob("*.py")} == before


def test_the_traceback_of_the_users_own_error(here, capfd):
    assert main(["lower", "code/model.py:broken", "f32", "--verbose"]) == 1
    shown = capfd.readouterr().err
    assert "Traceback" in shown and 'raise KeyError("planted")' in shown
    assert shown.splitlines()[-1].startswith("jax-ir-synth lower: code/model.py:broken can't be")


def test_jax_looks_for_no_device(here):
    code = (
        "import sys\nfrom jax_ir_synth.cli.main import main\n"
        "assert main(['lower', 'code/model.py:Layers.double', '4xf32', '--output', 'o']) == 0\n"
        "from jax._src import xla_bridge\nassert not xla_bridge.backends_are_initialized()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=_env(), capture_output=True)
    assert done.returncode == 0, done.stderr


def _env() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
