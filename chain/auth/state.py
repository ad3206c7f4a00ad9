"""Accounts and the parameters of transactions."""

from __future__ import annotations

from blockenergy.auth.v1 import state_pb2

from chain.runtime.collections import Map, Schema, Sequence
from chain.runtime.keys import ADDRESS
from chain.runtime.params import Params
from chain.runtime.values import Record

SCHEMA = Schema(1, "auth")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
ACCOUNTS = Map(SCHEMA, 1, "accounts", ADDRESS, Record(state_pb2.Account))
ACCOUNT_NUMBERS = Sequence(SCHEMA, 2, "last_account_number")
