"""What all calls share, and what one call knows of who makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Engine

from client.queries import query_pages
from dashboard.model.days import Days
from dashboard.model.moment import Moment, Present
from dashboard.web.sessions import Sessions, Visitor

R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Site:
    """The server. name: host and port that readers see; get_time_s: seconds since 1970."""

    name: str
    engine: Engine
    present: Present
    days: Days
    sessions: Sessions
    get_time_s: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Visit:
    """One call: the site, who asks, and the moment that all of its answer is of.

    tokens: what the answer gives to the visitor as the token of the session; empty: to forget it.
    """

    site: Site
    visitor: Visitor
    moment: Moment
    tokens: list[str] = field(default_factory=list)

    def set_token(self, token: str) -> None:
        """Gives the visitor another token, or takes it away."""
        self.tokens.append(token)

    def ask(self, request: Message, response_type: type[R]) -> R:
        """The answer of the chain in the state of the moment."""
        return self.site.present.ask(self.moment, request, response_type)

    def ask_all(self, request: Message, response_type: type[R]) -> Iterator[R]:
        """All pages of the answer in the state of the moment; they are not kept."""
        return query_pages(self.site.present.rpc, request, response_type, height=self.moment.height)

    def date(self, response: R) -> R:
        """The answer with the block and the time that it is of."""
        dated: Any = response
        dated.height, dated.time_s = self.moment.height, self.moment.time_s
        return response
