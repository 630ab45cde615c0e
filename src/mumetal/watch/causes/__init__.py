"""Innocent explanations that a finding must survive, listed explicitly."""

from mumetal.core.ports import Cause
from mumetal.core.registry import Registry
from mumetal.watch.causes.authorised_recalibration import AuthorisedRecalibration
from mumetal.watch.causes.co_tenant_load import CoTenantLoad
from mumetal.watch.causes.pulse_tube import PulseTube
from mumetal.watch.causes.radiation_burst import RadiationBurst
from mumetal.watch.causes.tls_jump import TlsJump
from mumetal.watch.causes.warm_up import WarmUp

CAUSES: Registry[Cause] = Registry("cause", "mumetal.causes")
LISTED_CAUSES = (
    WarmUp,
    AuthorisedRecalibration,
    TlsJump,
    RadiationBurst,
    PulseTube,
    CoTenantLoad,
)
for _make in LISTED_CAUSES:
    CAUSES.add(_make.info.plugin_id, _make())
