"""Pages in a real browser: what it complains about, blocks that arrive, wallets, and axe."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from built import CHROMIUM, NODE_MODULES
from cosmos.tx.v1beta1.tx_pb2 import SignDoc
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from served import Served

from client.signing.keys import AccountKey
from dashboard.web import adr36
from tests.support.streets import people

AXE = NODE_MODULES / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWS = [(1280, "light"), (360, "dark")]
# A wallet with Keplr's interface, whose key is real and stays with the test.
WALLET = """
window.keplr = {
  enable: async () => {},
  getKey: async () => ({
    bech32Address: await window.walletAddress(),
    pubKey: Uint8Array.from(atob(await window.walletKey()), (one) => one.charCodeAt(0)),
  }),
  signArbitrary: async (chain, address, text) => JSON.parse(await window.walletSign(text)),
  signDirect: async (chain, address, asked) => {
    const write = (bytes) => btoa(String.fromCharCode(...bytes));
    const bytes = [write(asked.bodyBytes), write(asked.authInfoBytes)];
    const parts = [...bytes, asked.chainId, String(asked.accountNumber)];
    return { signed: asked, signature: { signature: await window.walletSignDirect(parts) } };
  },
};
"""


# On a machine that has much else to do, a page may take longer than the usual five seconds.
expect.set_options(timeout=30_000)


@contextmanager
def running_chromium() -> Iterator[Any]:
    """Debian's browser, without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Seen:
    """A page, and what its browser has complained about."""

    def __init__(self, context: BrowserContext, served: Served) -> None:
        self.page = context.new_page()
        self.served = served
        self.problems: list[str] = []
        self.began_s = served.node.world.time_s + 1 - time.monotonic()
        self.page.on("console", lambda one: self._note(one.type, one.text))
        self.page.on("pageerror", lambda one: self.problems.append(str(one)))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(text)

    def show(self, path: str) -> Page:
        """Goes to a page, and lets a block arrive, so that it is not old."""
        self.page.goto(f"{self.served.url}{path}")
        expect(self.page.locator(".block")).to_contain_text("Block")
        self.add_block()
        return self.page

    def add_block(self) -> None:
        """A block, with a time that has gone on as much as that of the reader."""
        node = self.served.node
        now_s = int(self.began_s + time.monotonic())
        node.record(at=max(now_s, node.world.time_s + 1))
        self.served.catch_up()
        expect(self.page.locator(".block")).to_contain_text(f"Block {len(node.blocks)},")


def hold_wallet(seen: Seen, name: str) -> None:
    """Gives the browser a wallet with the key of somebody."""
    key = AccountKey(people.wallet(name).key.secret)
    public = base64.b64encode(key.pub_key).decode()

    def sign(text: str) -> str:
        signature = key.sign(adr36.write_document(key.address, text))
        content = {"value": public}
        return json.dumps({"pub_key": content, "signature": base64.b64encode(signature).decode()})

    def sign_direct(parts: list[str]) -> str:
        doc = SignDoc(
            body_bytes=base64.b64decode(parts[0]),
            auth_info_bytes=base64.b64decode(parts[1]),
            chain_id=parts[2],
            account_number=int(parts[3]),
        )
        return base64.b64encode(key.sign(doc.SerializeToString())).decode()

    seen.page.expose_function("walletAddress", lambda: key.address)
    seen.page.expose_function("walletKey", lambda: public)
    seen.page.expose_function("walletSign", sign)
    seen.page.expose_function("walletSignDirect", sign_direct)
    seen.page.add_init_script(WALLET)


def sign_in(seen: Seen, name: str) -> None:
    """Signs in by the wallet of somebody."""
    hold_wallet(seen, name)
    page = seen.show("/mine")
    page.get_by_role("button", name="Sign in with Keplr").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def find_barriers(context: BrowserContext, page: Page) -> Any:
    """What axe finds. It is let in by the debugger: the policy of the page would keep it out."""
    context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text()})
    run = "axe.run(document, {runOnly: %s}).then((found) => found.violations)"
    return page.evaluate(run % json.dumps(RULES))
