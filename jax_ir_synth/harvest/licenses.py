"""Reads which license a package is under, as SPDX names it, and where its text is."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from jax_ir_synth.errors import UsageError

# They allow to copy, change and publish; at most with the license's text.
PERMISSIVE = (
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "ISC",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "Zlib",
    "BSL-1.0",
    "PSF-2.0",
)
UNKNOWN = "unknown"

# Trove classifiers, after `License :: OSI Approved :: ` or `License :: `.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
}
# What people write in the field `License`, in small letters without punctuation.
_WORDS = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2 0": "Apache-2.0",
    "apache license version 2 0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2 0": "Apache-2.0",
    "mit license": "MIT",
    "the mit license": "MIT",
    "mit": "MIT",
    "bsd 3 clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "bsd 2 clause license": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "gpl": "GPL-3.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gpl v3": "GPL-3.0-only",
    "gpl3": "GPL-3.0-only",
}
_FILE = re.compile(r"(licen[cs]e|copying|unlicense)([._-].*)?", re.IGNORECASE)
# Passages by which the text of a license is known; all of them must be there, the first match wins.
_TEXTS = (
    ("AGPL-3.0-only", ("gnu affero general public license",)),
    ("LGPL-3.0-only", ("gnu lesser general public license", "version 3")),
    ("GPL-3.0-only", ("gnu general public license", "version 3")),
    ("GPL-2.0-only", ("gnu general public license", "version 2")),
    ("MPL-2.0", ("mozilla public license version 2.0",)),
    ("Apache-2.0", ("apache license", "version 2.0")),
    ("BSD-3-Clause", ("redistribution and use in source and binary forms", "neither the name")),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms",)),
    ("MIT", ("permission is hereby granted, free of charge", "above copyright notice and this")),
    ("MIT-0", ("permission is hereby granted, free of charge",)),
    ("ISC", ("permission to use, copy, modify, and/or distribute", "above copyright notice")),
    ("0BSD", ("permission to use, copy, modify, and/or distribute",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
)


def read_license(distribution: Distribution) -> str:
    """Read the SPDX expression of a distribution's license; `unknown` if nothing tells it.

    In this order: the metadata's `License-Expression`, its classifiers, its field `License`, and
    the text of a license file.
    """
    metadata = distribution.metadata
    fields = metadata.get_all("License-Expression") or []
    if fields and (found := _canonicalize(fields[0])):
        return found
    names = []
    for classifier in metadata.get_all("Classifier") or []:
        kind, *_, name = (part.strip() for part in classifier.split("::"))
        if kind == "License" and name in _CLASSIFIERS:
            names.append(_CLASSIFIERS[name])
    if names:
        return " OR ".join(dict.fromkeys(names))
    for text in metadata.get_all("License") or []:
        if found := read_words(text) or read_text(text):
            return found
    for path in license_files(distribution):
        if found := read_text(path.read_text(encoding="utf-8", errors="replace")):
            return found
    return UNKNOWN


def license_files(distribution: Distribution) -> list[Path]:
    """List the files of a distribution that hold the text of a license, in order."""
    files = [
        Path(str(distribution.locate_file(file)))
        for file in distribution.files or ()
        if _FILE.fullmatch(file.name) and ".dist-info" in str(file.parts[0])
    ]
    return sorted(path for path in files if path.is_file())


def find_license(folder: Path) -> tuple[str, list[Path]]:
    """Find the license of source code: in its folder, or in the nearest one above that has one.

    Returns:
      The SPDX expression, or `unknown`, and the files with the text.
    """
    for place in (folder, *folder.parents):
        files = sorted(_license_files_in(place))
        if files:
            names = (
                read_text(path.read_text(encoding="utf-8", errors="replace")) for path in files
            )
            return next(filter(None, names), UNKNOWN), files
        # Above the root of a project there are those of others.
        if any((place / name).exists() for name in (".git", "pyproject.toml", "setup.py")):
            break
    return UNKNOWN, []


def read_words(text: str) -> str | None:
    """Read a license's name as people write it, or an SPDX expression; None if it is neither."""
    if "\n" in text.strip():
        return None
    words = re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
    return _WORDS.get(words) or _canonicalize(text.strip())


def read_text(text: str) -> str | None:
    """Read which license a text is; None if it is none that is known."""
    words = " ".join(text.lower().split())
    for name, passages in _TEXTS:
        if all(passage in words for passage in passages):
            return name
    return None


def parse_allowed(text: str) -> frozenset[str]:
    """Parse a list of SPDX names with commas.

    Raises:
      UsageError: one of them isn't known to SPDX, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"`licenses` (={text!r}) must be SPDX names, such as MIT,Apache-2.0")
    for name in names:
        if name != UNKNOWN and _canonicalize(name) is None:
            raise UsageError(f"`licenses` (={text}) has no name of SPDX: {name}; MIT is one")
    return frozenset(_canonicalize(name) or name for name in names)


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether a license expression is satisfied by allowed licenses alone."""
    if expression in allowed:
        return True
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    return _is_allowed(iter(tokens), allowed)


def _is_allowed(tokens: Iterator[str], allowed: frozenset[str]) -> bool:
    """Evaluate up to the closing bracket or the end; AND binds more tightly than OR."""
    some, every = False, True
    for token in tokens:
        if token == ")":
            break
        if token == "OR":
            some, every = some or every, True
        elif token == "WITH":
            # An exception only adds permissions.
            next(tokens, None)
        elif token != "AND":
            every &= _is_allowed(tokens, allowed) if token == "(" else token in allowed
    return some or every


def _license_files_in(folder: Path) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    yield from (path for path in entries if _FILE.fullmatch(path.name) and path.is_file())


def _canonicalize(text: str) -> str | None:
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None
