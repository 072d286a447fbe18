"""Which server, and with which key; and that no key, and no password of an address, is ever told."""

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from ffprep.errors import EnvironmentFault, UsageError

HIDDEN = "***"
_SHORTEST = 6
_DEFAULT = "https://api.openai.com/v1"
_KEYS = {
    "videos": ("OPENAI_API_KEY",),
    "azure-v1": ("AZURE_OPENAI_API_KEY", "OPENAI_API_KEY"),
}
_PATHS = {"videos": "/v1", "azure-v1": "/openai/v1"}
_SECRET = (
    "OPENAI_API_KEY",
    "OPENAI_ADMIN_KEY",
    "OPENAI_BASE_URL",  # of which a password may be a part
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_CUSTOM_HEADERS",
    "OPENAI_WEBHOOK_SECRET",
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server's address, without a slash at its end, and the key for it, which is empty where none is needed."""

    protocol: str
    base_url: str = field(repr=False)
    key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def usual_path(self) -> str:
        """What addresses of this protocol end in."""
        return _PATHS[self.protocol]

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        return without_password(self.base_url)

    def hide(self, text: str) -> str:
        """A text in which neither key nor password stand.

        What is shorter than a secret is none ("EMPTY", for a server that asks for no key), and stands in other words too.
        """
        text = text.replace(self.base_url, self.shown_url)
        told = [value for _, value in self.headers]
        for secret in (self.key, *_passwords(self.base_url), *told):
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, HIDDEN)
        return text


def read_credentials(protocol: str, base_url: str | None) -> Credentials:
    """Where to, and with which key, by the command line and the environment. Raises UsageError, EnvironmentFault.

    All that is secret is taken out of the environment: no child of this process needs it.
    """
    found = {name: os.environ.pop(name, "").strip() for name in _SECRET}
    said = base_url or _address(protocol, found)
    try:
        parts = urlsplit(said.strip().rstrip("/"))
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the server's address is none: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        words = "write http://HOST:PORT/v1 or https://HOST/v1"
        raise UsageError(f"{without_password(said)!r} is no server's address; {words}")
    if parts.query or parts.fragment:
        words = (
            "is followed by ? or #; a key belongs into the environment, other fields into --extra"
        )
        raise UsageError(f"{without_password(said)!r}: the server's address {words}")
    if protocol == "azure-v1" and not parts.path:
        parts = parts._replace(path=_PATHS[protocol])
    key = next((found[name] for name in _KEYS[protocol] if found[name]), "")
    return Credentials(protocol, urlunsplit(parts), key, _headers(found["OPENAI_CUSTOM_HEADERS"]))


def require_key(access: Credentials) -> None:
    """Raise EnvironmentFault where there is no key, or none that a header could hold."""
    names, key = " or ".join(_KEYS[access.protocol]), access.key
    if not key:
        words = "in the environment (any text, for a server that asks for none)"
        raise EnvironmentFault(f"no key: set {names} {words}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        words = "has a character that no key has, such as a space or a line break; set it anew"
        raise EnvironmentFault(f"the key of {names} {words}")


def _address(protocol: str, found: Mapping[str, str]) -> str:
    if protocol == "videos":
        return found.get("OPENAI_BASE_URL") or _DEFAULT
    if endpoint := found.get("AZURE_OPENAI_ENDPOINT"):
        return endpoint.rstrip("/").removesuffix("/openai/v1") + "/openai/v1"
    if address := found.get("OPENAI_BASE_URL"):
        return address
    words = "write --base-url https://NAME.openai.azure.com/openai/v1, or set AZURE_OPENAI_ENDPOINT"
    raise EnvironmentFault(f"which server? {words}")


def _headers(lines: str) -> tuple[tuple[str, str], ...]:
    """OPENAI_CUSTOM_HEADERS as the SDK reads it, `Name: value` a line."""
    pairs = (line.partition(":") for line in lines.splitlines() if ":" in line)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def _passwords(address: str) -> list[str]:
    """An address's password: as it stands there, as it is meant, and as HTTP's basic authentication sends it."""
    parts = urlsplit(address)
    if not parts.password:
        return []
    user, password = unquote(parts.username or ""), unquote(parts.password)
    basic = b64encode(f"{user}:{password}".encode()).decode()
    return [parts.password, password, basic]


def without_password(address: str) -> str:
    """An address to be shown, whatever is wrong with it."""
    if re.search("[?#]", address):
        return "".join(address.partition("//")[:2]) + HIDDEN
    head, at, tail = address.rpartition("@")
    start, slashes, _ = head.partition("//")
    return f"{start}{slashes}{HIDDEN}{at}{tail}" if at else address
