"""The texts of a package of the tests' own, with functions of every kind that a harvest meets."""

import textwrap
import zipfile
from pathlib import Path

MIT = """MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy, subject to the following
conditions: The above copyright notice and this permission notice shall be included in all copies.
"""

FUNCTIONS = '''
    """Functions of arrays."""

    from typing import NamedTuple

    import jax.numpy as jnp

    _SCALE = 3.0


    class Params(NamedTuple):
        """Two arrays."""

        weight: object
        shift: object


    def sum_tanh(x, axis):
        """Sum.

        >>> sum_tanh(jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), axis=1).shape
        (2,)
        """
        return jnp.tanh(x * _SCALE).sum(axis)


    def affine(params, x):
        return params.weight * x + jnp.sin(params.shift)


    def log_ratio(p, q):
        return jnp.log(p) - jnp.log1p(q)


    def twin_of_log_ratio(first, second):
        return jnp.log(first) - jnp.log1p(second)


    def outer_like(x: "Float[Array, 'n d']", y: "Float[Array, 'n']"):
        assert x.shape == (5, 3) and y.shape == (5,)
        return x * jnp.cos(y)[:, None]


    def save_array(x):
        return jnp.exp(x)


    def make_power(n):
        def power(x):
            return jnp.abs(x) ** n

        return power


    def only_texts(text: str):
        return jnp.asarray(len(text.splitlines()))


    def plain(x):
        return [each for each in x]
'''
MODELS = '''
    """A class with a method."""

    import dataclasses

    import jax.numpy as jnp


    @dataclasses.dataclass
    class Smooth:
        """A width."""

        width: float

        def __call__(self, x):
            return jnp.arctan(x / 1.5)
'''
HOSTILE = '''
    """Functions that nobody should call."""

    import os
    import socket
    import subprocess

    import jax.numpy as jnp


    def hang(x):
        while True:
            x = jnp.asarray(x)


    def leave(x):
        jnp.sin(x)
        os._exit(3)


    def hoard(x):
        return jnp.sin(x) * len(bytearray(2**36))


    def listen(x):
        socket.create_connection(("localhost", 1))
        return jnp.sin(x)


    def start(x):
        subprocess.run(["true"])
        return jnp.sin(x)


    def overwrite(x):
        open(__file__, "a")
        return jnp.sin(x)
'''
SCRIPT = """
    import jax.numpy as jnp
    from toyjax.functions import Params, affine, make_power

    affine(Params(jnp.full(3, 2.0), jnp.zeros(3)), jnp.arange(3.0))
    make_power(3)(jnp.linspace(0.5, 1.5, 4))
    print("done")
    raise SystemExit
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip())
    return path


def show(rows, total, what):
    yield from rows


def make_wheel(toy: Path, folder: Path, version: str = "1.0") -> Path:
    """A wheel of the package, which pip installs without a network."""
    path = folder / f"toyjax-{version}-py3-none-any.whl"
    info = f"toyjax-{version}.dist-info"
    files = {
        **{f"toyjax/{name}.py": (toy / "toyjax" / f"{name}.py").read_text() for name in MODULES},
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: toyjax\nVersion: {version}\n"
        "License-Expression: MIT\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/licenses/LICENSE": MIT,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
        archive.writestr(f"{info}/RECORD", record)
    return path


MODULES = ("__init__", "functions", "models")
