"""Checkpoints: where a run stands, on disk every half minute, so that no run is lost and each can go on to the bit.

Orbax writes them in the background and whole or not at all. It is imported when the first one is due.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdoodle import __version__
from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.record import to_json
from jaxdoodle.core.types import NDArray, PyTree
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.evaluation import Evaluation
from jaxdoodle.training.fit_state import Epoch, FitState
from jaxdoodle.training.hardware import processes
from jaxdoodle.training.plan import Plan
from jaxdoodle.training.steps.state import Constants

__all__ = ["Checkpoints", "Interrupted"]

#: Of the content of a checkpoint; another one is refused.
VERSION = 1
#: Seconds of training before the first checkpoint, and between two.
INTERVAL = 30.0
#: Bytes of the digest of a checkpoint.
DIGEST = 16
#: Fields of a ``FitState`` that are arrays; the others are numbers and lists of numbers.
ARRAYS = ("state", "best_params", "step_losses")


class Interrupted(KeyboardInterrupt):
    """A signal ended training after a chunk of steps; a checkpoint holds where it stands.

    Args:
      number: Of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)


class Checkpoints:
    """Where ``fit`` keeps checkpoints, and goes on from.

    Args:
      folder: A folder of its own. Where it holds a checkpoint, training goes on from there.
      interval: Seconds of training before the first checkpoint, and at least between two; 0: after every chunk of
        steps. It changes no number of the result.

    Raises:
      InputError: Orbax is not installed, or ``interval`` is no such number.
    """

    def __init__(self, folder: Path | str, *, interval: float = INTERVAL):
        if not interval >= 0:
            raise InputError(f"the interval of checkpoints is at least 0 seconds; got {interval}.")
        if find_spec("orbax") is None:
            raise InputError(f"checkpoints need orbax-checkpoint; {install_hint('train')}.")
        self.folder, self.interval = Path(folder).absolute(), interval
        self._run_of: dict[str, Any] = {}
        self._manager: Any = None
        self._last = 0.0
        #: Number of the signal that ended training; 0: none.
        self.caught = 0

    def restore(self, run: FitState, run_of: Mapping[str, Any]) -> FitState:
        """Read where the run stood.

        Args:
          run: Before the first step; says what arrays there are.
          run_of: What the run is of, as ``describe`` gives it.

        Returns:
          Where it stood at the last checkpoint; ``run`` where there is none.

        Raises:
          InputError: The checkpoint is damaged, or of another network, config, data or version.
        """
        self._run_of = json.loads(json.dumps(run_of))
        names = [path.name for path in self.folder.glob("*") if path.name.isdecimal()]
        if not names:
            return run
        last = max(names, key=int)
        path = self.folder / last
        with _refusing_damage(path), closing(self._open()) as manager:
            header, arrays = _split(manager.restore(int(last))["run"].tobytes())
        _refuse_foreign(path, header.pop("run_of"), self._run_of)
        with _refusing_damage(path):
            return _unpack(run, header, arrays)

    @contextmanager
    def keeping(self) -> Iterator[Callable[[FitState], None]]:
        """Context manager: gives what is to be called after each chunk, and catches signals in between.

        Yields:
          A function of the ``FitState``; raises ``Interrupted`` after SIGINT or SIGTERM, with a checkpoint written. A
          second signal ends the process as it does without.
        """
        self._last, self.caught = time.monotonic(), 0
        main = threading.current_thread() is threading.main_thread()
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM) if main}
        try:
            yield self._after_chunk
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if self._manager is not None:
                with _warning_of_failure(self.folder):
                    self._manager.close()
                self._manager = None

    def _note(self, number: int, frame: Any) -> None:
        if self.caught:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            signal.raise_signal(number)
        self.caught = number

    def _after_chunk(self, run: FitState) -> None:
        self.caught = processes.largest(self.caught)  # a signal to one of several processes ends all, after one chunk
        if self.caught:
            self._save(run, wait=True)
            raise Interrupted(self.caught)
        if time.monotonic() - self._last >= self.interval:
            self._save(run)

    def _save(self, run: FitState, *, wait: bool = False) -> None:
        """Write a checkpoint in the background, unless the last one is still being written; or wait for both."""
        if jax.process_index():
            return
        with _warning_of_failure(self.folder):
            self._manager = manager = self._manager or self._open()
            if wait:
                manager.wait_until_finished()
            if not manager.is_saving_in_progress() and run.step not in manager.all_steps():
                import orbax.checkpoint as ocp

                content = {"run": _pack(run, self._run_of)}
                manager.save(run.step, args=ocp.args.StandardSave(content))
            if wait:
                manager.wait_until_finished()
        self._last = time.monotonic()

    def _open(self) -> Any:
        import orbax.checkpoint as ocp

        own = jax.process_index()  # each process reads for itself, and the first alone writes
        alone = ocp.options.MultiprocessingOptions(
            primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process-{own}"
        )
        several = jax.process_count() > 1
        if several and own == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1,
            cleanup_tmp_directories=own == 0,
            create=not several,
            **({"multiprocessing_options": alone} if several else {}),
        )
        return ocp.CheckpointManager(self.folder, options=options, item_handlers=ocp.StandardCheckpointHandler())


def describe(
    spec: ModelSpec,
    config: TrainConfig,
    plan: Plan,
    train: Dataset,
    validation: Dataset | None,
    constants: Constants = Constants(),  # noqa: B008 - immutable
) -> dict[str, Any]:
    """What a run is of, as JSON values: a checkpoint of another run is refused.

    Args:
      spec: The network.
      config: How it is trained; the number of devices may change.
      plan: As ``make_plan`` gives it.
      train: The training set.
      validation: The validation set.
      constants: Outliers, and the teacher's parameters.
    """
    values = {field.name: getattr(config, field.name) for field in fields(config) if field.name != "devices"}
    found = {
        "version": {"checkpoint": VERSION, "jaxdoodle": __version__, "jax": jax.__version__},
        "network": spec.to_dict(),
        "config": to_json(values),
        "plan": {"steps": plan.steps, "chunks": len(plan.chunks)},  # other devices leave out other drawings
        "data": {
            "train": train.digest,
            "validation": validation.digest if validation else None,
            **{name: _digest_of(part) for name, part in constants._asdict().items() if part is not None},
        },
    }
    return json.loads(json.dumps(found, default=lambda value: type(value).__qualname__))


def _pack(run: FitState, run_of: Mapping[str, Any]) -> NDArray[np.uint8]:
    """A digest, the numbers as JSON in a line, and the arrays; copies, as the next chunk takes the buffers.

    One array to Orbax: of several, the readers go on after one has found its file damaged, and tell so on stderr.
    """
    header = {field.name: getattr(run, field.name) for field in fields(run) if field.name not in ARRAYS}
    leaves = jax.tree.leaves([run.state, run.best_params, np.array(run.step_losses, np.float32)])
    arrays = [np.asarray(_bits(leaf)) for leaf in leaves]
    header |= {"run_of": run_of, "arrays": [[str(array.dtype), array.shape] for array in arrays]}
    content = b"".join([json.dumps(header).encode("ascii"), b"\n", *(array.tobytes() for array in arrays)])
    return np.frombuffer(_digest(content) + content, np.uint8)


def _split(content: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The numbers and arrays that ``_pack`` joined. Raises ``ValueError`` where one byte is another."""
    expected, content = content[:DIGEST], content[DIGEST:]
    if _digest(content) != expected:
        raise ValueError("its digest is another one")
    text, _, rest = content.partition(b"\n")
    header, arrays, start = json.loads(text), [], 0
    for dtype, shape in header.pop("arrays"):
        arrays.append(np.frombuffer(rest, dtype, math.prod(shape), start).reshape(shape))
        start += arrays[-1].nbytes
    return header, arrays


def _unpack(start: FitState, header: dict[str, Any], arrays: list[NDArray[Any]]) -> FitState:
    """Where the run stood; ``start`` says what arrays there are. Raises ``ValueError`` where there are others."""
    header["history"] = [
        Epoch(number, Evaluation(*training), Evaluation(*validation) if validation else None, *rest)
        for number, training, validation, *rest in header["history"]
    ]
    best = start.params if header["best_epoch"] else []
    leaves, tree = jax.tree.flatten([start.state, best])
    *arrays, losses = arrays
    state, best = jax.tree.unflatten(tree, [_like(leaf, array) for leaf, array in zip(leaves, arrays, strict=True)])
    return replace(start, **header, state=state, best_params=jax.tree.map(np.array, best), step_losses=losses.tolist())


def _bits(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _like(leaf: Any, array: NDArray[Any]) -> Any:
    """The array as the leaf is: a key of ``jax.random`` or not. Raises ``ValueError`` where it cannot be."""
    bits = _bits(leaf)
    if bits.shape != array.shape or bits.dtype != array.dtype:
        raise ValueError(f"an array is {array.dtype} {array.shape}, and {bits.dtype} {bits.shape} in this run")
    return array if bits is leaf else jax.random.wrap_key_data(jax.numpy.asarray(array), impl=jax.random.key_impl(leaf))


def _digest_of(tree: PyTree) -> str:
    return _digest(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree))).hex()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def _refuse_foreign(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ``InputError`` where a checkpoint is of another run."""
    for what, values in now.items():
        for name, value in values.items():
            if (old := before.get(what, {}).get(name)) != value:
                found = "" if what == "network" else f": {name} is {old} there, and {value} in this run"
                raise InputError(f"{path}: is a checkpoint of a run with another {what}{found}.")


@contextmanager
def _refusing_damage(path: Path) -> Iterator[None]:
    log = logging.getLogger("absl")  # Orbax tells there, too, what it raises
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # Orbax and its readers raise of everything
        line = " ".join(str(error).split())
        raise InputError(f"{path}: is no checkpoint, or a damaged one; {line[:200] or type(error).__name__}.") from None
    finally:
        log.setLevel(level)


@contextmanager
def _warning_of_failure(folder: Path) -> Iterator[None]:
    """A full disk does not end a training that goes well: it goes on, and the next checkpoint is tried."""
    try:
        yield
    except Exception as error:
        warnings.warn(f"{folder}: a checkpoint was not written; {type(error).__name__}: {error}", stacklevel=4)
