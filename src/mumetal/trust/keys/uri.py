"""Keys by URI, so that settings and command lines never hold a secret.

=======================  ================================================================================
``file:PATH``            a key file; ``?passphrase=env:NAME`` or ``?passphrase=prompt`` (the default) opens it
``env:NAME``             64 bytes of seeds in an environment variable, 128 hex digits
``pkcs11:token=…;…``     the Ed25519 half on a token, see :mod:`mumetal.trust.keys.token`
=======================  ================================================================================
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import Signer, SoftKey, soft_key

SEEDS = re.compile(r"[0-9a-f]{128}")
MAX_URI = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Where secrets may come from.

    Args:
        environ: The environment.
        prompt: Asks a person; None where nobody is there to ask.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    prompt: Callable[[str], str] | None = None

    def read(self, source: str, what: str) -> str:
        """Return the secret that ``env:NAME`` or ``prompt`` names.

        Raises:
            UnavailableError: The variable is not set, or nobody is there to ask.
            BadInputError: Another kind of source.
        """
        if source == "prompt":
            if self.prompt is None:
                raise UnavailableError(
                    f"nobody is there to ask for {what}", hint="name it in the URI: ?passphrase=env:NAME"
                )
            return self.prompt(what)
        kind, _, name = source.partition(":")
        if kind != "env" or not name:
            raise BadInputError("a secret comes from env:NAME or prompt", where=source[:40])
        value = self.environ.get(name)
        if not value:
            raise UnavailableError(f"the environment variable for {what} is not set", where=f"env:{name[:100]}")
        return value


def open_key(uri: str, secrets: Secrets) -> Signer:
    """Open the key that a URI names.

    Raises:
        BadInputError: The URI cannot be used or the key file is none.
        UnavailableError: The key, its passphrase or its token is not there.
        RejectedError: Wrong passphrase or PIN, or a file that others may read.
    """
    if len(uri) > MAX_URI:
        raise BadInputError("the key URI is too long")
    scheme = uri.partition(":")[0]
    if scheme == "pkcs11":
        return _open_token(uri, secrets)
    return open_soft(uri, secrets)


def open_soft(uri: str, secrets: Secrets) -> SoftKey:
    """Open a key that is not on a token; raises as :func:`open_key` does."""
    scheme, colon, rest = uri.partition(":")
    if scheme == "file" and colon:
        place, _, query = rest.partition("?")
        options = _options(query, {"passphrase"})
        path = Path(unquote(place))
        data = sealed.read(path)
        passphrase = ""
        if sealed.is_sealed(data, str(path)):
            passphrase = secrets.read(options.get("passphrase", "prompt"), f"the passphrase of {path}")
        return sealed.unseal(data, passphrase, str(path))
    if scheme == "env" and colon:
        text = secrets.read(uri, "a key").strip()
        if not SEEDS.fullmatch(text):
            raise BadInputError("a key in the environment is 128 hex digits", where=uri[:100])
        return soft_key(bytes.fromhex(text))
    raise BadInputError("no such kind of key", where=uri[:40], hint="use file:, env: or pkcs11:")


def _open_token(uri: str, secrets: Secrets) -> Signer:
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    where = f"pkcs11:{path[:200]}"
    parts = {key: unquote(value) for key, _, value in (part.partition("=") for part in path.split(";"))}
    options = _options(query, {"module-path", "pin-source", "ml-dsa"})
    if set(parts) != {"token", "object"}:
        raise BadInputError("name the token and the object", where=where, hint="pkcs11:token=LABEL;object=LABEL?…")
    missing = [name for name in ("module-path", "ml-dsa") if not options.get(name)]
    if missing:
        raise BadInputError(f"the URI lacks {', '.join(missing)}", where=where)
    try:
        from mumetal.trust.keys import token
    except ModuleNotFoundError:
        raise UnavailableError("tokens need python-pkcs11", where=where, hint="pip install python-pkcs11") from None
    other = open_soft(options["ml-dsa"], secrets)
    pin = secrets.read(options.get("pin-source", "prompt"), f"the PIN of token {parts['token']}")
    place = token.TokenPlace(module=options["module-path"], token=parts["token"], label=parts["object"])
    return token.TokenKey(place, pin, other)


def _options(query: str, known: set[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError:
        raise BadInputError("the key URI's options cannot be read", where="?…") from None
    if len(dict(pairs)) != len(pairs) or not set(dict(pairs)) <= known:
        raise BadInputError(
            "an option of the key URI is unknown or given twice", hint=f"known: {', '.join(sorted(known))}"
        )
    return dict(pairs)
