"""Every change of a model: permitted, entered in the ledger durably, then made; the outcome is a second entry."""

from collections.abc import Iterator
from contextlib import contextmanager

from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MumetalError, RejectedError
from mumetal.core.identity import Principal
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models import record as records
from mumetal.trust.models import report as reports
from mumetal.trust.models.chronicle import Chronicle
from mumetal.trust.models.files.inspect import inspect
from mumetal.trust.models.manifest import Promises
from mumetal.trust.models.record import NEXT, Approval, Record, State, Step
from mumetal.trust.models.registry import ModelRegistry
from mumetal.trust.models.report import GateReport
from mumetal.trust.signing.demand import Demand

ROLLBACK = "model.rollback"
ACTIONS = ("model.register", "model.approve", "model.promote", ROLLBACK, "model.undo", "model.retire")
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
        demand: Demand | None = None,
    ) -> None:
        self._registry = registry
        self._demand = demand
        self._acts = Acts(ledger, authorizer, clock)
        self._tenant = tenant
        self._clock = clock
        self._required = required

    def register(self, who: Principal, name: str, data: bytes, promises: Promises) -> str:
        """Register a draft and return its version; its bytes are read by structure first and never loaded.

        Raises:
            RejectedError: It may hold code, or they may not.
            BadInputError: It is no model, or registered already.
        """
        kind, facts = inspect(data, name)
        promised = manifests.manifest_of(name, data, kind, promises)
        if facts is not None and len(facts.inputs) != 1:
            raise BadInputError(f"a model has one input tensor, not {len(facts.inputs)}", where=name)
        version = manifests.version_of(promised)
        with self._registry.changing():
            record = self._registry.record_or_new(name)
            known = {v.version for v in record.versions}
            missing = [p for p in promised.parents if p not in known]
            if missing:
                raise BadInputError(f"the parent {missing[0][:12]} is not registered", where=name)
            step = records.add(record, version, self._clock.now_ns())
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
            RejectedError: They may not.
        """
        with self._registry.changing():
            record = self._registry.record(name)
            chosen = record.find(version)
            target = NEXT.get(chosen.state)
            if target is None or not chosen.report:
                raise BadInputError("no approval is due", where=f"{name}@{chosen.version[:12]}")
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
            RejectedError: A gate refused, approvals are missing, or they may not.
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
                reports.check(report, name, chosen.version, against, self._required)
                found = reports.digest(report)
            step = records.promote(
                record,
                chosen,
                self._clock.now_ns(),
                report=found,
                needed=promised.approvals,
                owner=promised.owner,
            )
            data = self._registry.load_version(name, chosen.version).data  # what is promoted must be what was signed
            proved = ""
            if promised.touches_hardware and step.target is not State.VALIDATED:
                proved = self._proved(who, name, chosen.version, step.target, promised.owner, data, approval)
            by = ", ".join(a.approver for a in chosen.approvals if a.target is step.target)
            note = f"to {step.target.value}" + (f", approved by {by}" if by else "") + (f", {proved}" if proved else "")
            with self._doing(who, "model.promote", step, note):
                if report is not None and found:
                    self._registry.put_report(report)
        return step.after

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
