"""Calls about who is signed in, passes, and looks."""

from __future__ import annotations

from blockenergy.dashboard.v1 import session_pb2
from sqlalchemy import select

import text_output
from chain.runtime.encoding import bech32
from dashboard.errors import ApiError, Code
from dashboard.model.accounts import PASS, VIEW
from dashboard.site import Visit
from dashboard.web import adr36
from dashboard.web.rights import find_active, find_participant, list_feeders
from dashboard.web.sessions import Visitor

LABEL_CHARACTERS_MAX = 64
PASS_DAYS_MAX = 365
PAGE_VIEWS = 100


def session(visit: Visit, _: session_pb2.SessionRequest) -> session_pb2.SessionResponse:
    """Who is signed in, with which rights."""
    return _describe_session(visit, visit.visitor)


def _describe_session(visit: Visit, visitor: Visitor) -> session_pb2.SessionResponse:
    """Accounts, roles and feeders of a visitor."""
    accounts = []
    for address in visitor.accounts:
        participant = find_participant(visit, address)
        roles = participant.roles if participant else ()
        accounts.append(session_pb2.SessionAccount(address=address, roles=roles))
    own = visitor.accounts if visitor.pass_id is None else ()
    operated = sorted(
        name
        for name, info in (list_feeders(visit).items() if own else ())
        if info.operator in own and find_active(visit, info.operator)
    )
    return visit.date(
        session_pb2.SessionResponse(
            accounts=accounts,
            by_pass=visitor.pass_id is not None,
            operated_feeders=operated,
            expires_at_s=visitor.expires_at_s,
        )
    )


def challenge(visit: Visit, request: session_pb2.ChallengeRequest) -> session_pb2.ChallengeResponse:
    """The text that a wallet signs to sign in."""
    try:
        bech32.decode(request.address)
    except bech32.AddressError:
        raise ApiError(Code.INVALID_REQUEST, "address is not one of this chain") from None
    nonce, expires_at_s = visit.site.sessions.make_nonce(request.address)
    text = _make_text(visit, request.address, nonce, expires_at_s)
    return visit.date(
        session_pb2.ChallengeResponse(text=text, nonce=nonce, expires_at_s=expires_at_s)
    )


def sign_in(visit: Visit, request: session_pb2.SignInRequest) -> session_pb2.SessionResponse:
    """Begins a session, or adds an account to the present one."""
    sessions = visit.site.sessions
    if request.pass_code:
        token = sessions.begin_with_pass(request.pass_code)
    else:
        address = request.address
        text = _make_text(
            visit, address, request.nonce, sessions.read_nonce(address, request.nonce)
        )
        if not adr36.verify(address, text, request.pub_key, request.signature):
            raise ApiError(Code.SIGN_IN_REJECTED)
        if not find_active(visit, address):
            raise ApiError(Code.ACCOUNT_NOT_ACTIVE)
        token = sessions.begin(address, request.nonce, visit.visitor)
    visit.set_token(token)
    return _describe_session(visit, sessions.find(token, visit.visitor.address))


def sign_out(visit: Visit, _: session_pb2.SignOutRequest) -> session_pb2.SessionResponse:
    """Ends the session."""
    visit.site.sessions.end(visit.visitor.token_hash)
    visit.set_token("")
    return _describe_session(visit, Visitor())


def passes(visit: Visit, request: session_pb2.OwnRequest) -> session_pb2.PassesResponse:
    """The passes of an account, without their codes."""
    query = select(PASS).where(PASS.c.account == request.account).order_by(PASS.c.made_at_s)
    query = query.where(PASS.c.expires_at_s > visit.site.get_time_s())
    with visit.site.engine.connect() as connection:
        found = [
            session_pb2.Pass(
                pass_id=row.pass_id,
                label=row.label,
                made_at_s=row.made_at_s,
                expires_at_s=row.expires_at_s,
            )
            for row in connection.execute(query)
        ]
    return visit.date(session_pb2.PassesResponse(passes=found))


def make_pass(visit: Visit, request: session_pb2.MakePassRequest) -> session_pb2.MakePassResponse:
    """Makes a pass; its code is in this answer only."""
    if not 1 <= request.days <= PASS_DAYS_MAX:
        raise ApiError(Code.INVALID_REQUEST, "days is 1 to 365")
    if not request.label.strip() or len(request.label) > LABEL_CHARACTERS_MAX:
        raise ApiError(Code.INVALID_REQUEST, "label has 1 to 64 characters")
    label = text_output.escape(request.label)
    pass_id, code = visit.site.sessions.make_pass(request.account, label, request.days)
    own = passes(visit, session_pb2.OwnRequest(account=request.account)).passes
    made = next(one for one in own if one.pass_id == pass_id)
    return visit.date(session_pb2.MakePassResponse(code=code, made=made))


def revoke_pass(visit: Visit, request: session_pb2.RevokePassRequest) -> session_pb2.PassesResponse:
    """Revokes a pass, and ends the sessions that it began."""
    if request.pass_id >= 1 << 63:
        raise ApiError(Code.NOT_FOUND)
    visit.site.sessions.revoke_pass(request.account, request.pass_id)
    return passes(visit, session_pb2.OwnRequest(account=request.account))


def forget(visit: Visit, request: session_pb2.OwnRequest) -> session_pb2.SessionResponse:
    """Erases what this server keeps of an account beside what the chain keeps."""
    visit.site.sessions.forget(request.account)
    visit.set_token("")
    return _describe_session(visit, Visitor())


def views(visit: Visit, request: session_pb2.ViewsRequest) -> session_pb2.ViewsResponse:
    """Who has looked at the data of an account, the latest first."""
    query = select(VIEW).where(VIEW.c.account == request.account)
    query = query.order_by(VIEW.c.at_s.desc(), VIEW.c.viewer, VIEW.c.call, VIEW.c.purpose)
    start = _parse_page(request.page)
    with visit.site.engine.connect() as connection:
        rows = connection.execute(query.offset(start).limit(PAGE_VIEWS + 1)).all()
    shown = [
        session_pb2.View(
            at_s=row.at_s, viewer=row.viewer, right=row.right, call=row.call, purpose=row.purpose
        )
        for row in rows[:PAGE_VIEWS]
    ]
    more = str(start + PAGE_VIEWS) if len(rows) > PAGE_VIEWS else ""
    return visit.date(session_pb2.ViewsResponse(views=shown, next_page=more))


def _parse_page(page: str) -> int:
    if not (page.isascii() and len(page) <= 7 and (page.isdecimal() or not page)):
        raise ApiError(Code.INVALID_REQUEST, "page is what next_page said")
    return int(page or 0)


def _make_text(visit: Visit, address: str, nonce: str, expires_at_s: int) -> str:
    moment, site = visit.moment, visit.site
    return adr36.make_text(site.name, moment.chain_id, address, nonce, expires_at_s)
