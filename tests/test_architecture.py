"""The rules that keep the house in order: which way imports run, how long a file gets, what every hook has."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import hubbub.core
import pytest
from hubbub.core import hookspecs

TOP = Path(__file__).parent.parent
PACKAGES = ("protocol", "core", "plugins")
MAY_IMPORT = {
    "protocol": {"protocol"},
    "core": {"core", "protocol"},
    "plugins": {"plugins", "core", "protocol"},
}
LONGEST = 300
LONGER_FILES = {
    "core/transport_fast.py": (340, "one protocol class, whose methods share the state of one socket"),
}
"""Files that may have more lines than `LONGEST`: how many, and why they are not two."""

VAGUE = {"utils", "util", "helpers", "helper", "base", "common", "misc", "tools", "shared", "lib"}
IO_MODULES = {
    "asyncio",
    "socket",
    "ssl",
    "selectors",
    "threading",
    "subprocess",
    "os",
    "pathlib",
    "logging",
    "time",
}

HOOKS = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "hubbub_spec")}


def files(package: str) -> list[Path]:
    return sorted((TOP / package).rglob("*.py"))


ALL_FILES = [path for package in PACKAGES for path in files(package)]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Each module that a file imports, by its full name, with the line; `TYPE_CHECKING` or not."""
    package = ["hubbub", *path.relative_to(TOP).parent.parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *(node.module or "").split(".")]).rstrip(".")
            if module in ("hubbub", *(f"hubbub.{each}" for each in PACKAGES)):
                yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


def test_the_files_are_found_and_their_imports_resolved() -> None:
    assert len(ALL_FILES) > 40
    found = {module for module, _ in imports(TOP / "plugins" / "validation" / "plugin.py")}
    assert {"hubbub.core.Connection", "hubbub.plugins.validation.imitation"} <= found
    assert "hubbub.protocol.events" in {module for module, _ in imports(TOP / "protocol" / "codec.py")}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(TOP)}:{line} imports {module}"
        for path in files(package)
        for module, line in imports(path)
        if module.split(".")[0] == "hubbub" and module.split(".")[1] not in MAY_IMPORT[package]
    ]
    assert not wrong


def test_inside_the_packages_imports_are_relative() -> None:
    wrong: list[str] = []
    for path in ALL_FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            absolute = isinstance(node, ast.ImportFrom) and not node.level and (node.module or "")
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [absolute or ""]
            wrong += [
                f"{path.relative_to(TOP)} imports {name}" for name in names if name.split(".")[0] == "hubbub"
            ]
    assert not wrong


def test_the_protocol_is_pure() -> None:
    allowed = (set(sys.stdlib_module_names) - IO_MODULES) | {"msgspec", "hubbub"}
    wrong = [
        f"{path.relative_to(TOP)}:{line} imports {module}"
        for path in files("protocol")
        for module, line in imports(path)
        if module.split(".")[0] not in allowed
    ]
    assert not wrong


def test_plugins_import_of_the_core_only_what_it_offers_to_every_author() -> None:
    offered = {
        f"hubbub.core.{name}"
        for name in vars(hubbub.core)
        if not name.startswith("_") and not inspect.ismodule(getattr(hubbub.core, name))
    }
    wrong = [
        f"{path.relative_to(TOP)}:{line} imports {module}"
        for path in files("plugins")
        for module, line in imports(path)
        if module.startswith("hubbub.core") and module not in offered
    ]
    assert not wrong


def test_plugins_never_import_each_other() -> None:
    wrong: list[str] = []
    for path in files("plugins"):
        own = path.relative_to(TOP / "plugins").parts[0].removesuffix(".py")
        wrong += [
            f"{path.relative_to(TOP)}:{line} imports {module}"
            for module, line in imports(path)
            if module.startswith("hubbub.plugins") and module.split(".")[2] != own
        ]
    assert not wrong


def test_no_file_is_longer_than_its_limit() -> None:
    lengths = {str(path.relative_to(TOP)): len(path.read_text("utf-8").splitlines()) for path in ALL_FILES}
    limits = {name: limit for name, (limit, _) in LONGER_FILES.items()}
    too_long = {name: length for name, length in lengths.items() if length > limits.get(name, LONGEST)}
    assert not too_long
    assert not {name for name in LONGER_FILES if lengths.get(name, 0) <= LONGEST}, (
        "no exception is needed any more"
    )


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [path for path in ALL_FILES if path.stem.strip("_") in VAGUE or path.parent.name in VAGUE]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_of_its_name(hook: str) -> None:
    tests = ast.parse((TOP / "tests" / "core" / "test_hooks.py").read_text("utf-8"))
    names = {node.name for node in tests.body if isinstance(node, ast.FunctionDef)}
    assert f"test_hook_{hook}" in names


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    source = ast.parse((TOP / "core" / "hookspecs.py").read_text("utf-8"))
    spec = next(node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == hook)
    spec.decorator_list, spec.body = [], [ast.Expr(ast.Constant(...))]
    section = re.search(
        rf"^## {hook}\n(.*?)(?=^## |\Z)", (TOP / "docs" / "hooks.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert section is not None, f"docs/hooks.md has no section '## {hook}'"
    shown = re.search(r"```python\n(def .*?)```", section[1], re.DOTALL)
    assert shown is not None, f"docs/hooks.md shows no signature of {hook}"
    assert ast.unparse(ast.parse(shown[1])) == ast.unparse(spec)


def test_every_hook_says_what_it_is_for_and_of_which_kind() -> None:
    assert HOOKS
    for name, hook in HOOKS.items():
        documentation = inspect.getdoc(hook) or ""
        kind = "Guard" if name.startswith(("check_", "authenticate")) else r"Work|Notification"
        assert re.search(rf"^({kind})[.,]", documentation, re.MULTILINE), name
