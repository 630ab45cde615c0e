"""A folder that MLflow reads: ``MLmodel`` beside ``model.onnx``, flavour ``onnx`` (https://mlflow.org/docs/latest/ml/model/).

Only ONNX: MLflow has no flavour for the other two formats that loads without pickle. What is exported is data: the
``python_function`` flavour names MLflow's own loader of ONNX and no code of ours, and no requirements are written.
"""

import json
from datetime import UTC, datetime

from mumetal.core.errors import BadInputError
from mumetal.trust.models.files import onnx_file
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.manifest import Manifest
from mumetal.trust.models.record import Version

TYPES = {"float32": "float32", "float64": "float64", "int64": "int64", "int32": "int32", "bool": "bool"}


def mlflow_folder(manifest: Manifest, version: Version, data: bytes) -> dict[str, bytes]:
    """Return the folder's files by name.

    Raises:
        BadInputError: The model is not ONNX.
    """
    if manifest.kind is not Kind.ONNX:
        raise BadInputError(f"MLflow has no data-only flavour for {manifest.kind.value}", where=manifest.name)
    facts = onnx_file.read(data, manifest.name)
    created = datetime.fromtimestamp(int(version.since_ns) / 1e9, UTC)
    lines = {
        "artifact_path": "model",
        "flavors": {
            "onnx": {"data": "model.onnx", "onnx_version": "", "providers": ["CPUExecutionProvider"]},
            "python_function": {"loader_module": "mlflow.onnx", "data": "model.onnx", "env": {}},
        },
        "model_uuid": version.version[:32],
        "utc_time_created": created.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "signature": {"inputs": _tensors(facts.inputs), "outputs": _tensors(facts.outputs), "params": None},
        "metadata": {
            "mumetal_name": manifest.name,
            "mumetal_version": version.version,
            "mumetal_state": version.state.value,
            "sha256": manifest.sha256,
        },
    }
    # JSON is YAML (1.2), so that no writer of YAML is needed
    return {"MLmodel": json.dumps(lines, indent=2).encode() + b"\n", "model.onnx": data}


def _tensors(specs: tuple[onnx_file.TensorSpec, ...]) -> str:
    return json.dumps(
        [
            {
                "name": s.name,
                "type": "tensor",
                "tensor-spec": {"dtype": TYPES.get(s.dtype, s.dtype), "shape": list(s.shape)},
            }
            for s in specs
        ]
    )
