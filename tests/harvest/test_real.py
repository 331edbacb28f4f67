"""The set of real programs: installed from a list, rebuilt by a lock list, and compared with it."""

import dataclasses
import json
import platform

import pytest
from toy_package import MIT, make_wheel, show, write

from jax_ir_synth import JaxIrSynth
from jax_ir_synth.errors import UsageError
from jax_ir_synth.harvest.builder import NotRebuilt
from jax_ir_synth.harvest.journal import Journal
from jax_ir_synth.harvest.packages import find_package
from jax_ir_synth.harvest.real import installing, lock
from jax_ir_synth.harvest.real.installing import InstallError, Pinned, install, read_pinned
from jax_ir_synth.harvest.real.lock import read_lock, write_lock
from jax_ir_synth.harvest.real.rebuild import (
    RealSet,
    find_packages,
    keep_steady,
    list_entries,
    rebuild,
)
from jax_ir_synth.harvest.run import harvest


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def real(toy, options, patch, tmp_path_factory):
    """A set of one package, which is installed from a wheel, and its rows."""
    folder = tmp_path_factory.mktemp("real")
    patch.setenv(installing.VARIABLE, str(folder / "packages"))
    pinned = Pinned({str(make_wheel(toy, folder)): "toyjax"}, [])
    packages = find_packages(pinned, install(pinned))
    with Journal(None) as journal:
        found = harvest(packages, dataclasses.replace(options, prove=False), 1, journal, show)
    (folder / "packages.json").write_text(json.dumps(pinned._asdict()))
    write_lock(folder / "real.lock", list_entries(found.tried))
    patch.setattr(installing, "PACKAGES", folder / "packages.json")
    patch.setattr(lock, "LOCK", folder / "real.lock")
    rows = [each.row for each in found.tried if each.row is not None]
    return RealSet(read_pinned(), read_lock()), rows


def test_the_lock_list_of_this_package_holds_no_code_and_only_what_is_pinned():
    pinned, entries = read_pinned(), read_lock()
    versions = dict(each.split("==") for each in pinned.packages)
    assert len(pinned.packages) >= 12 and entries
    assert {(entry.package, entry.version) for entry in entries} <= set(versions.items())
    assert len({(entry.module, entry.qualname) for entry in entries}) == len(entries)
    for entry in entries:
        assert {*entry.sha256} == {"python", "cpp", "cuda"}
        assert "\n" not in json.dumps(entry.call) and "def " not in json.dumps(entry.call)


def test_the_installed_package_is_found_with_its_license(real):
    (package,) = find_packages(real[0].pinned, install(real[0].pinned))
    assert (package.name, package.version, package.license) == ("toyjax", "1.0", "MIT")
    assert [file.name for file in package.license_files] == ["LICENSE"]


def test_the_lock_list_gives_the_same_rows_again(real, options):
    wanted, rows = real
    missing = []
    again = list(
        rebuild(wanted, dataclasses.replace(options, prove=False), 2, show, missing.append)
    )
    assert missing == [] and len(rows) >= 4
    assert again == [{**row, "id": number} for number, row in enumerate(rows)]


def test_the_builder_refuses_a_row_with_a_changed_hash(real, patch, tmp_path, caplog):
    wanted, rows = real
    entries = list(wanted.entries)
    entries[1] = entries[1]._replace(sha256={**entries[1].sha256, "cuda": "0" * 64})
    changed = tmp_path / "real.lock"
    write_lock(changed, entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "LOCK", changed)
        builder = JaxIrSynth(config_name="real", cache_dir=str(tmp_path), verify=False)
        builder.download_and_prepare()
        loaded = builder.as_dataset()
        assert set(loaded) == {"test"}
        names = [row["qualname"] for row in loaded["test"]]
        assert names == [row["qualname"] for row in rows if row["qualname"] != entries[1].qualname]
        lines = [record.message for record in caplog.records if "left out" in record.message]
        assert len(lines) == 1 and "its column cuda has the SHA-256" in lines[0]
        strict = JaxIrSynth(
            config_name="real", cache_dir=str(tmp_path / "strict"), verify=False, strict=True
        )
        with pytest.raises(Exception) as caught:
            strict.download_and_prepare()
        causes = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert any(isinstance(cause, NotRebuilt) for cause in causes)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 can do without AVX")
def test_what_depends_on_the_processor_is_in_no_list(options, tmp_path):
    """As a constant whose last digits OpenBLAS rounds in another way."""
    write(tmp_path, "LICENSE", MIT)
    write(
        tmp_path,
        "processor.py",
        """
        import os

        import jax.numpy as jnp

        _LAST_DIGIT = int(os.environ.get("OPENBLAS_CORETYPE") == "Nehalem")


        def unsteady(x):
            return jnp.sin(x) * (3 + _LAST_DIGIT)


        def steady(x):
            return jnp.cos(x) * 3
        """,
    )
    chosen = dataclasses.replace(options, scripts=(), prove=False)
    packages = [find_package(str(tmp_path / "processor.py"))]
    with Journal(None) as journal:
        found = harvest(packages, chosen, 1, journal, show)
    entries, told = list_entries(found.tried), []
    assert [entry.qualname for entry in entries] == ["unsteady", "steady"]
    assert keep_steady(packages, entries, chosen, 2, show, told.append) == entries[1:]
    assert [missing.entry for missing in told] == entries[:1]
    assert told[0].line.endswith("is left out: it depends on the machine's processor")


@pytest.mark.parametrize("name, value", [("seed", 7), ("count", 10), ("dialect", "jaxpr")])
def test_arguments_without_a_meaning_are_refused(name, value):
    with pytest.raises(UsageError, match=f"`{name}` .* is not an argument of the config real"):
        JaxIrSynth(config_name="real", **{name: value})


def test_what_cannot_be_installed_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv(installing.VARIABLE, str(tmp_path))
    with pytest.raises(InstallError, match="pip can't install the packages of the set: ") as caught:
        install(Pinned({str(tmp_path / "no_wheel-1.0-py3-none-any.whl"): "no"}, []))
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_damaged_lock_list_is_told(tmp_path):
    (tmp_path / "real.lock").write_bytes(b"no lock")
    with pytest.raises(UsageError, match="is no lock list"):
        read_lock(tmp_path / "real.lock")
