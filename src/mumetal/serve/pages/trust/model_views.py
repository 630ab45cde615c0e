"""What the models' pages show: standing, health, next steps, and lineage as a picture."""

from dataclasses import dataclass

from mumetal.app.models.live import LiveModels, Look
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.trust.api import (
    NEXT_STATES,
    GateReport,
    ModelDesk,
    ModelManifest,
    ModelRecord,
    ModelRegistry,
    ModelState,
    ModelVersion,
    apart,
    vouched,
)

GENERATIONS = 4
NODES = 40
COLUMN, ROW, WIDE, HIGH = 268, 50, 216, 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model in the list; ``broken`` says why it does not verify, and is empty when it does."""

    name: str
    broken: str = ""
    versions: int = 0
    active: str = ""
    shadow: str = ""
    owner: str = ""
    purpose: str = ""
    since_ns: int = 0
    health: str = ""
    ails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One version with everything signed of it, and what may follow.

    Args:
        version: Where it stands.
        manifest: What is promised.
        report: What the gates said; None before.
        since_ns: Since when.
        target: The state that may follow; empty where none does, or where the gates come first.
        vouched: Who approved that, as far as it counts.
        waits: How many approvals are missing.
        needed: How many there must be.
        hardware: Whether it can touch hardware, where it is wired or by its owner's word.
    """

    version: ModelVersion
    manifest: ModelManifest
    report: GateReport | None
    since_ns: int
    target: str
    vouched: tuple[str, ...]
    waits: int
    needed: int
    hardware: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box of the lineage's picture; ``x`` and ``y`` are its upper left corner."""

    kind: str
    text: str
    title: str
    x: int
    y: int
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A lineage, drawn from left (where it comes from) to right.

    Args:
        nodes: Boxes.
        edges: Paths between them, as SVG path data.
        width: Of the drawing.
        height: Of the drawing.
        words: The same in one sentence, for who cannot see it.
    """

    nodes: tuple[Node, ...]
    edges: tuple[str, ...]
    width: int
    height: int
    words: str


def line_of(registry: ModelRegistry, name: str, live: LiveModels) -> Line:
    """Return one model's line, verified down to the active version's bytes."""
    try:
        record = registry.record(name)
        active, shadow = record.in_state(ModelState.ACTIVE), record.in_state(ModelState.SHADOW)
        newest = active or record.versions[-1]
        promised = registry.manifest(name, newest.version)
        registry.load_version(name, newest.version)
    except MumetalError as error:
        return Line(name=name, broken=error.message)
    words, ails = health_of(live.looks(name), active.version if active else "")
    return Line(
        name=name,
        versions=len(record.versions),
        active=active.version if active else "",
        shadow=shadow.version if shadow else "",
        owner=promised.owner,
        purpose=promised.purpose,
        since_ns=int(newest.since_ns),
        health=words if active else "",
        ails=ails,
    )


def health_of(looks: tuple[Look, ...], active: str) -> tuple[str, bool]:
    """Return the active version's health in a few words, and whether it ails."""
    if not looks:
        return "watches no stream yet", False
    if not any(look.version == active for look in looks):
        return "took over from a version that ailed; not looked at yet", False
    looks = tuple(look for look in looks if look.version == active)
    done = [look for look in looks if look.checkup is not None]
    ill = [look for look in done if look.findings]
    if ill:
        return f"ails on {', '.join(f'{look.device}/{look.stream}' for look in ill[:3])}", True
    if done:
        return f"well on {len(done)} of {len(looks)} stream{'' if len(looks) == 1 else 's'}", False
    return looks[0].note or "not looked at yet", False


def shown_of(desk: ModelDesk, record: ModelRecord, version: ModelVersion) -> Shown:
    """Return a version with its manifest and gate report.

    Raises:
        RejectedError: One of them does not verify.
    """
    registry, rules = desk.registry, desk.lifecycle
    try:
        report = registry.report(version.report) if version.report else None
    except BadInputError:
        report = None
    promised = registry.manifest(record.name, version.version)
    target = NEXT_STATES.get(version.state)
    given, needed = vouched(version, not_by=apart(version.registrant, promised)), rules.approvals(promised)
    steps = target is not None and target is not ModelState.VALIDATED
    return Shown(
        version=version,
        manifest=promised,
        report=report,
        since_ns=int(version.since_ns),
        target=target.value if steps and target is not None else "",
        vouched=tuple(sorted(given)),
        waits=max(0, needed - len(given)),
        needed=needed,
        hardware=rules.hardware(promised),
    )


def lineage(registry: ModelRegistry, record: ModelRecord, chosen: Shown) -> Picture:
    """Draw what a version was made from: data and code, and the versions it came from with theirs."""
    standing = {v.version: v for v in record.versions}
    found: dict[str, ModelManifest] = {chosen.version.version: chosen.manifest}
    generation = [chosen.version.version]
    for _ in range(GENERATIONS - 1):
        generation = [p for v in generation for p in found[v].parents if p in standing and p not in found]
        found |= {p: registry.manifest(record.name, p) for p in generation}
    level: dict[str, int] = {}

    def level_of(version: str) -> int:
        if version not in level:
            parents = [p for p in found[version].parents if p in found]
            level[version] = 1 + max((level_of(p) for p in parents), default=0)
        return level[version]

    # key, kind, words, title, column, and what it leads to
    boxes: dict[str, tuple[str, str, str, int]] = {}
    leads: list[tuple[str, str]] = []
    for version, m in found.items():
        column = level_of(version)
        boxes[version] = (standing[version].state.value, f"{m.name[:12]} {version[:12]}", version, column)
        sources: list[tuple[str, str, str, str]] = [
            (f"{d.use} {d.digest}", d.use, d.uri, f"sha256 {d.digest}") for d in m.data
        ]
        sources.append((f"code {m.code}", "code", m.code, f"seeds {', '.join(map(str, m.seeds)) or 'none'}"))
        for key, kind, text, title in sources:
            before = boxes.get(key)
            boxes[key] = (kind, text, title, min(column - 1, before[3]) if before else column - 1)
            leads.append((key, version))
        leads += [(p, version) for p in m.parents if p in found]
    return _drawn(boxes, leads, chosen)


def _drawn(boxes: dict[str, tuple[str, str, str, int]], leads: list[tuple[str, str]], chosen: Shown) -> Picture:
    kept = dict(sorted(boxes.items(), key=lambda item: item[1][3])[-NODES:])
    columns: dict[int, list[str]] = {}
    for key, (_, _, _, column) in kept.items():
        columns.setdefault(column, []).append(key)
    tallest = max(len(keys) for keys in columns.values())
    height = tallest * ROW + 8
    nodes: dict[str, Node] = {}
    for place, (_, keys) in enumerate(sorted(columns.items())):
        top = (height - len(keys) * ROW) // 2 + (ROW - HIGH) // 2
        for row, key in enumerate(keys):
            kind, text, title, _ = kept[key]
            nodes[key] = Node(
                kind=kind,
                text=text if len(text) <= 28 else text[:27] + "…",
                title=title,
                x=4 + place * COLUMN,
                y=top + row * ROW,
                made=key == chosen.version.version,
            )
    edges = [_edge(nodes[a], nodes[b]) for a, b in leads if a in nodes and b in nodes]
    made_from = ", ".join(f"{n.kind} {n.text}" for n in nodes.values() if not n.made)
    return Picture(
        nodes=tuple(nodes.values()),
        edges=tuple(edges),
        width=8 + (len(columns) - 1) * COLUMN + WIDE,
        height=height,
        words=f"made from {made_from}",
    )


def _edge(source: Node, target: Node) -> str:
    x0, y0, x1, y1 = source.x + WIDE, source.y + HIGH // 2, target.x, target.y + HIGH // 2
    bend = max(24, (x1 - x0) // 2)
    return f"M{x0} {y0} C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}"
