"""Runs an ONNX model: one thread, in order, so that the same input gives the same bits on the same machine."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.trust.models.files import onnx_file

MAX_ROWS = 1 << 16


class OnnxScorer:
    """A scorer of rows, shape (n, C) to (n,); higher is more anomalous.

    Args:
        artefact: A model from a :class:`~mumetal.core.ports.ModelSource`, verified by it.

    Raises:
        BadInputError: It is no scorer: not one float input of rows and one output, or the runtime refuses it.
        RejectedError: Its structure holds what no model may.
    """

    def __init__(self, artefact: Artefact) -> None:
        facts = onnx_file.read(artefact.data, artefact.uri)
        if len(facts.inputs) != 1 or facts.inputs[0].dtype != "float32" or len(facts.inputs[0].shape) != 2:
            raise BadInputError("a scorer takes one float32 input of shape (n, C)", where=artefact.uri)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(artefact.data, options, providers=["CPUExecutionProvider"])
        except (RuntimeError, ValueError) as error:
            raise BadInputError(f"the runtime refuses the model: {error}"[:500], where=artefact.uri) from None
        self._where = artefact.uri
        self._input = facts.inputs[0].name
        self.channels = facts.inputs[0].shape[1]

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score rows, shape (n, C), in SI units; returns shape (n,).

        Raises:
            BadInputError: Wrong shape, or the model fails on it or gives another number of scores.
        """
        if rows.ndim != 2 or self.channels not in {-1, rows.shape[1]}:
            raise BadInputError(f"the model takes (n, {self.channels}), not {rows.shape}", where=self._where)
        parts = [self._run(rows[at : at + MAX_ROWS]) for at in range(0, len(rows), MAX_ROWS)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _run(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        try:
            out = self._session.run(None, {self._input: np.ascontiguousarray(rows, np.float32)})[0]
        except (RuntimeError, ValueError) as error:
            raise BadInputError(f"the model fails: {error}"[:500], where=self._where) from None
        scores = np.asarray(out, np.float64)
        if scores.size != len(rows):
            raise BadInputError(f"{scores.size} scores for {len(rows)} rows", where=self._where)
        return scores.reshape(-1)
