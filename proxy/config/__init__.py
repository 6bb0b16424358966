"""The configuration: from YAML, options and environment variables to routes of the core and settings.

What lives here: what a user may write, and what is said when it is wrong. What must not: anything that runs. Read in
this order: `model` (the keys), `scalars`, `structures` and `units` (the notations), `yaml_source` (text to values),
`environment` (what overrides and what is substituted), `validation` and `combinations` (what is wrong), `wording` and
`mistakes` (how it is said), `translate` (what becomes of it), `loading` (all in order). `schema` and `reference` write
the model down for editors and for people.
"""

from proxy.config.loading import load
from proxy.config.settings import OnStoreFailure, Settings, TlsFiles
from proxy.errors import ConfigurationError

__all__ = ["ConfigurationError", "OnStoreFailure", "Settings", "TlsFiles", "load"]
