"""Every package of ours is listed, resolves inside the repository, and feature declarations see the catalogue only."""

import ast
import json
import subprocess
import sys
from pathlib import Path

RESOLVE = """
import importlib.util, json, sys
specs = {name: importlib.util.find_spec(name) for name in json.load(sys.stdin)}
json.dump({name: spec.origin if spec else None for name, spec in specs.items()}, sys.stdout)
"""


def test_packages_on_disk_and_packages_listed_are_the_same(modules, project):
    on_disk = {".".join(module.path.parent.parts) for module in modules}

    listed = project["tool"]["setuptools"]["packages"]

    assert listed == sorted(on_disk)


def test_every_package_folder_has_its_init(modules, root):
    folders = {module.path.parent for module in modules}

    without = [str(folder) for folder in folders if not (root / folder / "__init__.py").is_file()]

    assert without == []


def test_no_python_file_lies_beside_the_packages(modules):
    assert [str(module.path) for module in modules if len(module.path.parts) == 1] == []


def test_every_package_resolves_inside_the_repository_from_anywhere(root, project, tmp_path):
    packages = project["tool"]["setuptools"]["packages"]

    # -I: neither the working folder nor PYTHONPATH helps, as for the installed command
    answer = subprocess.run(
        [sys.executable, "-I", "-c", RESOLVE],
        input=json.dumps(packages),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    expected = {name: str(root.joinpath(*name.split("."), "__init__.py")) for name in packages}
    assert json.loads(answer.stdout) == expected, "run `make setup` where the project is not installed"


def test_every_top_level_package_is_under_the_import_contracts(project):
    packages = project["tool"]["setuptools"]["packages"]

    assert project["tool"]["importlinter"]["root_packages"] == [name for name in packages if "." not in name]


def test_import_contracts_have_no_ignores(project):
    ignores = {"ignore_imports", "unmatched_ignore_imports_alerting"}

    for contract in project["tool"]["importlinter"]["contracts"]:
        assert not ignores & set(contract), contract["name"]


def test_feature_declarations_import_nothing_of_ours_but_the_catalogue(modules, project):
    ours = {name for name in project["tool"]["setuptools"]["packages"] if "." not in name}
    declarations = [module for module in modules if module.path.parts[0] == "feature_repo"]

    imported = {name for module in declarations for name in imports(module.tree)}
    others = {name for name in imported if name.split(".")[0] in ours - {"feature_repo"}}

    assert others <= {"features.catalogue"}


def imports(tree: ast.Module) -> set[str]:
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_package_data_exists(root, project):
    patterns = project["tool"]["setuptools"]["package-data"]

    empty = [
        f"{package}: {pattern}"
        for package, globs in patterns.items()
        for pattern in globs
        if not any(Path(root, *package.split(".")).glob(pattern))
    ]

    assert empty == []
