"""The server's address and key, and the removal of secrets from everything that is printed."""

import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from ffprep.errors import EnvironmentFault, UsageError
from ffprep.record import Record, field

REDACTED = "***"
_SHORTEST_SECRET = 6
_OPENAI_URL = "https://api.openai.com/v1"
_KEY_VARIABLES = {
    "videos": ("OPENAI_API_KEY",),
    "vllm-omni": ("OPENAI_API_KEY",),
    "azure-v1": ("AZURE_OPENAI_API_KEY", "OPENAI_API_KEY"),
}
_USUAL_PATHS = {"videos": "/v1", "vllm-omni": "/v1", "azure-v1": "/openai/v1"}
_SECRET_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_ADMIN_KEY",
    "OPENAI_BASE_URL",  # may contain a password
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_CUSTOM_HEADERS",
    "OPENAI_WEBHOOK_SECRET",
)


class Credentials(Record):
    """The server's address, without a trailing slash, and its key; the key may be empty.

    `headers` are those of OPENAI_CUSTOM_HEADERS. `clips_from` are the origins of other servers from
    which clips may be downloaded, without key and headers.
    """

    protocol: str
    base_url: str = field(repr=False)
    key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    clips_from: tuple[str, ...] = ()

    @property
    def usual_path(self) -> str:
        """The path that addresses of this protocol usually end in."""
        return _USUAL_PATHS[self.protocol]

    @property
    def is_default(self) -> bool:
        """Whether nothing names a server, so that requests go to OpenAI's own service."""
        return self.base_url == _OPENAI_URL

    @property
    def display_url(self) -> str:
        """The address without its password."""
        return without_password(self.base_url)

    def needs_clips_from(self, address: str) -> bool:
        """Whether another --clips-from would allow to download a clip from an address."""
        try:
            origin = origin_of(address)
        except ValueError:
            return False
        return bool(origin[1]) and origin not in map(origin_of, (self.base_url, *self.clips_from))

    def redact(self, text: str) -> str:
        """Return a text without key, password and custom header values.

        Short values are not secrets ("EMPTY", for a server without keys), and occur in other words.
        """
        text = text.replace(self.base_url, self.display_url)
        header_values = [value for _, value in self.headers]
        for secret in (self.key, *_passwords(self.base_url), *header_values):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, REDACTED)
        return text


def read_credentials(
    protocol: str, base_url: str | None, clips_from: tuple[str, ...] = ()
) -> Credentials:
    """Read the address and key from --base-url and the environment.

    Removes all secrets from the environment, so that no child process gets them. Raises UsageError,
    EnvironmentFault.
    """
    variables = {name: os.environ.pop(name, "").strip() for name in _SECRET_VARIABLES}
    address = base_url or _default_url(protocol, variables)
    try:
        parts = urlsplit(address.strip().rstrip("/"))
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the server's address is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        hint = "write http://HOST:PORT/v1 or https://HOST/v1"
        raise UsageError(f"{without_password(address)!r} is not a server's address; {hint}")
    if parts.query or parts.fragment:
        hint = "set the key in the environment, and other fields by --extra"
        problem = "the server's address must not contain ? or #"
        raise UsageError(f"{without_password(address)!r}: {problem}; {hint}")
    if protocol == "azure-v1" and not parts.path:
        parts = parts._replace(path=_USUAL_PATHS[protocol])
    key = next((variables[name] for name in _KEY_VARIABLES[protocol] if variables[name]), "")
    headers = _read_headers(variables["OPENAI_CUSTOM_HEADERS"])
    return Credentials(protocol, urlunsplit(parts), key, headers, clips_from)


def read_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """Read --clips-from. Raises UsageError."""
    for text in texts:
        try:
            known = origin_of(text)[1] and urlsplit(text)[2:] in (("", "", ""), ("/", "", ""))
        except ValueError:
            known = False
        if not known or "@" in text:
            hint = "write scheme, host and port, for example https://clips.example.com"
            raise UsageError(f"--clips-from {without_password(text)} is not an origin; {hint}")
    return tuple(texts)


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address. Raises ValueError if it is not one of HTTP."""
    parts = urlsplit(url)
    port = {"http": 80, "https": 443}.get(parts.scheme)
    if port is None:
        raise ValueError(f"{parts.scheme!r} is not a scheme of HTTP")
    return parts.scheme, parts.hostname or "", parts.port or port


def require_key(credentials: Credentials) -> None:
    """Raise EnvironmentFault if the key is missing, or cannot be sent in a header."""
    names, key = " or ".join(_KEY_VARIABLES[credentials.protocol]), credentials.key
    if not key:
        hint = "in the environment (to any text, if the server needs no key)"
        raise EnvironmentFault(f"the key is missing; set {names} {hint}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        problem = "contains a space, a line break or another character that keys do not have"
        raise EnvironmentFault(f"the key in {names} {problem}; set it again")


def _default_url(protocol: str, variables: Mapping[str, str]) -> str:
    if protocol != "azure-v1":
        return variables.get("OPENAI_BASE_URL") or _OPENAI_URL
    if endpoint := variables.get("AZURE_OPENAI_ENDPOINT"):
        return endpoint.rstrip("/").removesuffix("/openai/v1") + "/openai/v1"
    if address := variables.get("OPENAI_BASE_URL"):
        return address
    hint = "write --base-url https://NAME.openai.azure.com/openai/v1, or set AZURE_OPENAI_ENDPOINT"
    raise EnvironmentFault(f"the server's address is missing; {hint}")


def _read_headers(lines: str) -> tuple[tuple[str, str], ...]:
    """Read OPENAI_CUSTOM_HEADERS as the SDK does, one `Name: value` a line."""
    pairs = (line.partition(":") for line in lines.splitlines() if ":" in line)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def _passwords(address: str) -> list[str]:
    """Return an address's password as written, as decoded, and as basic authentication sends it."""
    parts = urlsplit(address)
    if not parts.password:
        return []
    user, password = unquote(parts.username or ""), unquote(parts.password)
    basic = b64encode(f"{user}:{password}".encode()).decode()
    return [parts.password, password, basic]


def without_password(address: str) -> str:
    """Return an address that can be printed, even if it is malformed."""
    if re.search("[?#]", address):
        return "".join(address.partition("//")[:2]) + REDACTED
    head, at, tail = address.rpartition("@")
    start, slashes, _ = head.partition("//")
    return f"{start}{slashes}{REDACTED}{at}{tail}" if at else address
