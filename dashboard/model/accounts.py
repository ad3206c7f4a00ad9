"""The tables that the server keeps for itself: sessions, passes, and who has looked at what.

They do not follow from blocks, and filling the tables of the chain anew leaves them alone. Codes
and tokens are kept as hashes, so that whoever reads the tables cannot sign in with them.
"""

from __future__ import annotations

from sqlalchemy import MetaData, Table, Text

from dashboard.model.tables import STRICT, blob, key, number, text

SERVER_METADATA = MetaData()

# What nonces are made with, so that every process at the same tables knows them.
SECRET = Table("secret", SERVER_METADATA, key("name", Text), blob("value"), **STRICT)
# Nonces of texts that were signed, until they would be too old anyway.
USED_NONCE = Table(
    "used_nonce", SERVER_METADATA, key("nonce", Text), number("expires_at_s"), **STRICT
)
# The accounts of a session; pass_id: of the pass that it began with.
SESSION = Table(
    "session",
    SERVER_METADATA,
    key("token_hash", Text),
    key("account", Text),
    number("pass_id", nullable=True),
    number("expires_at_s"),
    **STRICT,
)
PASS = Table(
    "pass",
    SERVER_METADATA,
    key("pass_id"),
    text("account"),
    text("label"),
    text("code_hash"),
    number("made_at_s"),
    number("expires_at_s"),
    **STRICT,
)
# A look at the data of an account; the same within an hour is one.
VIEW = Table(
    "view_log",
    SERVER_METADATA,
    key("account", Text),
    key("hour"),
    key("viewer", Text),
    key("call", Text),
    key("purpose", Text),
    text("right"),
    number("at_s"),
    **STRICT,
)
