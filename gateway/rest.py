"""REST: an address and JSON in, JSON out, as gRPC-gateway answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from gateway import absent, json_form, routes
from gateway.errors import HTTP_STATUS, GatewayError, Status
from gateway.http_server import Request, Response
from gateway.node import Node

log = logging.getLogger(__name__)

HEIGHT_HEADER = "x-cosmos-block-height"
_ANSWERED_HEIGHT = "Grpc-Metadata-X-Cosmos-Block-Height"
_PARAMETERS_MAX = 100
_HEIGHT_DIGITS_MAX = 18
# How long a browser may rely on what it has been told of other origins.
_CORS_MAX_AGE_S = 600


class Rest:
    """Answers requests. `origins` are those whose pages may read answers: `https://app.example`,
    `http://localhost:*`, or `*` for all.
    """

    def __init__(self, node: Node, origins: Sequence[str]) -> None:
        self._node = node
        self._origins = tuple(origins)

    def answer(self, request: Request) -> Response:
        """The response to a request, whatever it is."""
        headers = self._make_cors_headers(request.headers.get("origin", ""))
        if request.verb == "OPTIONS":
            return Response(204, b"", headers)
        try:
            content, height = self._run(request)
        except GatewayError as error:
            return _make_error(error, headers)
        except Exception:
            log.exception("%s %s failed", request.verb, request.address[:200])
            return _make_error(GatewayError(Status.INTERNAL, "internal error"), headers)
        if height:
            headers[_ANSWERED_HEIGHT] = str(height)
        return Response(200, content, headers)

    def _run(self, request: Request) -> tuple[bytes, int]:
        path, query = _split(request.address)
        found = routes.find(request.verb, path)
        if found is None:
            empty = absent.find(request.verb, path)
            if empty is None:
                raise GatewayError(Status.UNIMPLEMENTED, "Not Implemented")
            return empty, 0
        message = found.method.request()
        if request.verb == "POST":
            json_form.read(message, request.body)
        json_form.fill(message, [*query, *found.fields.items()])
        height = _read_height(request.headers)
        answer = found.method.run(self._node, message.SerializeToString(), height)
        return json_form.write(found.method.response.FromString(answer.content)), answer.height

    def _make_cors_headers(self, origin: str) -> dict[str, str]:
        if not origin:
            return {}
        if not any(_fits(origin, allowed) for allowed in self._origins):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": f"Content-Type, {HEIGHT_HEADER}",
            "Access-Control-Expose-Headers": _ANSWERED_HEIGHT,
            "Access-Control-Max-Age": str(_CORS_MAX_AGE_S),
        }


def _split(address: str) -> tuple[str, list[tuple[str, str]]]:
    try:
        parts = urlsplit(address)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_PARAMETERS_MAX)
    except ValueError as error:
        raise GatewayError(Status.INVALID_ARGUMENT, f"the address: {error}") from None
    return parts.path, pairs


def _read_height(headers: Mapping[str, str]) -> int:
    text = headers.get(HEIGHT_HEADER) or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= _HEIGHT_DIGITS_MAX):
        raise GatewayError(Status.INVALID_ARGUMENT, f"{HEIGHT_HEADER} is not a height")
    return int(text)


def _fits(origin: str, allowed: str) -> bool:
    """Whether an origin is one that is allowed; a * stands for any characters."""
    beginning, star, end = allowed.partition("*")
    if not star:
        return origin == allowed
    long_enough = len(origin) >= len(beginning) + len(end)
    return long_enough and origin.startswith(beginning) and origin.endswith(end)


def _make_error(error: GatewayError, headers: Mapping[str, str]) -> Response:
    content = {"code": int(error.status), "message": error.message, "details": []}
    return Response(HTTP_STATUS[error.status], json.dumps(content).encode(), headers)
