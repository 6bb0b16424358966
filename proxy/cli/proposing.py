"""The YAML that a probe proposes: routes with the `etag` that makes one state of several answers.

What lives here: which routes it is about, and how they are written down so that `ifmatch check` finds no fault. What
must not: the judgement that it rests on (`comparing`), and what is said around it (`reporting`).
"""

from collections.abc import Sequence

import yaml

from proxy.core import json_pointer
from proxy.core.canonical import CanonicalJson
from proxy.core.matching import Match, Routes
from proxy.core.route import Guard, Route
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.template import Template
from proxy.core.version import MemberVersion


def proposal(routes: Routes, match: Match, cure: TagRules) -> str | None:
    """Return the YAML of the routes whose tags for the resource of a match have to agree, with the rules `cure`.

    They are those by which it is read and those by which it is written; where it is read by none, one is added for it.
    None where no template names its path.
    """
    speaking = _speaking(routes, match)
    written = [_written(route, cure) for route in speaking]
    if all(route.state is not None for route in speaking):
        path = next((route.state.text for route in speaking if route.state is not None), None) or _path(match)
        if path is None:
            return None
        written.append({"path": path, "etag": _etag(cure, ())})
    document = {"routes": written}
    return yaml.dump(document, Dumper=_Block, sort_keys=False, allow_unicode=True, width=1000).rstrip("\n")


def _speaking(routes: Routes, match: Match) -> tuple[Route, ...]:
    resource = match.state_target
    read = routes.match("GET", resource)
    own = [match.route, *([] if read is None else [read.route])]
    return tuple(
        route
        for route in routes.routes
        if route.guard is not Guard.OFF
        and (route in own or (route.state is not None and route.state.match(resource) is not None))
    )


def _written(route: Route, cure: TagRules) -> dict[str, object]:
    """Return what tells a route from others, and `etag` by the rules `cure`; what it ignores already stays ignored."""
    canonical = route.rules.canonical
    written: dict[str, object] = {"path": route.template.text}
    if route.methods is not None:
        written["methods"] = sorted(route.methods)
    if route.state is not None:
        written["state"] = route.state.text
    written["etag"] = _etag(cure, canonical.ignore if isinstance(canonical, CanonicalJson) else ())
    return written


def _etag(rules: TagRules, ignored: Sequence[str]) -> dict[str, object]:
    etag: dict[str, object] = {}
    if rules.version is not None:
        etag["from"] = rules.version.pointer if isinstance(rules.version, MemberVersion) else rules.version.name
    if isinstance(rules.canonical, CanonicalJson):
        named = [*ignored, *rules.canonical.ignore]
        pointers = [pointer for index, pointer in enumerate(named) if index not in json_pointer.covered(named)]
        etag["canonical"] = "json"
        if pointers:  # in a configuration "${" stands for a variable, and "$${" for itself
            etag["ignore"] = [pointer.replace("${", "$${") for pointer in pointers]
    if rules.aba is not Aba.ALLOW:
        etag["aba"] = rules.aba.value
    if rules.upstream is not UpstreamTag.AUTO:
        etag["upstream"] = rules.upstream.value
    return etag


def _path(match: Match) -> str | None:
    """Return the path of the resource as a template that it matches, None where there is none."""
    path = match.state_target.key
    try:
        template = Template.parse(path)
    except ValueError:
        return None
    return path if template.match(match.state_target) is not None else None


class _Block(yaml.SafeDumper):
    """Writes lists indented below their key, as in the files of config/, and escapes whatever is not to be seen."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the base class has it so
        super().increase_indent(flow, indentless=False)

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Return the node of a text. In other quotes, or in none, a line end such as NEL would be read as a space."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Block.add_representer(str, _Block.represent_text)
