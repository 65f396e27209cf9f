"""The layout of the house: who may import whom (see CONTRIBUTING.md)."""

import ast
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted([*ROOT.glob("stylejax/**/*.py"), *ROOT.glob("input_pipeline/**/*.py")])


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, at_run_time: bool = False) -> set[str]:
    """Full names of the modules that a file imports, at the top or inside functions.

    Args:
      path: the file.
      at_run_time: leave out what stands below ``if TYPE_CHECKING``.
    """

    def visit(node: ast.AST) -> Iterator[str]:
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types and at_run_time:
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                inner = ROOT / Path(*full.split("."))
                is_module = inner.with_suffix(".py").is_file() or inner.is_dir()
                yield full if is_module else str(node.module)
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    return set(visit(ast.parse(path.read_text(encoding="utf-8"))))


def below(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def offenders(package: str, *forbidden: str, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name_of(path)} imports {module}"
        for path in CODE
        if below(name_of(path), package) and not below(name_of(path), *but)
        for module in sorted(imports(path))
        if below(module, *forbidden)
    ]


def test_there_is_a_house() -> None:
    assert len(CODE) > 40
    assert {"stylejax.losses.hinge", "input_pipeline.mining"} <= {name_of(path) for path in CODE}
    assert "stylejax.losses.similarity" in imports(ROOT / "stylejax/losses/hinge.py")


def test_the_accelerators_side_never_imports_tensorflow() -> None:
    assert offenders("stylejax", "tensorflow", "tensorflow_datasets") == []


def test_only_the_commands_join_the_two_sides() -> None:
    assert offenders("stylejax", "input_pipeline", "train", but=("stylejax.commands",)) == []


def test_the_input_pipeline_knows_config_and_contract_only() -> None:
    allowed = ("stylejax.config", "stylejax.batch", "stylejax.labels", "stylejax.picture_file")
    odd = [
        line
        for line in offenders("input_pipeline", "stylejax")
        if not below(line.split()[-1], *allowed)
    ]
    assert odd == []
    assert offenders("input_pipeline", "jax", "flax", "optax", "orbax") == []


def test_losses_and_encoder_know_neither_each_other_nor_data() -> None:
    rest = ("stylejax.training", "stylejax.retrieval", "stylejax.commands", "stylejax.cli")
    assert offenders("stylejax.losses", "stylejax.encoder", "stylejax.batch", *rest) == []
    assert offenders("stylejax.encoder", "stylejax.losses", *rest) == []


def test_training_does_not_look_ahead() -> None:
    rest = ("stylejax.retrieval", "stylejax.saved", "stylejax.commands", "stylejax.cli")
    assert offenders("stylejax.training", *rest) == []


def test_saved_folders_are_nobodys_but_their_commands() -> None:
    assert (
        offenders("stylejax", "stylejax.saved", but=("stylejax.saved", "stylejax.commands")) == []
    )
    rest = ("stylejax.retrieval", "stylejax.losses", "stylejax.commands", "stylejax.cli")
    assert offenders("stylejax.saved", *rest) == []


def test_serving_knows_no_model_and_nobody_but_its_command_knows_it() -> None:
    assert (
        offenders("stylejax", "stylejax.serving", but=("stylejax.serving", "stylejax.commands"))
        == []
    )
    rest = ("stylejax.training", "stylejax.losses", "stylejax.encoder", "stylejax.saved")
    assert offenders("stylejax.serving", *rest, "stylejax.commands", "stylejax.cli", "jax") == []


def test_retrieval_reads_vectors_and_knows_no_model() -> None:
    """Exact search alone works on the devices."""
    forbidden = ("stylejax.training", "stylejax.losses", "stylejax.encoder", "jax", "flax")
    found = [
        f"{name_of(path)} imports {module}"
        for path in CODE
        if below(name_of(path), "stylejax.retrieval")
        and name_of(path) != "stylejax.retrieval.index.exact"
        for module in sorted(imports(path, at_run_time=True))
        if below(module, *forbidden)
    ]
    assert found == []


def test_what_the_commands_import_is_shipped() -> None:
    """A module beside the packages is not installed unless pyproject.toml names it."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = setup["packages"]["find"]["include"]
    modules = setup.get("py-modules", [])
    used = {module.split(".")[0] for path in CODE for module in imports(path)}
    ours = {name for name in used if (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()}
    assert {"stylejax", "input_pipeline", "train"} <= ours
    for name in ours:
        shipped = name in modules or any(fnmatch(name, pattern) for pattern in packages)
        assert shipped, name


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_a_file_seldom_passes_300_lines() -> None:
    long = [name_of(path) for path in CODE if len(path.read_text().splitlines()) > 300]
    assert len(long) <= len(CODE) / 20, long
