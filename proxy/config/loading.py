"""From a file, options and variables to settings, or to every mistake there is.

What lives here: the order of the steps. What must not: any of them.
"""

from collections.abc import Mapping
from pathlib import Path

from proxy.config import combinations, environment, translate, yaml_source
from proxy.config.environment import Overrides
from proxy.config.mistakes import Located, Mistake, in_order
from proxy.config.settings import Settings
from proxy.config.validation import validate
from proxy.config.yaml_source import Tree
from proxy.errors import ConfigurationError

COMMAND_LINE = "command line"
"""The source of settings that no file was read for."""


def load(path: str | None, *, flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Return the settings of the file `path`; without one, an upstream alone is guarded as a whole.

    `flags` are options by key: `{"upstream": "http://127.0.0.1:9000"}`. They go before variables, variables before the
    file. Raised with every mistake at once: `errors.ConfigurationError`. Raised when `flags` has another key than
    those of `environment.VARIABLES`: `KeyError`.
    """
    source = COMMAND_LINE if path is None else path
    tree = Tree({"unmatched": "guard"}) if path is None else yaml_source.read(path)
    outside = environment.overrides(flags, environ)
    kept = _not_overridden(tree, outside)
    inside = environment.substitute(kept.values, environ)
    validated = validate({**inside.values, **outside.values}, kept.spots, kept.unread | inside.unset | outside.unread)
    folder = Path(source).parent
    together = combinations.combined(validated.document, folder)
    found = [*kept.mistakes, *outside.mistakes, *inside.mistakes, *validated.mistakes]
    found += [mistake for mistake in together if not mistake.rests_on_any(validated.doubtful)]
    if found:
        located = [_located(mistake, kept, outside, source) for mistake in found]
        raise ConfigurationError(list(map(str, in_order(located))))
    return translate.settings(validated.document, source, folder)


def _not_overridden(tree: Tree, outside: Overrides) -> Tree:
    """Return the file without what options and variables override: mistakes in there are of no consequence."""
    return Tree(
        {key: value for key, value in tree.values.items() if key not in outside.values},
        {path: spot for path, spot in tree.spots.items() if not path or path[0] not in outside.values},
        tree.mistakes,
        {path for path in tree.unread if path[0] not in outside.values},
    )


def _located(mistake: Mistake, tree: Tree, outside: Overrides, source: str) -> Located:
    key = mistake.path[0] if mistake.path else None
    if isinstance(key, str) and key in outside.origins and mistake.position is None:
        return Located(mistake, outside.origins[key], None)
    return Located(mistake, source, mistake.position or tree.position(mistake.path))
