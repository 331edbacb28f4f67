"""`Origin`: where a function comes from, which only collected rows say."""

from typing import NamedTuple


class Origin(NamedTuple):
    """Where a function of a package comes from.

    Attributes:
      package: The distribution.
      version: Its version.
      module: The function's module.
      qualname: Its qualified name in the module.
      license: The SPDX expression of the distribution's license.
      source: The file and the lines, as `optax/losses/_regression.py:30-52`.
    """

    package: str = ""
    version: str = ""
    module: str = ""
    qualname: str = ""
    license: str = ""
    source: str = ""


# A description of each as a column, for the card and the documentation.
MEANINGS = {
    "package": "the distribution that the function is from",
    "version": "its version",
    "module": "the function's module",
    "qualname": "its qualified name in the module",
    "license": "the SPDX expression of the distribution's license",
    "source": "the file and the lines, relative to the package's folder",
}
