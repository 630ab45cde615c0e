"""Brings a release to a fleet: one board, then a tenth, then all, and back again when a board drifts.

Each act is permitted, then written to the ledger, then done; its outcome is a second entry. The release is verified
anew for every board just before it is installed. After each stage the boards are watched for a while: at the first
drift, or the first board that fails, the rollout stops and every board that was touched gets its last good image back.
Floors rise only once every stage has held, for until then the last good image must stay installable.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mumetal.core import LOCAL, check
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.identity import Principal
from mumetal.core.ports import Authorizer, Ledger, Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.formats import dsse
from mumetal.trust.firmware import release as releases
from mumetal.trust.firmware.floors import CONFIRMED, Floors
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing.demand import Demand

INSTALL, RESTORE = "firmware.install", "firmware.restore"
ROLLOUT = "firmware.rollout"
MAX_BOARDS = 10_000


class Boards(Protocol):
    """What can put an image on a board."""

    def read(self, device: str) -> bytes:
        """Return the image that the board runs now, the last good one.

        Raises:
            UnavailableError: The board is away.
        """
        ...

    def write(self, device: str, data: bytes) -> None:
        """Put an image on the board.

        Raises:
            UnavailableError: The board is away, or refused.
        """
        ...


class Outcome(StrEnum):
    """How a rollout ended."""

    DONE = "done"
    ROLLED_BACK = "rolled-back"
    STUCK = "stuck"
    UNCONFIRMED = "unconfirmed"  # all boards run the release, and not every floor rose


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who ordered an act, and for which tenant."""

    principal: Principal
    tenant: str = LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes where, and how carefully.

    Args:
        devices: Device to board type, in the order of the rollout; the first is the canary.
        envelope: The release.
        data: The image.
        soak_s: How long the boards are watched after each stage, s.
        look_s: Time between two looks, s.
        principal: Who ordered it.
        tenant: For whom.
        approval: Signed approval of the rollout of just this image, where the lab demands one.
    """

    devices: Mapping[str, str]
    envelope: bytes
    data: bytes
    soak_s: float = 3_600.0
    look_s: float = 10.0
    principal: Principal
    tenant: str = LOCAL
    approval: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.devices) <= MAX_BOARDS:
            raise BadInputError(f"a rollout is for 1 to {MAX_BOARDS} boards")
        for device in self.devices:
            check.name(device, "device")
        if not (self.soak_s >= 0 and self.look_s > 0):
            raise BadInputError("soak and look are durations in seconds")

    @property
    def order(self) -> Order:
        """Who ordered it."""
        return Order(principal=self.principal, tenant=self.tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened.

    Args:
        outcome: How it ended.
        installed: Boards that run the release now.
        restored: Boards that got their last good image back.
        stuck: Boards that could not be restored: somebody must go there.
        reason: Why it stopped; empty when it did not.
    """

    outcome: Outcome
    installed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    reason: str = ""


class Rollout:
    """Carries one plan out.

    Args:
        boards: Reads and writes images.
        drifted: Says why a device is not as it was; empty when it is. Asked during the soak.
        authorizer: Permits each act.
        ledger: Where each act is written before it is done.
        floors: Lowest versions by device.
        root: Says who may release.
        clock: Time and waiting.
        keep: Keeps a device's last good image, before the device is touched, for the day after a crash; without it the
            image is only kept in memory.
        demand: Approvals, signed with people's own keys, that a rollout needs beside the release; the way back needs none.
    """

    def __init__(
        self,
        *,
        boards: Boards,
        drifted: Callable[[str], str],
        authorizer: Authorizer,
        ledger: Ledger,
        floors: Floors,
        root: TrustRoot,
        clock: Clock,
        keep: Callable[[str, bytes], None] | None = None,
        demand: Demand | None = None,
    ) -> None:
        self._keep = keep
        self._demand = demand
        self._boards = boards
        self._drifted = drifted
        self._acts = Acts(ledger, authorizer, clock)
        self._floors = floors
        self._root = root
        self._clock = clock

    def run(self, plan: Plan) -> Report:
        """Carry the plan out, and say how it ended.

        Raises:
            RejectedError: Not permitted, not approved as demanded, or the release does not verify for a board; nothing
                was touched.
            UnavailableError: A board is away or the ledger cannot be written before anything was touched.
        """
        for device in plan.devices:
            self._verify(plan, device)
        release, sha384 = releases.decode(plan.envelope)
        why = f"{len(plan.devices)} boards, sha384={sha384[:32]}"
        what = f"firmware:{release.name}@{release.version}"
        approved = self._approved(plan, what)
        for device in plan.devices:
            for action in (
                INSTALL,
                RESTORE,
                CONFIRMED,
            ):  # a way back or an end that is denied must show before the start
                self._acts.ask(_asked(plan.order, action, board_subject(device)), why)
        with self._acts.act(
            _asked(plan.order, ROLLOUT, _release(what)), f"{why}, {approved}" if approved else why
        ) as begun:
            report = self._bring_out(plan)
            begun.outcome, begun.said = report.outcome.value, report.reason[:1_000]
        return report

    def _approved(self, plan: Plan, what: str) -> str:
        """Return who signed for the rollout; a refusal is entered as well."""
        if self._demand is None:
            return ""
        makers = {s.keyid.partition("#")[0] for s in dsse.decode(plan.envelope).signatures}
        owners = [k.owner for k in self._root.keys if k.public.key_id in makers]
        try:
            return self._demand.met(
                plan.approval,
                plan.data,
                action=ROLLOUT,
                resource=what,
                now_ns=self._clock.now_ns(),
                not_by=owners,
                not_keys=makers,
            )
        except RejectedError as error:
            self._acts.deny(_asked(plan.order, ROLLOUT, _release(what)), error.message)
            raise

    def _bring_out(self, plan: Plan) -> Report:
        good: dict[str, bytes] = {}
        done: list[str] = []
        for stage in stages(list(plan.devices)):
            try:
                for device in stage:
                    before = self._boards.read(device)
                    self._verify(plan, device)
                    self._install(plan, device, before, good)
                    done.append(device)
                reason = check.readable(self._watch(plan, done))
            except Exception as error:  # whatever a board or its driver raises, it is a board that failed
                if not good:
                    raise
                reason = check.readable(str(error) or type(error).__name__)
            if reason:
                return self._back(plan.order, good, reason)
        try:
            self._confirm(plan)
        except Exception as error:  # noqa: BLE001 - every board runs the release; what is left is to be told
            left = check.readable(str(error) or type(error).__name__)
            why = f"not every floor rose: {left}"[:1_000]
            return Report(outcome=Outcome.UNCONFIRMED, installed=tuple(done), reason=why)
        return Report(outcome=Outcome.DONE, installed=tuple(done))

    def _verify(self, plan: Plan, device: str) -> None:
        releases.verify(
            plan.envelope,
            plan.data,
            board=plan.devices[device],
            floor=self._floors.of(device),
            root=self._root,
            now_ns=self._clock.now_ns(),
            where=device,
        )

    def _install(self, plan: Plan, device: str, before: bytes, good: dict[str, bytes]) -> None:
        release, sha384 = releases.decode(plan.envelope, device)

        def write() -> None:
            if self._keep is not None:
                self._keep(device, before)
            good[device] = before  # from here on the board may be half written
            self._boards.write(device, plan.data)
            if self._boards.read(device) != plan.data:
                raise RejectedError("the board gives other bytes back than were written", where=device)

        self._act(plan.order, INSTALL, device, f"release {release.name} {release.version} sha384={sha384[:32]}", write)

    def _watch(self, plan: Plan, done: Sequence[str]) -> str:
        """Look at every board touched so far until the soak is over; returns why to stop, or nothing."""
        end = self._clock.monotonic_ns() + round(plan.soak_s * 1e9)
        while True:
            for device in done:
                reason = self._drifted(device)
                if reason:
                    return f"{device} drifts: {reason}"
            if self._clock.monotonic_ns() >= end:
                return ""
            self._clock.sleep(plan.look_s)

    def restore(self, order: Order, good: Mapping[str, bytes], reason: str) -> Report:
        """Put last good images back, as after a rollout that was cut off; floors stay where they are.

        Only for boards that have not confirmed the release: one that has takes an older image through :meth:`run` or
        not at all.

        Args:
            order: Who orders it, and for whom.
            good: Image by device.
            reason: Why, for the ledger.
        """
        return self._back(order, good, reason)

    def _back(self, order: Order, good: Mapping[str, bytes], reason: str) -> Report:
        restored, stuck = [], []
        for device, data in good.items():

            def restore(device: str = device, data: bytes = data) -> None:
                self._boards.write(device, data)
                if self._boards.read(device) != data:
                    raise RejectedError("the board gives other bytes back than were written", where=device)

            try:
                self._act(order, RESTORE, device, f"last good image: {reason}", restore)
                restored.append(device)
            except Exception:  # noqa: BLE001 - the way back goes on, whatever one board does
                stuck.append(device)  # the ledger has the failure; the report names the board
        outcome = Outcome.STUCK if stuck else Outcome.ROLLED_BACK
        return Report(outcome=outcome, restored=tuple(restored), stuck=tuple(stuck), reason=reason[:1_000])

    def _confirm(self, plan: Plan) -> None:
        release, _ = releases.decode(plan.envelope)
        for device in plan.devices:
            why = f"release {release.name} {release.version} security_version={release.security_version}"

            def rise(device: str = device) -> None:
                self._floors.rise(device, release.security_version)

            self._act(plan.order, CONFIRMED, device, why, rise)

    def _act(self, order: Order, action: str, device: str, why: str, act: Callable[[], None]) -> None:
        with self._acts.act(_asked(order, action, board_subject(device)), why):
            act()


def board_subject(device: str) -> Subject:
    """Return a board as a subject."""
    return Subject(kind=SubjectKind.BOARD, name=device, device=device)


def _release(what: str) -> Subject:
    return Subject(kind=SubjectKind.RELEASE, name=what.removeprefix(f"{SubjectKind.RELEASE}:"))


def _asked(order: Order, action: str, subject: Subject) -> Request:
    return Request(tenant=order.tenant, principal=order.principal, action=action, resource=subject)


def stages(devices: Sequence[str]) -> list[list[str]]:
    """Split devices into one, a tenth (at least one), and the rest; empty stages are left out."""
    tenth = max(1, len(devices) // 10)
    parts = [list(devices[:1]), list(devices[1 : 1 + tenth]), list(devices[1 + tenth :])]
    return [p for p in parts if p]
