"""A server that misbehaves on purpose; fault injection only, beside the tests of the real one."""

import itertools
import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def _send(handler, status, body, content_type="application/json"):
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _tokens(handler, payload, kind):
    last = payload["messages"][-1]
    thinks = payload.get("chat_template_kwargs", {}).get("enable_thinking", True)
    tail = [1, 2, 3, 4] if thinks else [1, 2, 3]  # a template that opens with a thought unless told not to
    text = last["content"]
    letter = ord(text) if len(text) == 1 else 2000 + sum(map(ord, text))
    if kind == "merging labels":  # "C" is no token of its own after this template
        answer = [*tail[:-1], 1000 + letter] if last["content"] == "C" else [*tail, letter]
    elif kind == "same label":
        answer = [*tail, 65]
    else:
        answer = [*tail, letter]
    _send(handler, 200, json.dumps({"tokens": [1, 2, 3] if last["role"] == "user" else answer}).encode())


def chat_body(logprobs, content="A"):
    entries = [{"token": f"token_id:{t}", "logprob": v, "bytes": None} for t, v in logprobs.items()]
    first = {"token": entries[0]["token"] if entries else "x", "logprob": -0.1, "bytes": None, "top_logprobs": entries}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "length",
        "logprobs": {"content": [first]},
    }
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


def written(payload):
    """What a well-behaved server writes under the structure that is asked for: the last candidate first."""
    asked = payload.get("structured_outputs", {})
    if "grammar" in asked:
        n = asked["grammar"].count("set_bit")
        return "".join(f"[{i}]" for i in range(n, 0, -1))
    if "json" in asked:
        labels = asked["json"]["required"]
        return json.dumps({label: at * 9 // max(len(labels) - 1, 1) for at, label in enumerate(labels)})
    return "A"


MISBEHAVIOUR = (
    "good", "hang", "drip", "garbage", "broken json", "status 500", "status 400", "status 429", "empty choices", "missing label",
    "not probabilities", "deep", "no preference", "slow", "wrong ids", "cut off", "wrong model", "reset mid-body", "low mass", "reset",
)  # fmt: skip
"""What a server of the kind "anything" does, a different thing with every request."""


def _chat(kind):
    if kind == "anything":
        ways, turn = [_chat(one) for one in MISBEHAVIOUR], itertools.count()

        def something(handler, payload):
            ways[next(turn) * 7 % len(ways)](handler, payload)

        return something

    def answer(handler, payload):
        ids = payload.get("logprob_token_ids", [])
        good = {t: -1.0 - i for i, t in enumerate(ids)}
        text = written(payload)
        if kind == "hang":
            time.sleep(handler.server.patience)
        elif kind == "drip":
            handler.send_response(200)
            handler.end_headers()
            for _ in range(int(handler.server.patience / 0.1)):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.1)
        elif kind == "garbage":
            _send(handler, 200, b"<html>Connection error. Retry 3 of 5</html>", "text/html")
        elif kind == "broken json":
            _send(handler, 200, b'{"choices": [{"mess')
        elif kind == "status 500":
            _send(handler, 500, b'{"error": {"message": "boom"}}')
        elif kind == "status 400":
            _send(handler, 400, b'{"error": {"message": "too long"}}')
        elif kind == "status 429":
            _send(handler, 429, b'{"error": {"message": "slow down"}}')
        elif kind == "empty choices":
            _send(handler, 200, json.dumps({**chat_body(good), "choices": []}).encode())
        elif kind == "missing label":
            _send(handler, 200, json.dumps(chat_body({t: v for t, v in good.items() if t != ids[1]})).encode())
        elif kind == "not probabilities":
            _send(handler, 200, json.dumps(chat_body(dict.fromkeys(ids, 3.0))).encode())
        elif kind == "deep":
            _send(handler, 200, b"[" * 200_000)
        elif kind == "no preference":
            _send(handler, 200, json.dumps(chat_body(dict.fromkeys(ids, -3.0))).encode())
        elif kind == "slow":
            time.sleep(0.4)
            _send(handler, 200, json.dumps(chat_body(good)).encode())
        elif kind == "wrong ids":  # of labels, or in what is written
            body = chat_body({t + 500: v for t, v in good.items()}, '{"zz":3,"yy":4}' if "{" in text else "[977][0]")
            _send(handler, 200, json.dumps(body).encode())
        elif kind == "cut off":
            _send(handler, 200, json.dumps(chat_body(good, text[: len(text) // 2])).encode())
        elif kind == "wrong model":
            _send(handler, 404, b'{"error": {"message": "The model `m` does not exist."}}')
        elif kind == "reset mid-body":
            whole = json.dumps(chat_body(good, text)).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(whole)))
            handler.end_headers()
            handler.wfile.write(whole[: len(whole) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "low mass" or (kind == "low mass where told" and "LOW MASS" in str(payload["messages"])):
            _send(handler, 200, json.dumps(chat_body(dict.fromkeys(ids, -20.0))).encode())
        elif kind == "reset" or (kind == "reset once" and handler.server.asked == 1):
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            _send(handler, 200, json.dumps(chat_body(good, text)).encode())

    return answer


@contextmanager
def faulty_server(kind, *, tokenize_too=False, patience=8.0):
    """Serve one kind of fault; yields (url, payloads of the chat requests)."""
    payloads = []
    chat = _chat(kind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            _send(self, 200, b'{"data": [{"id": "m"}]}')

        def do_POST(self):
            try:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/tokenize" and not tokenize_too:
                    _tokens(self, payload, kind)
                    return
                payloads.append(payload)
                self.server.asked += 1
                chat(self, payload)
            except (OSError, ValueError):  # the client hung up
                self.close_connection = True

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # labels are verified by many connections at once

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.patience, server.asked = patience, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", payloads
    finally:
        server.shutdown()
