"""What the IR of a category must contain and must not: the categories are disjoint by it."""


class Signature:
    """Features (names in `lowering.features`) that every program's IR has, and that none has."""

    def __init__(self, requires: set[str], forbids: set[str]):
        if not requires or requires & forbids:
            raise ValueError(
                f"a signature requires something, and nothing that it forbids: "
                f"{requires}, {forbids}"
            )
        self.requires = frozenset(requires)
        self.forbids = frozenset(forbids)

    def holds(self, features: frozenset[str]) -> bool:
        """Does a program with these features belong to the category?"""
        return self.requires <= features and not self.forbids & features

    def excludes(self, other: "Signature") -> bool:
        """Can no program belong to both?"""
        return bool(self.requires & other.forbids or other.requires & self.forbids)
