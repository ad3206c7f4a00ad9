"""Who may make a call, and whose data it may see: the one place that decides.

Closed by default. An account that one may not see and one that does not exist are rejected alike.
"""

from __future__ import annotations

from typing import Any

from blockenergy.dashboard.v1 import route_pb2 as route
from blockenergy.registry.v1 import query_pb2, role_pb2, state_pb2
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

import text_output
from client.errors import RejectedError
from dashboard.errors import ApiError, Code
from dashboard.model.accounts import VIEW
from dashboard.site import Visit
from dashboard.web.calls import Call

PURPOSE_CHARACTERS_MAX = 200
S_PER_HOUR = 3600
_FEEDERS_MAX = 10_000
Feeders = dict[str, state_pb2.Feeder]


def require(visit: Visit, call: Call, request: Any) -> None:
    """Rejects a call that the visitor may not make, and fills in the account that it is about.

    Each look at the data of somebody else is noted for its owner.
    """
    visitor = visit.visitor
    if call.who != route.WHO_EVERYBODY and not visitor.accounts:
        raise ApiError(Code.SIGN_IN_FIRST)
    if call.who == route.WHO_OWNER and visitor.pass_id is not None:
        raise ApiError(Code.NOT_ALLOWED)
    if call.who == route.WHO_AUDITOR and not is_auditor(visit):
        raise ApiError(Code.NOT_ALLOWED)
    if call.who == route.WHO_OPERATOR:
        _require_operator(visit, request.feeder if call.names_feeder else None)
    if call.names_account:
        _require_account(visit, call, request)


def is_auditor(visit: Visit) -> bool:
    """Whether an account of the session has the role of an auditor."""
    return visit.visitor.pass_id is None and any(
        role_pb2.ROLE_AUDITOR in participant.roles
        for one in visit.visitor.accounts
        if (participant := find_active(visit, one)) is not None
    )


def find_participant(visit: Visit, address: str) -> state_pb2.Participant | None:
    """The participant with an address, in the state of the moment."""
    request = query_pb2.QueryParticipantRequest(address=address)
    try:
        return visit.ask(request, query_pb2.QueryParticipantResponse).participant
    except RejectedError:
        return None


def list_feeders(visit: Visit) -> Feeders:
    """All feeders by name."""
    found = visit.moment.shared.get("feeders")
    if found is None:
        request = query_pb2.QueryFeedersRequest()
        request.pagination.limit = 1000
        pages = visit.ask_all(request, query_pb2.QueryFeedersResponse)
        found = {one.feeder: one.info for page in pages for one in page.feeders}
        visit.moment.shared["feeders"] = found
    return dict(found)


def list_operated(visit: Visit, feeders: Feeders) -> set[str]:
    """The feeders that an account of the session runs, and those below them."""
    if visit.visitor.pass_id is not None:
        return set()
    return {
        name
        for name in feeders
        if any(
            feeders[above].operator in visit.visitor.accounts
            and find_active(visit, feeders[above].operator)
            for above in list_way_up(feeders, name)
            if feeders[above].operator
        )
    }


def find_active(visit: Visit, address: str) -> state_pb2.Participant | None:
    """The participant with an address, unless it is suspended or removed."""
    found = find_participant(visit, address)
    return found if found is not None and found.status == state_pb2.STATUS_ACTIVE else None


def list_way_up(feeders: Feeders, name: str) -> list[str]:
    """A feeder and those above it, up to the grid supply point."""
    way: list[str] = []
    while name in feeders and len(way) < len(feeders):
        way.append(name)
        name = feeders[name].parent
    return way


def _require_operator(visit: Visit, feeder: str | None) -> None:
    """Auditors see all that operators see."""
    feeders = list_feeders(visit)
    seen = set(feeders) if is_auditor(visit) else list_operated(visit, feeders)
    if not seen and not is_auditor(visit):
        raise ApiError(Code.NOT_ALLOWED)
    if feeder is not None and feeder not in seen:
        raise ApiError(Code.NOT_FOUND)


def _require_account(visit: Visit, call: Call, request: Any) -> None:
    own = visit.visitor.accounts
    request.account = request.account or own[0]
    if request.account in own and visit.visitor.pass_id is None:
        return
    if call.who == route.WHO_OWNER:
        raise ApiError(Code.NOT_FOUND)
    right = _find_right(visit, request.account)
    if not right:
        raise ApiError(Code.NOT_FOUND)
    purpose = request.purpose[: PURPOSE_CHARACTERS_MAX + 1]
    if right != "pass" and not purpose.strip():
        raise ApiError(Code.PURPOSE_MISSING)
    if len(purpose) > PURPOSE_CHARACTERS_MAX:
        raise ApiError(Code.INVALID_REQUEST, "a purpose has at most 200 characters")
    _note(visit, call, request.account, right, text_output.escape(purpose))


def _find_right(visit: Visit, account: str) -> str:
    """By which right the data of somebody else may be seen; empty: by none."""
    if visit.visitor.pass_id is not None:
        return "pass" if account in visit.visitor.accounts else ""
    participant = find_participant(visit, account)
    if participant is None:
        return ""
    if is_auditor(visit):
        return "auditor"
    feeder = participant.feeder
    return "operator" if feeder and feeder in list_operated(visit, list_feeders(visit)) else ""


def _note(visit: Visit, call: Call, account: str, right: str, purpose: str) -> None:
    now_s = visit.site.get_time_s()
    visitor = visit.visitor
    row = {
        "account": account,
        "hour": now_s // S_PER_HOUR,
        "viewer": visitor.pass_label if right == "pass" else visitor.accounts[0],
        "call": call.name,
        "purpose": purpose,
        "right": right,
        "at_s": now_s,
    }
    try:
        with visit.site.engine.begin() as connection:
            connection.execute(insert(VIEW).values(row))
    except IntegrityError:
        # The same within the hour.
        return
