"""What a module calls things: import aliases resolved to full dotted names."""

import ast

MAX_PARTS = 16


class Names:
    """Import aliases of one module, wherever they stand in it.

    Args:
        tree: The module.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._alias: dict[str, str] = {}
        self.imported: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    self.imported.add(one.name.split(".")[0])
                    self._alias[one.asname or one.name.split(".")[0]] = (
                        one.name if one.asname else one.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self.imported.add(node.module.split(".")[0])
                for one in node.names:
                    self._alias[one.asname or one.name] = f"{node.module}.{one.name}"

    def of(self, node: ast.AST) -> str:
        """Return the full dotted name, ``"subprocess.run"``; ``"*.run"`` when it hangs on something unnamed.

        A call in the chain is kept as ``()``: ``Session().get`` is ``"requests.Session().get"``.
        """
        parts: list[str] = []
        for _ in range(MAX_PARTS):
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                parts.append("()")
                node = node.func
            else:
                break
        parts.append(self._alias.get(node.id, node.id) if isinstance(node, ast.Name) else "*")
        return ".".join(reversed(parts)).replace(".()", "()")

    def is_imported(self, name: str) -> bool:
        """Whether a bare name was imported."""
        return name in self._alias
