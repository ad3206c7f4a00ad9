"""Accounts and the parameters of transactions."""

from __future__ import annotations

from blockenergy.auth.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Map, Schema, Sequence

SCHEMA = Schema(1, "auth")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
ACCOUNTS = Map(SCHEMA, 1, "accounts", ADDRESS, Record(state_pb2.Account))
ACCOUNT_NUMBERS = Sequence(SCHEMA, 2, "last_account_number")
