"""Sends a request through Privyseal's gateway; while people decide, sends the identical request again."""

import time

import httpx


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The upstream's answer, or the gateway's last word: denied, refused, or a question (`next: answer_question`)."""
    while True:
        answer = client.send(request)
        if answer.headers.get("x-privyseal-status") != "pending":
            return answer
        if answer.json()["next"] != "resend_identical_request":
            return answer
        time.sleep(int(answer.headers["retry-after"]))
