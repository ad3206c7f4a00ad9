"""What always holds of accounts."""

from __future__ import annotations

from chain.auth.state import ACCOUNT_NUMBERS, ACCOUNTS
from chain.runtime.state.collections import HasStore


def account_numbers(state: HasStore) -> list[str]:
    """Account numbers are given once each, and none is above the last one given."""
    numbers = [account.account_number for _, account in ACCOUNTS.items(state)]
    problems = []
    if len(set(numbers)) != len(numbers):
        problems.append("two accounts have the same number")
    if numbers and (min(numbers) < 1 or max(numbers) > ACCOUNT_NUMBERS.last(state)):
        problems.append("an account number was never given")
    return problems
