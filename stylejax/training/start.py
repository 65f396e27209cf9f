"""The first state of a run that starts from pretrained weights."""

from __future__ import annotations

from pathlib import Path

from stylejax.config import Config, ConfigError
from stylejax.encoder.pretrained import load_pretrained
from stylejax.training.hosts import first_host
from stylejax.training.step import TrainState


def start_pretrained(state: TrainState, config: Config) -> TrainState:
    """A fresh state whose encoder starts from the folders that the config's towers name, if any.

    What was loaded is printed in a line, and listed in ``pretrained.txt`` in the run's folder.

    Raises:
      ConfigError: when a folder cannot be read, or does not fit the encoder.
    """
    encoder = config.encoder
    path = Path(config.run_dir) / "pretrained.txt"
    if first_host():
        path.unlink(missing_ok=True)  # of the training that this one takes the place of
    if not (encoder.image.weights or encoder.text.weights or encoder.fusion.weights):
        return state
    if encoder.text.weights and not config.text.tokenizer:
        raise ConfigError(
            f"encoder.text starts from {encoder.text.weights}, whose vectors belong to its own "
            "tokenizer's ids; set text.tokenizer to the same folder"
        )
    own = {name: x for name, x in state.parameters.items() if not name.startswith("loss/")}
    loaded, report = load_pretrained(own, encoder)
    weights = state.parameters | loaded
    if first_host():
        path.write_text(report.listed(), encoding="utf-8")
        print(f"pretrained {report}: {path}")
    average = {name: weights[name].copy() for name in state.average}  # both are donated
    return state._replace(parameters=weights, average=average)
