"""Shared fixtures. The environment is set before JAX or TensorFlow can be imported."""

import atexit
import dataclasses
import os
import shutil
import tempfile

# Eight devices to shard over. Compiling dominates, so XLA and LLVM are not asked to try hard.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
    + " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    + " --xla_cpu_use_fusion_emitters=false"
)
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A program that was compiled once is not compiled again in this session, by any of its processes.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="stylejax-tests-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

import jaxtyping

# Shapes and dtypes in the annotations are checked at run time in every test.
CHECKED = [
    "stylejax.losses",
    "stylejax.encoder",
    "stylejax.training",
    "stylejax.retrieval",
    "stylejax.saved",
    "stylejax.serving",
    "input_pipeline",
]
jaxtyping.install_import_hook(CHECKED, "typecheck.checked")

from pathlib import Path  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402
import tiny  # noqa: E402
import verbs  # noqa: E402

hypothesis.settings.register_profile(
    "stylejax",
    deadline=None,
    derandomize=True,
    max_examples=25,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("stylejax")


@pytest.fixture(scope="session")
def grocery() -> Path:
    """The folder of the real grocery data."""
    shelf = os.environ.get("STYLEJAX_DATA", "")
    if not shelf:
        pytest.skip("STYLEJAX_DATA is not set; it names the folder that holds grocery/")
    for folder in (Path(shelf) / "grocery", Path(shelf)):
        if (folder / "listings.csv").is_file():
            return folder
    pytest.skip(f"STYLEJAX_DATA is {shelf}, but there is no grocery/listings.csv")


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 32 listings on disk; tests that change it copy it first."""
    return tiny.write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def trained_run(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mine, train, export, index and evaluate through the command line. Read only."""
    folder = tmp_path_factory.mktemp("cli")
    path = verbs.recipe(folder, data_root)
    verbs.run("mine", "--config", path)
    verbs.run("train", "--config", path, "--training.steps", "5")
    verbs.run("export", "--checkpoint", folder / "run")
    verbs.run("index", "--vectors", folder / "run" / "vectors")
    verbs.run("evaluate", "--run", folder / "run")
    return folder / "run"


@pytest.fixture
def trained_copy(trained_run: Path, tmp_path: Path) -> Path:
    """A copy of that run for tests that change it, with a recipe beside it."""
    copy = tmp_path / "copy" / "run"
    shutil.copytree(trained_run, copy)
    config = dataclasses.replace(tiny.run_config(trained_run), run_dir=str(copy))
    tiny.write_recipe(copy.parent / "recipe.py", config)
    return copy
