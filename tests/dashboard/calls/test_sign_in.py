"""Signing in: by a wallet's signature over the server's own text, once and in time."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Browser, Served, serving
from street_node import StreetNode

from client.signing.keys import AccountKey
from dashboard.cli.sign_in import SiteError, make_link
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from dashboard.web import adr36
from dashboard.web.sessions import CHALLENGE_S, SESSION_S
from tests.support.streets import people
from tests.support.world import World

HERE = Path(__file__).parent
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
REJECTED, NOT_ACTIVE = (401, 8), (403, 9)


@pytest.fixture(scope="module")
def served(tmp_path_factory: Any) -> Iterator[Served]:
    engine = open_tables(tmp_path_factory.mktemp("t") / "t.sqlite", SERVER_METADATA)
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        with serving(node, engine) as running:
            yield running


def judge(answer: tuple[int, Any]) -> tuple[int, int]:
    status, content = answer
    return status, content.get("error", {}).get("code", 0)


def test_the_document_is_the_one_that_wallets_sign() -> None:
    """As cosmjs 0.36.2 wrote and signed it."""
    known = json.loads((HERE / "adr36.json").read_text())
    key, signature = (base64.b64decode(known[name]) for name in ("pub_key", "signature"))
    assert adr36.write_document(known["address"], known["text"]).decode() == known["document"]
    assert adr36.verify(known["address"], known["text"], key, signature)
    assert not adr36.verify(known["address"], known["text"] + " ", key, signature)
    assert not adr36.verify(people.address_text("ben"), known["text"], key, signature)
    high = SECP256K1_ORDER - int.from_bytes(signature[32:], "big")
    other_form = signature[:32] + high.to_bytes(32, "big")
    assert not adr36.verify(known["address"], known["text"], key, other_form)


def test_a_signature_is_good_once_and_in_time(served: Served) -> None:
    key = AccountKey(people.wallet("anna").key.secret)
    link = make_link(served.url, key)
    code = link.partition("#sign-in=")[2]
    content = json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))
    late = json.loads(json.dumps(content))
    browser = served.browser()
    assert browser.call("sign-in", content)[1]["accounts"][0]["address"] == key.address
    assert judge(served.browser().call("sign-in", content)) == REJECTED
    late_link = make_link(served.url, key).partition("#sign-in=")[2]
    late = json.loads(base64.urlsafe_b64decode(late_link + "=" * (-len(late_link) % 4)))
    served.clock.now_s += CHALLENGE_S + 1
    assert judge(served.browser().call("sign-in", late)) == REJECTED


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("ben", {"nonce": f"{'0' * 32}-4000000000-{'0' * 64}"}, REJECTED),
        ("ben", {"nonce": "é-x"}, REJECTED),
        ("ben", {"nonce": ""}, REJECTED),
        ("ben", {"address": people.address_text("anna")}, REJECTED),
        ("ben", {"signature": base64.b64encode(bytes(64)).decode()}, REJECTED),
        ("ben", {"signature": ""}, REJECTED),
        ("ben", {"pub_key": base64.b64encode(people.wallet("eva").pub_key).decode()}, REJECTED),
        ("ben", {"pub_key": ""}, REJECTED),
        # Nobody has registered it.
        ("fred", {}, NOT_ACTIVE),
    ],
)
def test_anything_else_is_rejected(
    served: Served, name: str, changes: dict[str, str], expected: tuple[int, int]
) -> None:
    browser = served.browser()
    assert judge(browser.sign_in(name, **changes)) == expected
    assert "Cookie" not in browser.headers


def test_a_text_for_another_site_or_chain_is_not_signed_in_here(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = adr36.make_text
    for changed in ({"site": "evil.example"}, {"chain_id": "other-1"}):
        key = AccountKey(people.wallet("anna").key.secret)
        browser = served.browser()
        challenge = browser.call("sign-in/challenge", {"address": key.address})[1]
        said = {"site": served.site.name, "chain_id": served.site.present.moment.chain_id}
        text = made(
            **(said | changed),
            address=key.address,
            nonce=challenge["nonce"],
            expires_at_s=int(challenge["expires_at_s"]),
        )
        content = {
            "address": key.address,
            "nonce": challenge["nonce"],
            "pub_key": base64.b64encode(key.pub_key).decode(),
            "signature": base64.b64encode(
                key.sign(adr36.write_document(key.address, text))
            ).decode(),
        }
        assert judge(browser.call("sign-in", content)) == REJECTED
    # The command does not sign what another site has asked for.
    monkeypatch.setattr(adr36, "make_text", lambda site, *rest: made("evil.example", *rest))
    with pytest.raises(SiteError, match="asks to sign for another site"):
        make_link(served.url, AccountKey(people.wallet("anna").key.secret))


def test_a_session_has_several_accounts_and_an_end(served: Served) -> None:
    browser = served.browser("anna")
    first = browser.headers["Cookie"]
    assert browser.sign_in("ben")[0] == 200
    accounts = [one["address"] for one in browser.call("session")[1]["accounts"]]
    assert sorted(accounts) == sorted(map(people.address_text, ("anna", "ben")))
    assert Browser(served.url, {"Cookie": first}).call("mine")[0] == 401
    assert browser.call(f"mine?account={people.address_text('ben')}")[0] == 200
    served.clock.now_s += SESSION_S + 1
    assert browser.call("mine")[0] == 401


def test_the_cookie_is_for_this_site_alone(served: Served) -> None:
    browser = served.browser("anna")
    response, _ = browser.fetch("/api/v1/sign-out", {})
    given = response.getheader("set-cookie", "").lower()
    assert "httponly" in given and "samesite=strict" in given and "path=/" in given
    assert browser.call("mine")[0] == 401


def test_other_pages_cannot_call(served: Served) -> None:
    browser = served.browser("anna")
    for origin in ("https://evil.example", "null", served.url + "0"):
        assert judge(browser.call("sign-out", {}, Origin=origin)) == (403, 5)
    plain = {"Content-Type": "text/plain"}
    assert judge(browser.call("sign-out", {}, **plain)) == (400, 2)
    response, text = browser.fetch("/api/v1/mine", Host="evil.example:80")
    assert response.status == 421 and people.address_text("anna").encode() not in text
    assert browser.call("mine")[0] == 200
