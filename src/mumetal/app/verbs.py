"""Acts that parts declare as verbs: asked for by name, permitted, on the ledger, done once, undone.

Steps, in order: (1) the verb is known; (2) an act of that id that is done is not done again, and one with other content is
refused; (3) where the verb asks for it, people have approved just these bytes, and none of them asked for it; (4) it is
permitted; (5) it is on the ledger durably; (6) it is done; (7) how it ended is on the ledger and in the records.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mumetal.app.opened import OpenedPart
from mumetal.core import check
from mumetal.core.act import Act, ActRecord, ActState, Outcome
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MissingError, RejectedError
from mumetal.core.identity import Scope
from mumetal.core.part import Running, Verb
from mumetal.core.ports import Request
from mumetal.core.records import Records
from mumetal.trust.api import ApprovalDemand


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVerb:
    """A verb, and the part that performs it."""

    verb: Verb
    part_id: str
    running: Running


class VerbDesk:
    """Performs and takes back what parts can be asked to do.

    Args:
        opened: The parts.
        acts: Holds every act to the order of permit, ledger, deed and outcome.
        records: Where acts are kept.
        demand: Whose approval a verb needs that asks for one; None where the lab has set none, and it is refused.
        clock: Time.
    """

    def __init__(
        self,
        opened: Sequence[OpenedPart],
        acts: Acts,
        records: Records,
        demand: ApprovalDemand | None,
        clock: Clock,
    ) -> None:
        self._acts, self._records, self._demand, self._clock = acts, records, demand, clock
        self._verbs: dict[str, KnownVerb] = {}
        for each in opened:
            for verb in each.part.verbs:
                if each.running is None or verb.verb_id in self._verbs:
                    raise BadInputError(f"the verb {verb.verb_id!r} is claimed twice, or by a part that runs nothing")
                self._verbs[verb.verb_id] = KnownVerb(verb=verb, part_id=each.part.part_id, running=each.running)

    def verbs(self) -> tuple[KnownVerb, ...]:
        """Return what can be asked for, by id."""
        return tuple(self._verbs[key] for key in sorted(self._verbs))

    def known(self, verb_id: str) -> KnownVerb:
        """Return one verb.

        Raises:
            MissingError: There is none of that id.
        """
        if verb_id not in self._verbs:
            raise MissingError(
                f"nothing can be asked for that is called {verb_id[:80]!r}", hint="see `mumetal act verbs`"
            )
        return self._verbs[verb_id]

    def perform(self, scope: Scope, act: Act) -> Outcome:
        """Do what is asked for, once.

        Raises:
            RejectedError: It is not approved or not permitted, or the id belongs to another act.
            MissingError: There is no such verb.
            MumetalError: It could not be done; that is on the ledger and in the records.
        """
        known = self.known(act.verb)
        before = self._records.acts.get(scope, act.act_id)
        if before is not None:
            if before.act.to_approve() != act.to_approve():
                raise RejectedError(
                    "another act has this id already", where=act.act_id, hint="give it an id of its own"
                )
            if before.state in {ActState.DONE, ActState.UNDONE}:
                return _outcome(before)
        approved = self._approved(known.verb, act)
        request = Request(
            tenant=act.tenant, principal=act.principal, action=act.verb, resource=act.subject, context=act.parameters
        )
        why = f"{act.why} act {act.act_id}{f', {approved}' if approved else ''}"
        with self._acts.act(request, why) as begun:
            kept = ActRecord(
                tenant=act.tenant,
                act_id=act.act_id,
                t_ns=self._clock.now_ns(),
                act=replace(act, approval=b""),
                state=ActState.BEGUN,
                ledger_index=begun.index,
            )
            self._records.acts.put(scope, kept)
            try:
                outcome = known.running.perform(act, begun.decision)
            except BaseException as error:
                failed = replace(
                    kept, t_ns=self._clock.now_ns(), state=ActState.FAILED, said=check.readable(str(error))[:1_500]
                )
                self._records.acts.put(scope, failed)
                raise
            done = replace(kept, t_ns=self._clock.now_ns(), state=outcome.state, said=outcome.said, undo=outcome.undo)
            self._records.acts.put(scope, done)
            begun.said = outcome.said
        return outcome

    def listed(self, scope: Scope) -> Sequence[ActRecord]:
        """Return a tenant's acts, newest first."""
        return self._records.acts.listed(scope)

    def undo(self, scope: Scope, act_id: str, why: str) -> Outcome:
        """Take back an act that is done.

        Raises:
            MissingError: The tenant has no such act.
            BadInputError: It is not done, or nothing takes it back.
            RejectedError: It is not permitted.
        """
        before = self._records.acts.get(scope, act_id)
        if before is None:
            raise MissingError(f"there is no act {act_id[:80]!r}", hint="see `mumetal act list`")
        if before.state is ActState.UNDONE:
            return _outcome(before)
        back = self.known(before.act.verb).verb.undo
        if before.state is not ActState.DONE or not back or before.undo is None:
            raise BadInputError("nothing takes this act back", where=act_id, hint=f"it is {before.state}")
        act = Act(
            tenant=before.tenant,
            act_id=f"{before.act_id}.undo"[:200],
            verb=back,
            subject=before.act.subject,
            parameters=before.undo,
            principal=scope.principal,
            why=why,
        )
        outcome = self.perform(scope, act)
        undone = replace(before, t_ns=self._clock.now_ns(), state=ActState.UNDONE, said=outcome.said)
        self._records.acts.put(scope, undone)
        return outcome

    def _approved(self, verb: Verb, act: Act) -> str:
        if not verb.approved:
            return ""
        if self._demand is None:
            raise RejectedError(
                "this needs the approval of people, and the lab has not said whose",
                where=act.verb,
                hint="set `approvals` in the settings: whose signatures count",
            )
        return self._demand.met(
            act.approval or None,
            act.to_approve(),
            action=act.verb,
            resource=act.subject.name,
            now_ns=self._clock.now_ns(),
            not_by=(act.principal.name,),
        )


def _outcome(kept: ActRecord) -> Outcome:
    return Outcome(act_id=kept.act_id, state=kept.state, said=kept.said, undo=kept.undo)
