"""A hybrid key whose Ed25519 half never leaves a PKCS#11 token.

Tokens of today (SoftHSM 2.6 among them) do not know ML-DSA, so that the other half lies elsewhere, sealed in a file or
in the environment: whoever steals the file still lacks the token, and whoever breaks Ed25519 still lacks the file. The
URI follows RFC 7512: ``pkcs11:token=mumetal;object=release?module-path=…&pin-source=env:PIN&ml-dsa=file:…``. The
signature mechanism is ``CKM_EDDSA`` (PKCS#11 v3.0, section 2.3.14).
"""

from dataclasses import dataclass
from typing import cast

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import ED25519_PUBLIC, HybridPublicKey, HybridSignature, SoftKey, verify_ed25519

ED25519_OID = "1.3.101.112"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPlace:
    """Where a key is on a token.

    Args:
        module: Path of the PKCS#11 library.
        token: The token's label.
        label: The key's label.
    """

    module: str
    token: str
    label: str


class TokenKey:
    """Signs Ed25519 on the token and ML-DSA-87 with ``other``'s half.

    Args:
        place: Where the key is.
        pin: The user's PIN; kept only in the token's session.
        other: Gives the ML-DSA-87 half.

    Raises:
        UnavailableError: No such library, token or key.
        RejectedError: The PIN is wrong, or the token's key does not sign what its public half verifies.
    """

    def __init__(self, place: TokenPlace, pin: str, other: SoftKey) -> None:
        self._place = place
        self._other = other
        self._session = _open(place, pin)
        try:
            key = self._session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=place.label)
            self._key = cast("pkcs11.SignMixin", key)
            point = self._session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=place.label)[Attribute.EC_POINT]
        except pkcs11.NoSuchKey:
            self._session.close()
            raise UnavailableError("the token has no such key", where=_where(place)) from None
        except pkcs11.PKCS11Error as error:
            self._session.close()
            raise UnavailableError(f"the token does not answer: {_name(error)}", where=_where(place)) from None
        self._public = HybridPublicKey(ed25519=_raw_point(point, place), ml_dsa_87=other.public.ml_dsa_87)
        probe = b"mumetal token probe"
        verify_ed25519(self._public.ed25519, probe, self._sign(probe), where=_where(place))

    @property
    def public(self) -> HybridPublicKey:
        """Its public half."""
        return self._public

    def sign(self, message: bytes) -> HybridSignature:
        """Sign ``message`` with both schemes.

        Raises:
            UnavailableError: The token is gone.
        """
        return HybridSignature(ed25519=self._sign(message), ml_dsa_87=self._other.sign(message).ml_dsa_87)

    def close(self) -> None:
        """End the token's session."""
        self._session.close()

    def _sign(self, message: bytes) -> bytes:
        try:
            return bytes(self._key.sign(message, mechanism=Mechanism.EDDSA))
        except pkcs11.PKCS11Error as error:
            raise UnavailableError(f"the token does not sign: {_name(error)}", where=_where(self._place)) from None


def generate(place: TokenPlace, pin: str) -> bytes:
    """Make an Ed25519 key on the token, not extractable, and return its public half, 32 bytes.

    Raises:
        BadInputError: The token has a key of that label.
        UnavailableError: No such library or token, or it cannot make the key.
        RejectedError: The PIN is wrong.
    """
    session = _open(place, pin, write=True)
    try:
        if list(session.get_objects({Attribute.LABEL: place.label})):
            raise BadInputError("the token has a key of that label", where=_where(place))
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(ED25519_OID)}
        domain = session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True)
        public, _ = domain.generate_keypair(mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=place.label)
        return _raw_point(public[Attribute.EC_POINT], place)
    except pkcs11.PKCS11Error as error:
        raise UnavailableError(f"the token makes no Ed25519 key: {_name(error)}", where=_where(place)) from None
    finally:
        session.close()


def _open(place: TokenPlace, pin: str, *, write: bool = False) -> pkcs11.Session:
    try:
        token = pkcs11.lib(place.module).get_token(token_label=place.token)
        return token.open(rw=write, user_pin=pin)
    except (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinLenRange, pkcs11.PinInvalid):
        raise RejectedError("the token refuses the PIN", where=_where(place)) from None
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise UnavailableError(
            f"the token cannot be opened: {_name(error)}",
            where=_where(place),
            hint="is the module installed and the token in?",
        ) from None


def _raw_point(point: bytes, place: TokenPlace) -> bytes:
    """Take the 32 bytes out of a DER octet string; some tokens give them bare."""
    raw = bytes(point)
    if len(raw) == ED25519_PUBLIC + 2 and raw[:2] == b"\x04\x20":
        raw = raw[2:]
    if len(raw) != ED25519_PUBLIC:
        raise BadInputError("the token's key is not an Ed25519 key", where=_where(place))
    return raw


def _where(place: TokenPlace) -> str:
    return f"pkcs11:token={place.token};object={place.label}"[:300]


def _name(error: Exception) -> str:
    return str(error)[:120] or type(error).__name__
