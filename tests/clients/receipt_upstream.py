"""An upstream that runs only what people approved: `receipt_upstream.py PORT APPROVER AUTHORITY`.

GET always answers; anything else needs a receipt and is answered with its claims, or 403 with what is wrong.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from receipts import Receipts

receipts = Receipts(sys.argv[2], sys.argv[3])


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200, {"receipt": self.headers.get("x-privyseal-receipt")})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            receipt = self.headers.get("x-privyseal-receipt", "")
            self.answer(200, {**receipts.check(receipt, self.command, self.path, body), "receipt": receipt})
        except jwt.PyJWTError as error:
            self.answer(403, {"error": str(error)})

    def answer(self, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
