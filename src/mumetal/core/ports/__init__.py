"""The seams between rooms: what one needs of another, it receives as an argument of one of these types.

Each port has a fake in ``tests``, a conformance test in ``tests/conformance``, an example in ``docs/reference/ports.md``.
They are kept by domain and imported from here.
"""

from mumetal.core.ports.acting import Controller, ModelSource
from mumetal.core.ports.data import BlobSource, Sink, Source, Store
from mumetal.core.ports.deciding import (
    Authorizer,
    Decision,
    DeniedError,
    Fact,
    Facts,
    Ledger,
    LedgerEntry,
    Obligation,
    Request,
    Verifier,
)
from mumetal.core.ports.grounds import Ground, GroundAnswer, GroundClient, Range, Truth, Twin
from mumetal.core.ports.looking import Cause, Detector, Scanner, Scene
from mumetal.core.ports.plugin import PluginInfo, Words
from mumetal.core.ports.watching import AlertBudget, DatumKind, Observed, Span, Watcher, WatcherState
