"""The command line: ``stylejax VERB``. Everything heavy is imported by the verb that needs it."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Callable

import stylejax

# Verb -> (what it does, an example). The verb's own module is imported only when it is called.
VERBS = {
    "simulate": (
        "write the built-in simulated catalogue and click log",
        "stylejax simulate --out data --products 1000 --seed 7",
    ),
    "simulate-clicks": (
        "a catalogue with known products -> simulated click log",
        "stylejax simulate-clicks --config configs/grocery.py --catalog listings.csv "
        "--data.columns.name name --out clicks_simulated.csv.gz",
    ),
    "build": (
        "listings and pictures -> ArrayRecord data set",
        "stylejax build --dataset grocery --out data",
    ),
    "mine": (
        "click log -> same-style pairs",
        "stylejax mine --config configs/grocery.py --mining.min-support 3",
    ),
    "train": (
        "pairs -> encoder",
        "stylejax train --config configs/grocery.py --training.steps 500",
    ),
    "plan": (
        "recipe -> memory, FLOPs, messages and time of a step, for TPUs that need not be there",
        "stylejax plan --config configs/tpu_v5e_256.py --topology v5e:16x16",
    ),
    "compare": (
        "runs -> what differs in their settings, results and curves",
        "stylejax compare runs/grocery runs/longer",
    ),
    "save-pretrained": (
        "encoder -> folder for other programs: transformers, open_clip, JAX alone",
        "stylejax save-pretrained --checkpoint runs/grocery --out saved/grocery",
    ),
    "export": ("encoder + catalogue -> vectors", "stylejax export --checkpoint runs/grocery"),
    "index": (
        "vectors -> nearest-neighbour index",
        "stylejax index --vectors runs/grocery/vectors --view m",
    ),
    "evaluate": (
        "vectors + true products -> retrieval metrics",
        "stylejax evaluate --run runs/grocery --queries val --gallery val",
    ),
    "dedupe": (
        "vectors -> groups of listings of one product, as precise as wanted",
        "stylejax dedupe --run runs/demo --precision 0.8",
    ),
    "search": (
        "photo and words -> ranked listings",
        'stylejax search --run runs/demo --image mug.jpg --text "orange fish" --html found.html',
    ),
    "serve": (
        "index -> page and API to search it by photo and words",
        "stylejax serve --run runs/demo --port 8000",
    ),
    "report": ("a run -> one HTML page", "stylejax report --run runs/grocery"),
}

# What a full disk says, a folder that takes no files, and one that is not for everybody.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG)


def main(argv: list[str] | None = None) -> None:
    """Runs one verb; what the user can mend ends with a message and exit code 2."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, VERBS))
        print("usage: stylejax VERB [options]\n\nSame-style product retrieval in JAX.\n\nverbs:")
        print("\n".join(f"  {verb:<{width}}  {what}" for verb, (what, _) in VERBS.items()))
        print("\n`stylejax VERB --help` lists a verb's options with defaults and an example;")
        print("`stylejax --version` tells the version.")
        raise SystemExit(0 if argv else 2)
    if argv[0] == "--version":
        print(f"stylejax {stylejax.__version__}")
        return
    verb, rest = argv[0], argv[1:]
    if verb not in VERBS:
        fail(f"no verb {verb!r}; there are {', '.join(VERBS)}")
    command = importlib.import_module(f"stylejax.commands.{verb.replace('-', '_')}")
    reported(lambda: command.run(verb_parser(verb, f"stylejax {verb}"), rest))


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults in the help, of those options that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, "") else super()._get_help_string(action)


def verb_parser(verb: str, prog: str) -> argparse.ArgumentParser:
    """The parser of a verb, without its options.

    Args:
      verb: of `VERBS`.
      prog: how it was called; the example in its help is called likewise.
    """
    what, example = VERBS[verb]
    return argparse.ArgumentParser(
        prog=prog,
        description=what[0].upper() + what[1:] + ".",
        epilog=f"example: {example.replace(f'stylejax {verb}', prog)}",
        formatter_class=_Help,
        allow_abbrev=False,
    )


def reported(job: Callable[[], None]) -> None:
    """Runs a job with quiet libraries; what the user can mend becomes a message and exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from stylejax.config import ConfigError
    from stylejax.training.stop import DataTimeout, NotSaved, Stopped

    try:
        job()
        sys.stdout.flush()  # while a reader that has gone can still be told from a fault
    except (ConfigError, FileExistsError) as error:
        fail(str(error))
    except BrokenPipeError:  # whoever read what is printed has enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        where = error.filename or "a file"
        fail(f"{where}: {error.strerror}; make room, change its permissions, or use another folder")
    except (FloatingPointError, DataTimeout, NotSaved) as error:
        print(f"stopped: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        raise SystemExit(stopped.code) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def fail(message: str) -> None:
    """Prints an error and exits with code 2."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)
