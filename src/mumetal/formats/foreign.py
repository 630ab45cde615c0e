"""Documents that are known and not read: what they are, and the way their figures can take."""

from collections.abc import Sequence

from mumetal.formats.canonical import Json

WAY = "write its figures as CSV (csv:), or push them"


def told_by(document: Json) -> tuple[str, str]:
    """Return which source reads a JSON document, or, with an empty source, what it is and the way to go.

    Returns:
        The kind of source, empty where there is none; and words, empty where nothing is known of it.
    """
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return "", ""
    keys = first.keys()
    if isinstance(first.get("Records"), list) or "class_uid" in keys or {"eventName", "eventTime"} <= keys:
        return "audit", ""
    if {"backend_name", "qubits"} <= keys:
        return "ibm", ""
    if "braketSchemaHeader" in keys or _within(first, "braketSchemaHeader"):
        return "", f"properties of an Amazon Braket device, for which there is no source: {WAY}"
    if {"backend_name", "basis_gates"} <= keys:
        return "", "an IBM backend's configuration, which holds no calibration: save backend.properties().to_dict()"
    if keys & {"native_gates", "characterization", "single_qubits"}:
        return "", "a Qibolab platform, which is read from its Git repository: platforms:REPOSITORY"
    if "__class__" in keys or _within(first, "__class__"):
        return "", f"a QUAM state, for which there is no source: {WAY}"
    if {"Qubits", "Gates"} <= keys:
        return "", f"a QubiC configuration, for which there is no source: {WAY}"
    return "", ""


def told_by_header(names: Sequence[str]) -> str:
    """Return what a table is by its columns' names and the way to go; empty where nothing is known of it."""
    plain = [name.strip().lower() for name in names]
    if plain[:1] == ["qubit"] and any(name.startswith("t1 (") for name in plain):
        return (
            "IBM's download of one calibration, a row a qubit, holds no time and no gate's figure by itself: save "
            "backend.properties().to_dict() as JSON and read it with ibm:"
        )
    return ""


def _within(document: dict[str, Json], key: str) -> bool:
    return any(
        isinstance(inner, dict) and (key in inner or any(isinstance(x, dict) and key in x for x in inner.values()))
        for inner in document.values()
    )
