"""Every change of a model: permitted, entered in the ledger durably, then made; the outcome is a second entry."""

from collections.abc import Iterator
from contextlib import contextmanager

from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MumetalError, RejectedError
from mumetal.core.identity import Principal, PrincipalKind
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models import record as records
from mumetal.trust.models import report as reports
from mumetal.trust.models.chronicle import Chronicle
from mumetal.trust.models.files.inspect import inspect
from mumetal.trust.models.manifest import Manifest, Promises
from mumetal.trust.models.record import NEXT, Approval, Record, State, Step, Version
from mumetal.trust.models.refusals import Refusal, apart
from mumetal.trust.models.registry import ModelRegistry
from mumetal.trust.models.report import GateReport
from mumetal.trust.signing.demand import Demand

ROLLBACK = "model.rollback"
ACTIONS = (
    "model.register", "model.refuse", "model.answer", "model.approve", "model.promote", ROLLBACK, "model.undo", "model.retire",
)  # fmt: skip
ADOPT = "model.adopt"
HEALTH_AGENT = "mumetal.models"  # puts the last good version back when the active one ails
RELEASE_AGENT = "mumetal.release"  # takes in what is shipped with Mumetal


class Lifecycle:
    """Moves models through their states.

    Args:
        registry: Where they are kept.
        ledger: Where every act is entered first.
        authorizer: Decides who may.
        clock: Time.
        required: Ids of the gates that must speak before a version is validated.
        tenant: For whom.
        hardware: Whether what a model says can reach a device where it is wired, whatever its owner says; then two people
            must approve each step.
        demand: Approvals, signed with people's own keys, that a model which can touch hardware needs to go on from
            validated and from shadow; without it the approvals noted here are enough.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        *,
        ledger: Ledger,
        authorizer: Authorizer,
        clock: Clock,
        required: frozenset[str],
        tenant: str = LOCAL,
        hardware: bool = False,
        demand: Demand | None = None,
    ) -> None:
        self._registry = registry
        self._demand = demand
        self._hardware = hardware
        self._acts = Acts(ledger, authorizer, clock)
        self._tenant = tenant
        self._clock = clock
        self._required = required

    def hardware(self, promised: Manifest) -> bool:
        """Say whether a model can touch hardware: where it is wired, or because its owner says so."""
        return self._hardware or promised.touches_hardware

    def approvals(self, promised: Manifest) -> int:
        """Return how many people must vouch for each step: two for what can touch hardware."""
        return 2 if self.hardware(promised) else 1

    def register(self, who: Principal, name: str, data: bytes, promises: Promises) -> str:
        """Register a draft and return its version; its bytes are read by structure first and never loaded.

        Raises:
            RejectedError: It may hold code, they trained it themselves, or they may not.
            BadInputError: It is no model, names no trainer, or is registered already.
        """
        kind, facts = inspect(data, name)
        promised = manifests.manifest_of(name, data, kind, promises)
        if facts is not None and len(facts.inputs) != 1:
            raise BadInputError(f"a model has one input tensor, not {len(facts.inputs)}", where=name)
        version = manifests.version_of(promised)
        if not promised.trainer:
            raise BadInputError(
                "nobody is named as its trainer", where=name, hint='add `trainer = "…"` to the promises'
            )
        if promised.trainer == who.name:
            raise RejectedError(f"{who.name} trained it: somebody else registers it", where=name)
        with self._registry.changing():
            record = self._registry.record_or_new(name)
            known = {v.version for v in record.versions}
            missing = [p for p in promised.parents if p not in known]
            if missing:
                raise BadInputError(f"the parent {missing[0][:12]} is not registered", where=name)
            stand = self._registry.refusals(promised.sha256)
            step = records.add(record, version, self._clock.now_ns(), registrant=who.name, refusals=stand)
            note = f"{kind.value}, owner {promised.owner}"
            with self._doing(who, "model.register", step, note):
                self._registry.put_model(promised, data)
        return version

    def adopt(self, who: Principal, name: str, data: bytes, promises: Promises, report: GateReport, source: str) -> str:
        """Take in a model that is shipped with Mumetal; returns its version, or nothing new when it is known.

        Active unless a lab's own version is (:func:`mumetal.trust.models.record.adopt`). Its gates ran at the release:
        their report comes with it and must let this very version pass; which gates those were, the report says.

        Args:
            who: The release's agent.
            name: The model's name.
            data: Its bytes, verified by whoever read them from the package.
            promises: What the release promises.
            report: What the gates said at the release; ``against`` is empty there.
            source: Where it came from, such as ``"mumetal 0.1.0"``; entered in the ledger.

        Raises:
            RejectedError: It may hold code, the report is not about it, or they may not.
            BadInputError: It is no model.
        """
        kind, _ = inspect(data, name)
        promised = manifests.manifest_of(name, data, kind, promises)
        version = manifests.version_of(promised)
        with self._registry.changing():
            record = self._registry.record_or_new(name)
            if any(v.version == version for v in record.versions):
                return version
            reports.check(report, name, version, "", frozenset())
            step = records.adopt(record, version, self._clock.now_ns(), report=reports.digest(report))
            with self._doing(who, ADOPT, step, f"shipped with {source}, {step.target.value}"):
                self._registry.put_model(promised, data)
                self._registry.put_report(report)
        return version

    def approve(self, who: Principal, name: str, version: str) -> Record:
        """Note somebody's approval of a version's next state, after the gate report they were shown.

        Raises:
            BadInputError: No approval is due, or they gave it already.
            RejectedError: They registered or trained it, or may not; both are entered.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            chosen = record.find(version)
            target = NEXT.get(chosen.state)
            if target is None or not chosen.report:
                raise BadInputError("no approval is due", where=f"{name}@{chosen.version[:12]}")
            self._other(who, "model.approve", chosen, name)
            now = self._clock.now_ns()
            word = Approval(approver=who.name, target=target, report=chosen.report, t_ns=str(now))
            step = records.approve(record, chosen, word)
            with self._doing(who, "model.approve", step, f"for {target.value}, gate report {chosen.report[:12]}"):
                pass  # the record holds the approval
        return step.after

    def promote(
        self,
        who: Principal,
        name: str,
        version: str,
        report: GateReport | None = None,
        *,
        approval: bytes | None = None,
    ) -> Record:
        """Move a version one state on: to validated by a passed gate report, further by approvals.

        Args:
            who: Who does it.
            name: The model's name.
            version: The version, or its first letters.
            report: What the gates said, to become validated.
            approval: Signed approval of this step with the model's bytes, where the lab demands one.

        Raises:
            RejectedError: A gate refused (that stands on the record from then on), an earlier refusal stands, approvals
                are missing, or they may not.
            BadInputError: Nothing follows.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            chosen = record.find(version)
            promised = self._registry.manifest(name, chosen.version)
            found = ""
            if NEXT.get(chosen.state) is State.VALIDATED and report is not None:
                active = record.in_state(State.ACTIVE)
                against = active.version if active else ""
                try:
                    reports.check(report, name, chosen.version, against, self._required)
                except RejectedError as error:
                    self._refuse(who, record, chosen, report, error)
                    raise
                found = reports.digest(report)
            step = records.promote(
                record,
                chosen,
                self._clock.now_ns(),
                report=found,
                needed=self.approvals(promised),
                not_by=apart(chosen.registrant, promised),
            )
            data = self._registry.load_version(name, chosen.version).data  # what is promoted must be what was signed
            proved = ""
            if self.hardware(promised) and step.target is not State.VALIDATED:
                proved = self._proved(who, name, chosen.version, step.target, promised.owner, data, approval)
            by = ", ".join(a.approver for a in chosen.approvals if a.target is step.target)
            note = f"to {step.target.value}" + (f", approved by {by}" if by else "") + (f", {proved}" if proved else "")
            with self._doing(who, "model.promote", step, note):
                if report is not None and found:
                    self._registry.put_report(report)
        return step.after

    def answer(self, who: Principal, name: str, version: str, what: str) -> Record:
        """Answer the refusals that stand against a version; the gates have to let it pass all the same.

        Raises:
            BadInputError: None stands, or nothing is said.
            RejectedError: They registered or trained it, are no person, or may not; all are entered.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            chosen = record.find(version)
            step = records.answer(record, chosen, who.name, what, self._clock.now_ns())
            self._other(who, "model.answer", chosen, name)
            with self._doing(who, "model.answer", step, what[:500]):
                pass  # the record holds the answer
        return step.after

    def _other(self, who: Principal, action: str, version: Version, name: str) -> None:
        """Return nothing when somebody is a person who neither registered nor trained a version; a refusal is entered."""
        made = apart(version.registrant, self._registry.manifest(name, version.version))
        if who.kind is PrincipalKind.PERSON and who.name not in made:
            return
        why = (
            f"{who.name} is no person"
            if who.kind is not PrincipalKind.PERSON
            else f"{who.name} registered or trained it"
        )
        self._acts.deny(self._request(who, action, name, version.version), why)
        raise RejectedError(f"{why}: somebody else must", where=f"{name}@{version.version[:12]}")

    def _refuse(
        self, who: Principal, record: Record, version: Version, report: GateReport, error: RejectedError
    ) -> None:
        """Keep on record and ledger that the gates refused; what is not about this version is no refusal of it."""
        refused = [f"{o.gate}: {o.reason}" for o in report.outcomes if not o.passed]
        if not refused or (report.name, report.version) != (record.name, version.version):
            return
        digest, why = reports.digest(report), "; ".join(refused)[:1_000]
        if any(r.report == digest for r in version.refusals):
            return
        now = str(self._clock.now_ns())
        step = records.refuse(record, version, Refusal(report=digest, why=why, shown_by=who.name, t_ns=now))
        with self._doing(who, "model.refuse", step, error.message[:500]):
            self._registry.put_report(report)

    def roll_back(self, who: Principal, name: str, why: str) -> Record:
        """Put the last good version back at once; no approval is asked for, the way back must be short.

        Raises:
            BadInputError: There is none.
            RejectedError: They may not, or the last good version's seal or bytes do not hold.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            step = records.roll_back(record, self._clock.now_ns(), by=who.name, why=why)
            self._registry.load_version(name, step.version)
            with self._doing(who, ROLLBACK, step, why[:500] or "no reason given"):
                pass  # the record is all that changes
        return step.after

    def undo(self, who: Principal, name: str, why: str) -> Record:
        """Take the newest rollback back, also one that Mumetal did by itself.

        Raises:
            BadInputError: There is none since the last promotion.
            RejectedError: They may not, or the version's seal or bytes do not hold.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            step = records.undo(record, self._clock.now_ns())
            self._registry.load_version(name, step.version)
            with self._doing(who, "model.undo", step, why[:500] or "no reason given"):
                pass  # the record is all that changes
        return step.after

    def retire(self, who: Principal, name: str, version: str, why: str) -> Record:
        """Take a version out of service for good.

        Raises:
            BadInputError: It is out of service already.
            RejectedError: They may not.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            step = records.retire(record, record.find(version), self._clock.now_ns())
            with self._doing(who, "model.retire", step, why[:500] or "no reason given"):
                pass  # the record is all that changes
        return step.after

    def _proved(
        self, who: Principal, name: str, version: str, target: State, owner: str, data: bytes, approval: bytes | None
    ) -> str:
        """Return who signed for the step; a refusal is entered as well."""
        if self._demand is None:
            return ""
        resource = f"model:{name}@{version}"
        try:
            return self._demand.met(
                approval,
                data,
                action=f"model.promote.{target.value}",
                resource=resource,
                now_ns=self._clock.now_ns(),
                not_by=(owner,),
            )
        except RejectedError as error:
            self._acts.deny(self._request(who, "model.promote", name, version), f"to {target.value}: {error.message}")
            raise

    def _request(self, who: Principal, action: str, name: str, version: str) -> Request:
        subject = Subject(kind=SubjectKind.MODEL, name=f"{name}@{version}")
        return Request(tenant=self._tenant, principal=who, action=action, resource=subject)

    @contextmanager
    def _doing(self, who: Principal, action: str, step: Step, note: str) -> Iterator[None]:
        """Run the body, then put the record, as one act; a crash in between is settled at the next start."""
        digest = records.digest(step.after)
        sealed = self._registry.seal_record(step.after)
        why = f"record sha256:{digest} revision {step.after.revision}; {note}"
        with self._acts.act(self._request(who, action, step.after.name, step.version), why) as begun:
            yield
            try:
                self._registry.put_record(step.after.name, sealed)
            except MumetalError as error:
                if records.digest(self._registry.record_or_new(step.after.name)) != digest:
                    raise
                begun.said = f"the disk did not confirm it: {error.message}"  # it is there, and read back


def settle(
    registry: ModelRegistry, ledger: Ledger, clock: Clock, chronicle: Chronicle, tenant: str = LOCAL
) -> list[str]:
    """Enter the outcome of changes that a crash cut short; returns the models concerned."""
    settled = []
    for name, begun in sorted(chronicle.all_unfinished().items()):
        record = registry.record_or_new(name)
        outcome = "done" if records.digest(record) == begun else "failed: the process ended before it was made"
        entry = LedgerEntry(
            tenant=tenant,
            t_ns=clock.now_ns(),
            actor=HEALTH_AGENT,
            action="model.settle",
            subject=f"model:{name}@{record.versions[-1].version}" if record.versions else f"model:{name}",
            why=f"record sha256:{begun} found after a crash",
            outcome=outcome,
        )
        ledger.append(entry)
        settled.append(name)
    return settled
