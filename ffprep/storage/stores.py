"""Which storage a URL's scheme means. It is opened once a process and bucket."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote

from ffprep.errors import EnvironmentFault, FfprepError
from ffprep.storage.errors import storage_error_from
from ffprep.storage.objects import Clients, ObjectStorage
from ffprep.storage.protocol import Storage
from ffprep.storage.retries import Retries
from ffprep.storage.settings import fsspec_settings
from ffprep.version import page

_AZURE = ("az", "azure", "abfs", "abfss", "adl")
_GOOGLE = ("gs", "gcs")
_HTTP = ("http", "https")
_S3 = ("s3", "s3a")

_OF_AZURE = {
    "account_name": "account_name",
    "account_key": "account_key",
    "sas_token": "sas_key",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "tenant_id": "tenant_id",
}
"""What adlfs calls its settings, and what obstore calls them."""
_OF_GOOGLE = {"token": "application_credentials", "endpoint_url": "base_url"}
"""The same of gcsfs."""
_CONNECTION_STRING = {
    "AccountName": "account_name",
    "AccountKey": "account_key",
    "SharedAccessSignature": "sas_key",
    "BlobEndpoint": "endpoint",
}


def object_storage(url: str) -> Storage:
    """Return the storage of a URL. Raise UsageError, EnvironmentFault."""
    scheme, _, rest = url.partition("://")
    return _opened(scheme, rest.partition("/")[0], os.getpid())


@lru_cache
def _opened(scheme: str, host: str, _process: int) -> Storage:
    """Sockets and threads must not be carried into a forked process, hence one a process."""
    root = f"{scheme}://{host}"
    makers: Mapping[str, Callable[[str, str], Storage]] = {
        **dict.fromkeys(_S3, _s3),
        **dict.fromkeys(_GOOGLE, _google),
        **dict.fromkeys(_AZURE, _azure),
        **dict.fromkeys(_HTTP, _http),
        "memory": _memory,
    }
    try:
        return makers.get(scheme, _by_fsspec)(root, host)
    except ImportError as error:
        extra = "s3" if scheme in makers else "sftp"
        words = f"{scheme}:// takes a package more; install it: pip install 'ffprep[{extra}]'"
        raise EnvironmentFault(f"{root}: {words} ({error})") from None
    except FfprepError:
        raise
    except Exception as error:
        raise storage_error_from(root, error, top=True) from None


def _s3(root: str, host: str) -> Storage:
    from ffprep.storage.s3 import s3_storage

    return s3_storage(root)


def _google(root: str, host: str) -> Storage:
    from obstore.store import GCSStore

    settings = _renamed("gs", fsspec_settings(_GOOGLE), _OF_GOOGLE)
    return ObjectStorage(Retries(), root, Clients(partial(GCSStore, host, config=settings), {}))


def _azure(root: str, host: str) -> Storage:
    from obstore.store import AzureStore

    settings = _renamed("az", fsspec_settings(_AZURE), _OF_AZURE | {"connection_string": "string"})
    text = settings.pop("string", "") or os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    pairs = (part.partition("=") for part in text.split(";"))
    named = {_CONNECTION_STRING[key]: v for key, _, v in pairs if key in _CONNECTION_STRING}
    container, _, account = host.partition("@")
    if account:  # container@account.dfs.core.windows.net
        named["account_name"] = account.partition(".")[0]
    config: Any = named | settings
    is_plain = str(config.get("endpoint", "")).startswith("http://")
    connect = partial(AzureStore, container, config=config)
    return ObjectStorage(Retries(), root, Clients(connect, {"allow_http": is_plain}))


def _http(root: str, host: str) -> Storage:
    from obstore.store import HTTPStore

    # A path in such a URL is encoded, and obstore encodes it again.
    clients = Clients(partial(HTTPStore, root), {"allow_http": True})
    return ObjectStorage(Retries(), root, clients, key_of=unquote)


def _memory(root: str, host: str) -> Storage:
    from obstore.store import MemoryStore

    one = MemoryStore()
    return ObjectStorage(Retries(), root, Clients(lambda **_: one, {}))


def _by_fsspec(root: str, host: str) -> Storage:
    from ffprep.storage.fsspec_storage import fsspec_storage

    return fsspec_storage(root)


def _renamed(scheme: str, settings: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    for word in settings.keys() - names.keys():
        words = f"the setting {word!r} for {scheme} in fsspec's configuration is not supported"
        raise EnvironmentFault(f"{words}; remove it; see {page('operations/storage')}")
    return {names[word]: value for word, value in settings.items()}
