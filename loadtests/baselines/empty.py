"""Baseline (a): a Litestar handler that reads the request and answers, and does nothing in between."""

from litestar import Litestar, post

from loadtests.baselines.wire import Answer, Fixes, answer_to


@post("/v1/fixes", status_code=200)
async def accept(data: Fixes) -> Answer:
    return answer_to(data, [])


app = Litestar([accept], openapi_config=None, logging_config=None)
