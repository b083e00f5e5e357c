"""A W&B server for tests: the few operations that W&B's client and its reports use, in memory, on the loopback.

What is not known here is answered as an error of GraphQL, with status 200: a 500 would be tried again for minutes.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlparse

from stand_in_backend import Backend

KEY = "local-" + "5ec2e7" * 6 + "0000"  # as long as a real one
FILE_STREAM = re.compile(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream")
OPERATION = re.compile(r"(?:query|mutation)\s+(\w+)")


class StandInServer(Backend):
    """``with StandInServer() as server``: runs, blobs and views that clients sent it.

    ``delay`` (seconds) and ``status`` (500, say) make it slow or broken; ``stop`` and ``start`` take it away and
    bring it back at the same address.
    """

    def __init__(self, appends: bool = False) -> None:
        super().__init__(appends)
        self.lock = threading.RLock()
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.unknown: list[str] = []
        self.refused: set[str] = set()
        self.delay, self.status, self.port = 0.0, 200, 0

    def __enter__(self) -> StandInServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.http = _Server(("127.0.0.1", self.port), _Handler)
        self.http.stand_in = self
        self.port = self.http.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        for connection in self.http.connections:
            connection.close()

    @property
    def environment(self) -> dict[str, str]:
        return {"WANDB_BASE_URL": self.address, "WANDB_API_KEY": KEY}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    stand_in: StandInServer

    def __init__(self, *arguments: Any) -> None:
        self.connections: list[Any] = []
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or that ``stop`` cut off, is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_POST(self) -> None:
        path, body = unquote(urlparse(self.path).path), self._body()
        if self._out_of_order(path, body):
            return
        streamed = FILE_STREAM.fullmatch(path)
        stand_in = self.server.stand_in
        with stand_in.lock:
            if streamed:
                entity, project, name = streamed.groups()
                run = stand_in.run({"entity": entity, "project": project, "name": name})
                assert run
                stand_in.stream(run, json.loads(body))
                answer: Any = {"exitcode": None, "limits": {}}
            else:
                request = json.loads(body)
                found = OPERATION.search(request["query"])
                name = request.get("operationName") or (found[1] if found else "")
                answer = self._graphql(name, request.get("variables") or {})
        self._send(json.dumps(answer).encode())

    def _graphql(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        stand_in = self.server.stand_in
        stand_in.requests.append(name)
        operation = getattr(Backend, name, None) if name[:1].isupper() or name == "upsertView" else None
        if operation is None or name in stand_in.refused:
            stand_in.unknown.append(name)
            return {"data": None, "errors": [{"message": f"unknown operation {name}"}]}
        try:
            return {"data": operation(stand_in, variables)}
        except AssertionError as refusal:
            return {"data": None, "errors": [{"message": str(refusal)}]}

    def do_PUT(self) -> None:
        path, body = unquote(urlparse(self.path).path), self._body()
        if not self._out_of_order(path, body):
            self.server.stand_in.blobs[path.removeprefix("/blob/")] = body
            self._send(b"{}")

    def do_GET(self) -> None:
        self._send(b"{}")

    def _out_of_order(self, path: str, body: bytes) -> bool:
        stand_in = self.server.stand_in
        stand_in.bodies.append(path.encode() + body)
        time.sleep(stand_in.delay)
        if stand_in.status != 200:
            self._send(b"{}", stand_in.status)
        return stand_in.status != 200

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
