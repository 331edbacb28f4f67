"""What the IR of a category must and must not contain, by which the categories are disjoint."""


class Signature:
    """The features (of `lowering.features`) that each program's IR has, and those that none has."""

    def __init__(self, requires: set[str], forbids: set[str]):
        if not requires or requires & forbids:
            raise ValueError(
                f"a signature requires something, and nothing that it forbids: "
                f"{requires}, {forbids}"
            )
        self.requires = frozenset(requires)
        self.forbids = frozenset(forbids)

    def holds(self, features: frozenset[str]) -> bool:
        """Whether a program with these features belongs to the category."""
        return self.requires <= features and not self.forbids & features

    def excludes(self, other: "Signature") -> bool:
        """Whether no program can belong to both."""
        return bool(self.requires & other.forbids or other.requires & self.forbids)
