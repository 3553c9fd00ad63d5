"""Which file of a package imports which.

Every import statement counts, wherever it stands: at the top, within a function, and for the type checker alone, since
who reads the file needs the other one too. What a file loads by a name in a string is not seen, nor that Python runs the
`__init__.py` of the folders above a module.
"""

from __future__ import annotations

import ast

from structure.sources import Sources

# The files that each file imports, by their paths within the package.
Imports = dict[str, set[str]]


def import_statements(text: str) -> set[tuple[str, str]]:
    """What a source imports: (module, name) of `from module import name`, and (module, "") of `import module`.

    Raises:
        ValueError: the source has a relative import, which says nothing without its place.
    """
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"line {node.lineno}: relative import")
            found |= {(node.module, alias.name) for alias in node.names}
    return found


def imports_of(sources: Sources, package: str) -> Imports:
    """The files that each file of a package imports, itself left out.

    `from package.folder import name` is an import of the module `name` where there is one, and else of the folder's
    `__init__.py`.
    """
    paths = {module_name(path, package): path for path in sources}
    found: Imports = {}
    for path, text in sources.items():
        modules = {
            f"{module}.{name}" if f"{module}.{name}" in paths else module
            for module, name in import_statements(text)
        }
        found[path] = {paths[module] for module in modules if module in paths} - {path}
    return found


def module_name(path: str, package: str) -> str:
    """`envs/registry.py` → `package.envs.registry`; `envs/__init__.py` → `package.envs`."""
    parts = [package, *path.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(imports: Imports) -> list[list[str]]:
    """The groups of files that import each other, directly or through others, each sorted; the largest first."""
    above = {file: reachable(file, imports) for file in imports}
    groups = {tuple(sorted(other for other in above[file] if file in above[other])) for file in imports}
    return sorted((list(group) for group in groups if group), key=lambda group: (-len(group), group))


def reachable(start: str, imports: Imports) -> set[str]:
    """What is imported from a file on, step by step; the file itself only if a circle leads back to it."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = imports[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def floors(imports: Imports) -> dict[str, int]:
    """The floor of every file: one above the highest file that it imports, 1 if it imports none.

    Files of a circle share a floor.
    """
    together = {file: circle for circle in circles(imports) for file in circle}
    found: dict[str, int] = {}

    def floor(file: str) -> int:
        if file not in found:
            group = together.get(file, [file])
            below = set().union(*(imports[member] for member in group)) - set(group)
            height = 1 + max((floor(other) for other in below), default=0)
            found.update(dict.fromkeys(group, height))
        return found[file]

    return {file: floor(file) for file in imports}


def between_children(imports: Imports, folder: str) -> Imports:
    """The same between what stands side by side in a folder: its files, and its folders taken as one each.

    Args:
        imports: by files of the whole package.
        folder: path within the package; "" is the package itself.
    """
    children: Imports = {}
    for file, others in imports.items():
        child = child_of(folder, file)
        if child:
            inside = {child_of(folder, other) for other in others} - {"", child}
            children.setdefault(child, set()).update(inside)
    return children


def child_of(folder: str, file: str) -> str:
    """The file or folder of a folder that a file is, or lies in: of `envs` and `envs/smac/env.py` it is `envs/smac`.

    "" where the file lies elsewhere. A folder's own `__init__.py` is the folder, not one of its children.
    """
    prefix = f"{folder}/" if folder else ""
    rest = file.removeprefix(prefix)
    if not file.startswith(prefix) or (rest == "__init__.py" and folder):
        return ""
    return prefix + rest.split("/")[0]
