"""A node that passes calls on and changes what is answered."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from blockenergy.metering.v1.state_pb2 import READING_RECORDED
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadingsResponse
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData

DEADLINE_S = 60

# Gets the JSON of a request and of the answer, and returns another answer.
Change = Callable[[Any, Any], Any]


@contextmanager
def lying_node(node: str, change: Change) -> Iterator[str]:
    """The address of a node that says what `change` makes of what `node` says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = urllib.request.Request(
                node.replace("tcp:", "http:"), body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
                content = change(json.loads(body), json.load(response))
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def spoil_value(_: Any, answer: Any) -> Any:
    """Another value than the one that the proof is of."""
    response = answer.get("result", {}).get("response", {})
    if response.get("value"):
        response["value"] = flip(response["value"])
    return answer


def spoil_proven_value(_: Any, answer: Any) -> Any:
    """Another value, also in the proof."""
    response = answer.get("result", {}).get("response", {})
    if response.get("value") and response.get("proofOps"):
        first = response["proofOps"]["ops"][0]
        value = base64.b64decode(response["value"])
        response["value"] = flip(response["value"])
        data = base64.b64decode(first["data"])
        assert value in data
        data = data.replace(value, base64.b64decode(response["value"]))
        first["data"] = base64.b64encode(data).decode()
    return answer


def hide_value(_: Any, answer: Any) -> Any:
    """There is no such thing, says the node."""
    if response := answer.get("result", {}).get("response"):
        response["value"] = ""
    return answer


def spoil_header(_: Any, answer: Any) -> Any:
    """The app hash of another state."""
    if header := answer.get("result", {}).get("signed_header", {}).get("header"):
        header["app_hash"] = header["app_hash"][:-2] + "00"
    return answer


def flip(text: str) -> str:
    """Base64 of the same bytes but for the last one."""
    content = bytearray(base64.b64decode(text))
    content[-1] ^= 1
    return base64.b64encode(bytes(content)).decode()


LIES = (spoil_value, spoil_proven_value, hide_value, spoil_header)


def claim_recorded(request: Any, answer: Any) -> Any:
    """Every reading of every transaction is recorded, says the node."""
    result = answer.get("result", {})
    if not result:
        return answer
    if request["method"] == "tx":
        txs = [result["tx_result"]]
    elif request["method"] == "block_results":
        txs = result["txs_results"] or []
    else:
        return answer
    for one in txs:
        outcome = TxMsgData.FromString(base64.b64decode(one["data"] or ""))
        for response in outcome.msg_responses:
            submitted = MsgSubmitReadingsResponse.FromString(response.value)
            count = len(submitted.results)
            response.value = MsgSubmitReadingsResponse(
                results=[READING_RECORDED] * count
            ).SerializeToString()
        one["data"] = base64.b64encode(outcome.SerializeToString()).decode()
    return answer
