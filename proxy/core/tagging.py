"""A whole 200 answer to GET as its reader sees it, with its validator: all that is made of content, in one function.

What lives here: the order of injecting and minting. What must not: how either is done, and where this is done; it may
be another process, so values go in and come out.
"""

from dataclasses import replace

from proxy.core import injecting
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Validator


def tagged(  # noqa: PLR0913 - all that a tag depends on
    request: Request,
    match: Match,
    response: Response,
    routes: Routes,
    minter: Minter,
    *,
    writes: int | None = None,
    whole: Validator | None = None,
) -> tuple[Validator, Response]:
    """Return the validator of a representation, and the representation with tags in its content where they go there.

    `writes` is the number of the last write, where that counts. `whole` is the validator of the resource, where the
    answer shows a view of it.
    """
    by = match.reading.rules
    if match.reading.inject is None and whole is None:
        return minter.mint(match.tag_key, response, by, writes), response
    injected = injecting.injected(request, match, response, routes, minter)
    if whole is None:
        validator = minter.mint(match.tag_key, injected.basis, by, writes, document=injected.document)
    else:
        validator = minter.view(whole, injected.basis, by)
    return validator, injected.shown(validator)


def tagged_content(  # noqa: PLR0913 - as `tagged`
    content: bytes,
    *,
    request: Request,
    match: Match,
    head: Response,
    routes: Routes,
    minter: Minter,
    writes: int | None,
    whole: Validator | None,
) -> tuple[Validator, Response | None]:
    """Do as `tagged` for a head and its content, where the result may have a long way: unchanged content is None."""
    response = replace(head, content=content)
    validator, shown = tagged(request, match, response, routes, minter, writes=writes, whole=whole)
    return validator, None if shown is response else shown
