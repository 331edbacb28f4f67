"""Which license a package is under, from its metadata or from a text."""

from importlib.metadata import Distribution

import pytest

from jax_ir_synth.errors import UsageError
from jax_ir_synth.harvest.licenses import (
    PERMISSIVE,
    UNKNOWN,
    find_license,
    is_allowed,
    parse_allowed,
    read_license,
    read_text,
    read_words,
)

APACHE = "                 Apache License\n           Version 2.0, January 2004\n"
BSD = "Redistribution and use in source and binary forms, with or without modification"


@pytest.fixture
def distribution(tmp_path):
    """A distribution with these lines of metadata, and this text of a license."""

    def make(lines: str, text: str = "") -> Distribution:
        info = tmp_path / "some-1.0.dist-info"
        (info / "licenses").mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: some\n{lines}")
        (info / "licenses" / "LICENSE").write_text(text)
        (info / "RECORD").write_text("some-1.0.dist-info/licenses/LICENSE,,\n")
        return Distribution.at(info)

    return make


@pytest.mark.parametrize(
    "lines, text, wanted",
    [
        ("License-Expression: apache-2.0 or mit\n", "", "Apache-2.0 OR MIT"),
        ("License-Expression: MIT\nLicense: GPL\n", "", "MIT"),
        ("Classifier: License :: OSI Approved :: Apache Software License\n", "", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License\nLicense: GPL\n", "", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License\n", BSD, "BSD-2-Clause"),
        ("License: Apache 2.0\n", "", "Apache-2.0"),
        ("License: BSD-3-Clause\n", "", "BSD-3-Clause"),
        ("License: see the file\n", APACHE, "Apache-2.0"),
        ("", BSD + ". Neither the name of the author", "BSD-3-Clause"),
        ("", "GNU GENERAL PUBLIC LICENSE  Version 3, 29 June 2007", "GPL-3.0-only"),
        ("", "All rights reserved.", UNKNOWN),
    ],
)
def test_metadata(distribution, lines, text, wanted):
    assert read_license(distribution(lines, text)) == wanted


@pytest.mark.parametrize(
    "text, wanted",
    [("MIT", "MIT"), ("The MIT License", "MIT"), ("GPLv3", "GPL-3.0-only"), ("mine", None)],
)
def test_words(text, wanted):
    assert read_words(text) == wanted


def test_no_text_of_a_copyleft_license_counts_as_permissive():
    for text in (
        "GNU Affero General Public License",
        "GNU Lesser General Public License version 3",
    ):
        assert read_text(text) not in PERMISSIVE


def test_the_nearest_license_above_a_folder_counts(tmp_path):
    inner = tmp_path / "project" / "source" / "package"
    inner.mkdir(parents=True)
    (tmp_path / "LICENSE").write_text("GNU GENERAL PUBLIC LICENSE version 3")
    (tmp_path / "project" / "setup.py").write_text("")
    # What is above a project's root isn't the project's.
    assert find_license(inner) == (UNKNOWN, [])
    (tmp_path / "project" / "COPYING.txt").write_text(APACHE)
    assert find_license(inner) == ("Apache-2.0", [tmp_path / "project" / "COPYING.txt"])


@pytest.mark.parametrize(
    "expression, wanted",
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("Apache-2.0 AND MIT", True),
        ("(GPL-3.0-only OR MIT) AND Apache-2.0", True),
        ("GPL-3.0-only AND (MIT OR Apache-2.0)", False),
        ("MIT OR GPL-3.0-only AND GPL-2.0-only", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        (UNKNOWN, False),
    ],
)
def test_expressions(expression, wanted):
    assert is_allowed(expression, frozenset({"MIT", "Apache-2.0"})) is wanted


def test_the_allowed_names_are_those_of_spdx():
    assert parse_allowed(",".join(PERMISSIVE)) == frozenset(PERMISSIVE)
    assert parse_allowed("mit, unknown") == {"MIT", UNKNOWN}
    for text in ("", "MIT,Apache", ","):
        with pytest.raises(UsageError, match="`licenses` "):
            parse_allowed(text)
