"""Settings of stores: fsspec's configuration, and for S3 the environment and `~/.aws`.

fsspec reads `~/.config/fsspec/*.json`, `*.ini`, and FSSPEC_* variables. Earlier versions of ffprep
used it for all stores, so people have their endpoints and encryption there. For S3, the environment
comes first, then fsspec's configuration, then the AWS profile.
"""

import configparser
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ffprep.errors import EnvironmentFault
from ffprep.record import Record, field
from ffprep.version import page

_NO_MATTER = {
    "asynchronous",
    "cache_regions",
    "default_block_size",
    "default_cache_type",
    "default_fill_cache",
    "fixed_upload_size",
    "listings_expiry_time",
    "loop",
    "max_concurrency",
    "max_paths",
    "skip_instance_cache",
    "use_listings_cache",
    "use_ssl",
    "version_aware",
}
"""Settings of s3fs about how it reads and caches."""
_OF_BOTOCORE = {
    "connect_timeout",
    "max_pool_connections",
    "parameter_validation",
    "read_timeout",
    "request_checksum_calculation",
    "response_checksum_validation",
    "tcp_keepalive",
    "user_agent_extra",
}
"""Settings of botocore about how it sends requests."""
_HEADERS = {
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "sse_bucket_key_enabled",
}
"""What s3fs calls headers, and how obstore's settings for them are called."""


class AwsConfig(Record):
    """All settings. `profile` has the values of the AWS profile called `profile_name`."""

    profile_name: str
    profile: Mapping[str, str]
    region: str = ""
    endpoint: str = ""
    key: str = ""
    secret: str = ""
    token: str = ""
    anonymous: bool = False
    requester_pays: bool = False
    virtual_hosted: bool = False
    storage_class: str = ""
    ca_bundle: str = ""
    max_attempts: int | None = None
    compares_md5: bool = True
    encryption: Mapping[str, Any] = field(default_factory=dict)

    def url_of(self, bucket: str, region: str) -> str:
        """Return the URL of a bucket, without a slash at its end."""
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        fips = "-fips" if truth("AWS_USE_FIPS_ENDPOINT") else ""
        dual = ".dualstack" if truth("AWS_USE_DUALSTACK_ENDPOINT") else ""
        endpoint = self.endpoint or f"https://s3{fips}{dual}.{region}.{domain}"
        scheme, _, host = endpoint.rstrip("/").partition("://")
        return (
            f"{scheme}://{bucket}.{host}" if self.virtual_hosted else f"{scheme}://{host}/{bucket}"
        )


def truth(name: str) -> bool:
    """Return whether a variable of the environment says yes."""
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on", "requester")


def aws_config() -> AwsConfig:
    """Read the settings. Raise EnvironmentFault for files that are broken, or a missing profile."""
    settings = fsspec_settings(("s3", "s3a"))
    more, client = settings.pop("s3_additional_kwargs", {}), settings.pop("client_kwargs", {})
    config = settings.pop("config_kwargs", {})
    env = os.environ.get
    name = settings.pop("profile", None) or env("AWS_PROFILE") or env("AWS_DEFAULT_PROFILE") or ""
    profile, services = _profile(name)
    style = (config.pop("s3", None) or _nested(profile.get("s3", ""))).get("addressing_style")
    endpoint = settings.pop("endpoint_url", None) or client.pop("endpoint_url", None)
    attempts = env("AWS_MAX_ATTEMPTS") or config.pop("retries", {}).get("max_attempts")
    result = AwsConfig(
        name or "default",
        profile,
        region=client.pop("region_name", None)
        or env("AWS_REGION")
        or env("AWS_DEFAULT_REGION")
        or profile.get("region", ""),
        endpoint=endpoint or _endpoint(profile, services),
        key=_either(settings, "key", "username") or client.pop("aws_access_key_id", ""),
        secret=_either(settings, "secret", "password") or client.pop("aws_secret_access_key", ""),
        token=settings.pop("token", None) or client.pop("aws_session_token", ""),
        anonymous=bool(settings.pop("anon", False)) or truth("AWS_SKIP_SIGNATURE"),
        requester_pays=any(
            (
                settings.pop("requester_pays", False),
                more.pop("RequestPayer", ""),
                truth("AWS_REQUEST_PAYER"),
                truth("AWS_REQUESTER_PAYS"),
            )
        ),
        virtual_hosted=style == "virtual" or truth("AWS_VIRTUAL_HOSTED_STYLE_REQUEST"),
        storage_class=more.pop("StorageClass", ""),
        ca_bundle=_ca_bundle(client, profile),
        compares_md5=_checksums(config, profile) != "when_required",
        max_attempts=_number(attempts or profile.get("max_attempts")),
        encryption={_HEADERS[word]: more.pop(word) for word in list(more) if word in _HEADERS},
    )
    _require_known({**settings, **more, **client}, config)
    return result


def _checksums(config: Mapping[str, Any], profile: Mapping[str, str]) -> str:
    """Return when the AWS tools compare checksums of answers."""
    name = "response_checksum_validation"
    found = os.environ.get("AWS_RESPONSE_CHECKSUM_VALIDATION") or config.get(name)
    return str(found or profile.get(name, "")).lower()


def _either(settings: dict[str, Any], name: str, alias: str) -> Any:
    """Remove a setting that has two names in s3fs; return its value."""
    other = settings.pop(alias, None)
    return settings.pop(name, None) or other


def _require_known(settings: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    harmless = set(_NO_MATTER | _OF_BOTOCORE)
    if config.get("signature_version") == "s3v4":
        harmless.add("signature_version")
    for word in {*settings, *config} - harmless:
        words = f"the setting {word!r} for s3 in fsspec's configuration is not supported"
        raise EnvironmentFault(f"{words}; remove it; see {page('operations/storage')}")


def _ca_bundle(client: dict[str, Any], profile: Mapping[str, str]) -> str:
    bundle = client.pop("verify", None)
    if bundle is False:
        words = "the setting verify = false for s3 in fsspec's configuration is not supported"
        raise EnvironmentFault(f"{words}; write the file with the server's certificates instead")
    named = bundle if isinstance(bundle, str) else ""
    return named or os.environ.get("AWS_CA_BUNDLE") or profile.get("ca_bundle", "")


def _number(text: Any) -> int | None:
    try:
        return max(1, int(text)) if text else None
    except ValueError:
        raise EnvironmentFault(f"AWS_MAX_ATTEMPTS: {text!r} is not a number") from None


def _profile(name: str) -> tuple[dict[str, str], Mapping[str, str]]:
    """Return the values of a profile, and of the `services` section that it names."""
    credentials = _sections("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    config = _sections("AWS_CONFIG_FILE", "~/.aws/config")
    wanted = name or "default"
    section = config.get("default" if wanted == "default" else f"profile {wanted}")
    if name and section is None and name not in credentials and name != "default":
        words = f"there is no profile {name!r} in ~/.aws/config or ~/.aws/credentials"
        raise EnvironmentFault(f"AWS_PROFILE: {words}; write it, or name another one")
    profile = {**(section or {}), **credentials.get(wanted, {})}
    return profile, config.get(f"services {profile.get('services', '')}", {})


def _sections(variable: str, default: str) -> dict[str, dict[str, str]]:
    path = Path(os.environ.get(variable) or default).expanduser()
    parser = configparser.RawConfigParser(default_section="")
    try:
        with path.open() as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, configparser.Error) as error:
        words = " ".join(str(error).split())
        raise EnvironmentFault(f"cannot read the AWS settings in {path}: {words}") from None
    return {" ".join(name.split()): dict(parser[name]) for name in parser.sections()}


def _endpoint(profile: Mapping[str, str], services: Mapping[str, str]) -> str:
    if url := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        return url
    if truth("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return ""
    return _nested(services.get("s3", "")).get("endpoint_url") or profile.get("endpoint_url", "")


def _nested(text: str) -> dict[str, str]:
    """Read `key = value` lines that are indented below a key."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def fsspec_settings(schemes: Iterable[str]) -> dict[str, Any]:
    """Return what is set for any of `schemes`. Raise EnvironmentFault for a file that is broken."""
    names, settings = set(schemes), dict[str, Any]()
    default = Path("~/.config/fsspec").expanduser()
    folder = Path(os.environ.get("FSSPEC_CONFIG_DIR") or default)
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.ini")):
        try:
            found = _read(path)
            for name in names & found.keys():
                settings |= found[name]
        except (OSError, ValueError, TypeError, AttributeError, configparser.Error) as error:
            words = f"cannot read these settings for object storage: {error}"
            raise EnvironmentFault(f"{path}: {words}") from None
    for name in names:
        settings |= _of_variable(f"FSSPEC_{name.upper()}")
        prefix = f"FSSPEC_{name.upper()}_"
        for key, text in os.environ.items():
            if key.startswith(prefix) and len(key) > len(prefix):
                settings[key.removeprefix(prefix).lower()] = _value(text)
    return settings


def _of_variable(name: str) -> dict[str, Any]:
    found = _value(os.environ.get(name, "{}"))
    if not isinstance(found, dict):
        raise EnvironmentFault(f"{name}: its value is not a JSON object of settings; correct it")
    return found


def _read(path: Path) -> dict[str, dict[str, Any]]:
    text = path.read_text()
    if path.suffix == ".json":
        found: dict[str, dict[str, Any]] = json.loads(text)
        return found
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {
        section: {key: _value(text) for key, text in parser[section].items()}
        for section in parser.sections()
    }


def _value(text: str) -> Any:
    """Return what a text says in JSON, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
