"""Who has signed in: challenges, sessions and passes.

A challenge is kept nowhere: its nonce carries its end and a code over it and the address, so that
any number of them costs nothing. Only those that were used are kept, until they are too old.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from dashboard.errors import ApiError, Code
from dashboard.model.accounts import PASS, SECRET, SESSION, USED_NONCE, VIEW

CHALLENGE_S = 300
SESSION_S = 12 * 3600
S_PER_DAY = 24 * 3600
ACCOUNTS_MAX = 8
PASSES_MAX = 20
SESSIONS_PER_ACCOUNT_MAX = 50
_SECRET_NAME = "nonces"  # noqa: S105 - the name of a row.


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: the accounts that have signed in, or the one that a pass is for; none: anybody.

    address: where from. pass_label: what the owner calls the pass.
    """

    accounts: tuple[str, ...] = ()
    pass_id: int | None = None
    pass_label: str = ""
    token_hash: str = ""
    expires_at_s: int = 0
    address: str = ""


class Sessions:
    """Sessions in the tables. get_time_s: seconds since 1970."""

    def __init__(self, engine: Engine, get_time_s: Callable[[], int]) -> None:
        self._engine = engine
        self._get_time_s = get_time_s
        self._secret = _load_secret(engine)

    def make_nonce(self, address: str) -> tuple[str, int]:
        """A nonce for an address, and its end."""
        expires_at_s = self._get_time_s() + CHALLENGE_S
        beginning = f"{secrets.token_hex(16)}-{expires_at_s}"
        return f"{beginning}-{self._compute_code(address, beginning)}", expires_at_s

    def read_nonce(self, address: str, nonce: str) -> int:
        """The end of a nonce that was made here for the address; ApiError if it was not, or is too
        old.
        """
        beginning, _, code = nonce.rpartition("-")
        if not hmac.compare_digest(code.encode(), self._compute_code(address, beginning).encode()):
            raise ApiError(Code.SIGN_IN_REJECTED)
        expires_at_s = int(beginning.rpartition("-")[2])
        if expires_at_s < self._get_time_s():
            raise ApiError(Code.SIGN_IN_REJECTED)
        return expires_at_s

    def begin(self, address: str, nonce: str, present: Visitor) -> str:
        """Uses up a nonce, and begins a session; returns its token.

        Beside the account it has those of the present session, which ends. ApiError if the nonce
        was used before.
        """
        own = present.accounts if present.pass_id is None else ()
        accounts = [*dict.fromkeys((address, *own))][:ACCOUNTS_MAX]
        with self._engine.begin() as connection:
            self._remove_old(connection)
            row = {"nonce": nonce, "expires_at_s": self._get_time_s() + CHALLENGE_S}
            try:
                connection.execute(insert(USED_NONCE).values(row))
            except IntegrityError:
                raise ApiError(Code.SIGN_IN_REJECTED) from None
            _end(connection, present.token_hash)
            return self._write(connection, accounts, None, self._get_time_s() + SESSION_S)

    def begin_with_pass(self, code: str) -> str:
        """Begins a session for reading with the code of a pass; returns its token."""
        with self._engine.begin() as connection:
            self._remove_old(connection)
            found = connection.execute(
                select(PASS).where(PASS.c.code_hash == _hash(code))
            ).one_or_none()
            if found is None:
                raise ApiError(Code.SIGN_IN_REJECTED)
            end_s = min(found.expires_at_s, self._get_time_s() + SESSION_S)
            return self._write(connection, [found.account], found.pass_id, end_s)

    def find(self, token: str, address: str) -> Visitor:
        """The visitor of a session token; an anonymous one if the session has ended."""
        token_hash = _hash(token)
        query = (
            select(SESSION, PASS.c.label)
            .outerjoin(PASS, PASS.c.pass_id == SESSION.c.pass_id)
            .where(SESSION.c.token_hash == token_hash)
            .where(SESSION.c.expires_at_s > self._get_time_s())
            .order_by(SESSION.c.account)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return Visitor(address=address)
        return Visitor(
            accounts=tuple(row.account for row in rows),
            pass_id=rows[0].pass_id,
            pass_label=rows[0].label or "",
            token_hash=token_hash,
            expires_at_s=rows[0].expires_at_s,
            address=address,
        )

    def end(self, token_hash: str) -> None:
        """Ends a session."""
        with self._engine.begin() as connection:
            _end(connection, token_hash)

    def make_pass(self, account: str, label: str, days: int) -> tuple[int, str]:
        """Makes a pass; returns its number and its code. ApiError if there are too many."""
        code, now_s = secrets.token_urlsafe(32), self._get_time_s()
        with self._engine.begin() as connection:
            self._remove_old(connection)
            own = select(func.count()).select_from(PASS).where(PASS.c.account == account)
            if connection.execute(own).scalar_one() >= PASSES_MAX:
                raise ApiError(Code.TOO_MANY_PASSES)
            row = {
                "pass_id": secrets.randbits(52),
                "account": account,
                "label": label,
                "code_hash": _hash(code),
                "made_at_s": now_s,
                "expires_at_s": now_s + days * S_PER_DAY,
            }
            connection.execute(insert(PASS).values(row))
        return int(str(row["pass_id"])), code

    def revoke_pass(self, account: str, pass_id: int) -> None:
        """Ends a pass, and the sessions that it began; ApiError if the account has no such pass."""
        with self._engine.begin() as connection:
            query = delete(PASS).where(PASS.c.account == account, PASS.c.pass_id == pass_id)
            if connection.execute(query).rowcount != 1:
                raise ApiError(Code.NOT_FOUND)
            connection.execute(delete(SESSION).where(SESSION.c.pass_id == pass_id))

    def forget(self, account: str) -> None:
        """Erases sessions, passes and views of an account."""
        with self._engine.begin() as connection:
            for table in (SESSION, PASS, VIEW):
                connection.execute(delete(table).where(table.c.account == account))

    def _write(
        self, connection: Connection, accounts: Sequence[str], pass_id: int | None, end_s: int
    ) -> str:
        token = secrets.token_urlsafe(32)
        rows = [
            {
                "token_hash": _hash(token),
                "account": account,
                "pass_id": pass_id,
                "expires_at_s": end_s,
            }
            for account in accounts
        ]
        for account in accounts:
            _make_room(connection, account)
        connection.execute(insert(SESSION), rows)
        return token

    def _remove_old(self, connection: Connection) -> None:
        now_s = self._get_time_s()
        for table in (USED_NONCE, SESSION, PASS):
            connection.execute(delete(table).where(table.c.expires_at_s < now_s))

    def _compute_code(self, address: str, beginning: str) -> str:
        content = f"{address} {beginning}".encode()
        return hmac.digest(self._secret, content, hashlib.sha256).hex()


def _make_room(connection: Connection, account: str) -> None:
    """Ends the oldest sessions of an account that has as many as it may."""
    query = (
        select(SESSION.c.token_hash)
        .where(SESSION.c.account == account)
        .order_by(SESSION.c.expires_at_s.desc())
        .offset(SESSIONS_PER_ACCOUNT_MAX - 1)
    )
    for token_hash in connection.scalars(query).all():
        _end(connection, token_hash)


def _end(connection: Connection, token_hash: str) -> None:
    connection.execute(delete(SESSION).where(SESSION.c.token_hash == token_hash))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _load_secret(engine: Engine) -> bytes:
    """The secret of these tables; the first who needs one makes it."""
    query = select(SECRET.c.value).where(SECRET.c.name == _SECRET_NAME)
    with engine.connect() as connection:
        found = connection.execute(query).scalar_one_or_none()
    if found is None:
        try:
            with engine.begin() as connection:
                row = {"name": _SECRET_NAME, "value": secrets.token_bytes(32)}
                connection.execute(insert(SECRET).values(row))
        except IntegrityError:
            pass
        with engine.connect() as connection:
            found = connection.execute(query).scalar_one()
    return bytes(found)
