"""The configuration: from YAML, options and environment variables to routes of the core and settings.

What lives here: what a user may write, and what is said when it is wrong. What must not: anything that runs. Read in
this order: `model` (the keys), `scalars`, `structures` and `units` (the notations), `yaml_source` (text to values),
`environment` (what overrides and what is substituted), `validation` and `combinations` (what is wrong), `wording` and
`mistakes` (how it is said), `translate` (what becomes of it), `loading` (all in order). `schema` and `reference` write
the model down for editors and for people.
"""

from collections.abc import Mapping

from proxy.config.settings import OnStoreFailure, Settings, TlsFiles
from proxy.errors import ConfigurationError

__all__ = ["ConfigurationError", "OnStoreFailure", "Settings", "TlsFiles", "load"]


def load(path: str | None, *, flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, options and variables; see `loading.load`."""
    from proxy.config import loading  # noqa: PLC0415 - the models take 16 MB, and a process that serves has no need of them

    return loading.load(path, flags=flags, environ=environ)
