"""Exports per account: how often and how much leaves, against what the account's own past makes likely."""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass, field

from mumetal.core.artefact import Evidence
from mumetal.core.event import Event, Status
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.detectors.power import blind

EXPORT = re.compile(r"(export|download|getresult|getobject|gettelemetry|readtelemetry|copyobject)", re.IGNORECASE)
POLL = re.compile(r"(getjob|listjobs|describejob|jobstatus|getquantumtask|searchquantumtasks)", re.IGNORECASE)
VOLUME, CADENCE = "exfiltration.telemetry_export", "collection.job_timing"
BUCKET_NS = 10 * 10**9
SPANS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 360)  # buckets: ten seconds to an hour
WARM = 30  # buckets of a tenant's log before anything is judged
LIMIT = 6.0  # standard deviations
MOST_ACCOUNTS = 10_000
FEWEST_SIZED = 30  # calls with a size before sizes are judged
LEAST_SPREAD = 0.25  # of ln of a size
PRIOR = 0.5  # calls that an account without a past is credited with


@dataclass(slots=True, kw_only=True)
class Account:
    """What one account took out, in buckets of ten seconds."""

    counts: dict[int, float] = field(default_factory=dict)
    sizes: dict[int, list[float]] = field(default_factory=dict)
    calls: float = 0.0
    sized: float = 0.0
    logs: float = 0.0
    squares: float = 0.0
    raised: bool = False
    destinations: set[str] = field(default_factory=set)


class ExportWatch:
    """Counts exports, polls and exported bytes of each account on one device.

    Calls: the signed root of the likelihood ratio of a Poisson count against the account's own rate, over windows of ten
    seconds to an hour; it is standard normal to a good approximation even for small counts. Bytes: the mean of ln of the
    calls' sizes against the account's own, for sizes are spread over factors. What is raised is not learnt from.
    """

    info = PluginInfo(
        plugin_id="watch.covert.export",
        title="An account exports more, or more often, than it used to",
        reference="McCullagh and Nelder 1989, section 2.3.1 (signed root of a Poisson deviance)",
        techniques=(VOLUME, CADENCE),
        min_history=WARM,
    )

    saved = ("_accounts", "_first")

    def __init__(self) -> None:
        self._accounts: OrderedDict[tuple[str, str], Account] = OrderedDict()
        self._first = -1

    def observe(self, event: Event) -> list[Finding]:
        """Take one record; return a finding when an account begins to stand out."""
        bucket = event.t_ns // BUCKET_NS
        self._first = bucket if self._first < 0 else min(self._first, bucket)
        kind = "export" if EXPORT.search(event.activity) else "poll" if POLL.search(event.activity) else ""
        if not kind or not event.actor or event.status == Status.FAILURE:
            return []
        key = (event.actor, kind)
        account = self._accounts.setdefault(key, Account())
        self._accounts.move_to_end(key)
        while len(self._accounts) > MOST_ACCOUNTS:
            self._accounts.popitem(last=False)
        amount = _amount(event)
        account.counts[bucket] = account.counts.get(bucket, 0.0) + 1
        if amount > 0:
            account.sizes.setdefault(bucket, []).append(math.log(amount))
        oldest = bucket - SPANS[-1]
        self._forget(account, oldest)
        if destination := event.attribute("destination")[:200]:
            account.destinations = set(sorted(account.destinations)[:99]) | {destination}
        if bucket - self._first < WARM:
            return []
        z, span, what, ordinary = self._distance(account, bucket)
        if z < LIMIT / 2:
            account.raised = False
        if z < LIMIT or account.raised:
            return []
        account.raised = True
        return [self._finding(event, kind, account, z, span, what, ordinary)]

    def _forget(self, account: Account, oldest: int) -> None:
        """Move buckets that no window holds any more into the account's past, unless they were raised."""
        for old in [b for b in account.counts if b <= oldest]:
            count, sizes = account.counts.pop(old), account.sizes.pop(old, [])
            if not account.raised:
                account.calls += count
                account.sized += len(sizes)
                account.logs += sum(sizes)
                account.squares += sum(x * x for x in sizes)

    def _distance(self, account: Account, bucket: int) -> tuple[float, int, str, float]:
        """Return the largest excess, its window in buckets, what stood out, and what is ordinary there."""
        best = (0.0, 1, "calls", 0.0)
        for span in SPANS:
            length = bucket - span - self._first + 1
            if length <= 0:
                break  # a window as long as the whole log has nothing to be held against
            now = [b for b in account.counts if bucket - span < b <= bucket]
            before = [b for b in account.counts if b <= bucket - span]
            calls = sum(account.counts[b] for b in now)
            ordinary = (account.calls + sum(account.counts[b] for b in before) + PRIOR) * span / length
            # The past's own error: a rate from few calls is wider than a Poisson count about a known mean.
            z = _signed_root(calls, ordinary) / math.sqrt(1 + span / length)
            if z > best[0]:
                best = (z, span, "calls", ordinary)
            sizes = [x for b in now for x in account.sizes.get(b, ())]
            past = [x for b in before for x in account.sizes.get(b, ())]
            known = account.sized + len(past)
            if not sizes or known < FEWEST_SIZED:
                continue
            level = (account.logs + sum(past)) / known
            variance = (account.squares + sum(x * x for x in past)) / known - level**2
            spread = max(math.sqrt(max(variance, 0.0)), LEAST_SPREAD)
            z = (sum(sizes) / len(sizes) - level) / (spread * math.sqrt(1 / len(sizes) + 1 / known))
            if z > best[0]:
                best = (z, span, "bytes", len(sizes) * math.exp(level))
        return best

    def _finding(
        self, event: Event, kind: str, account: Account, z: float, span: int, what: str, ordinary: float
    ) -> Finding:
        bucket = event.t_ns // BUCKET_NS
        inside = [b for b in account.counts if bucket - span < b <= bucket]
        sizes = [math.exp(x) for b in inside for x in account.sizes.get(b, ())]
        seen = sum(account.counts[b] for b in inside) if what == "calls" else sum(sizes)
        export = kind == "export"
        went = f" Destinations: {', '.join(sorted(account.destinations)[:5])}." if account.destinations else ""
        said = "exports" if export else "asks for the state of jobs"
        return Finding(
            tenant=event.tenant,
            subject=Subject.stream(event.device, "events"),
            rule=self.info.plugin_id,
            title=f"{event.actor[:80]} {said} far beyond its habit",
            detail=f"{seen:.4g} {what} by {event.activity[:80]} and the like within {span * 10} s, where its past makes "
            f"{ordinary:.3g} likely; {z:.1f} standard deviations, {LIMIT:g} is the limit.{went}"[:4_000],
            remedy="Ask the account's owner; hold its exports and rotate its token if nobody knows of it."
            if export
            else "Round the times that the queue shows, and limit how often one account may ask.",
            start_ns=min(inside, default=bucket) * BUCKET_NS,
            stop_ns=event.t_ns + 1,
            severity=Severity.HIGH if export else Severity.LOW,
            confidence=0.9 if export else 0.6,
            attribution=(Attribution(channel=what, share=1.0, method="own-score"),),
            techniques=(VOLUME,) if export else (CADENCE,),
            evidence=(Evidence(uri=f"event:{event.event_id}", note=self.info.title),),
        )

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest number of extra calls while the attack lasts; the bound is the Poisson test of a known rate.

        ``conditions``: ``samples`` seconds it lasts, ``rate_hz`` the account's ordinary calls a second.
        """
        if technique not in self.info.techniques:
            return blind(self.info, technique, "calls", "counts exports and polls only")
        if conditions.samples < 10:
            return blind(self.info, technique, "calls", "counts in buckets of 10 s", "keep API events")
        seconds = min(conditions.samples, SPANS[-1] * BUCKET_NS / 1e9)
        mean = max(conditions.rate_hz * seconds, 1e-3)
        bound = z_upper(conditions.false_alarm) - z_upper(conditions.power)
        return Power(
            technique=technique,
            smallest=_extra(mean, LIMIT, conditions.power),
            bound=max(1.0, bound * math.sqrt(mean)),
            unit="calls",
            reason=f"{mean:.3g} ordinary calls within {seconds:.4g} s, {LIMIT:g} standard deviations beyond them",
        )


def _signed_root(count: float, mean: float) -> float:
    if count <= mean:
        return 0.0
    return math.sqrt(max(2 * (count * math.log(count / mean) - count + mean), 0.0))


def _extra(mean: float, limit: float, power: float) -> float:
    """Return how many calls beyond ``mean`` pass the limit with probability ``power``, by bisection."""
    low, high = 0.0, mean + 1_000.0
    while _signed_root(mean + high, mean) < 4 * limit:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        least = mean + middle + z_upper(power) * math.sqrt(mean + middle)
        low, high = (low, middle) if _signed_root(max(least, 0.0), mean) >= limit else (middle, high)
    return high


def _amount(event: Event) -> float:
    """Return the bytes that a record says left; 0 where it says nothing that is a number."""
    text = event.attribute("bytes")
    return min(float(text), 1e18) if text.isascii() and text.isdigit() and len(text) < 20 else 0.0
