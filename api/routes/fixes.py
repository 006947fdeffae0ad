"""The description of `POST /v1/fixes` for the OpenAPI document, and the same route on the framework.

In service `api.fixes.FixesRoute` answers first; this handler is what remains without it.
"""

from typing import Annotated

import msgspec
from litestar import MediaType, Response, Router, post
from litestar.params import Body

from api.auth import parse_device_token, requires_phone
from api.fixes import FixesReport, work_of
from api.refusals import StrictRequest
from offers.engine import Engine
from offers.engine.answers import FixesAnswer


@post(
    "/v1/fixes",
    status_code=200,
    guards=[requires_phone],
    operation_id="reportFixes",
    summary="Report where the phone is",
)
async def report_fixes(
    request: StrictRequest,
    data: Annotated[FixesReport, Body(description="1 to 100 fixes, oldest first; gzip is accepted.")],
) -> Response[FixesAnswer]:
    """Post fixes; the answer says what became of each, which fences were crossed, and what is offered now.

    Members that are not known here are ignored, unlike elsewhere: phones in the field are updated slowly.
    """
    engine: Engine = request.app.state.engine
    bucket, token_hash = parse_device_token(request.headers.get("authorization"))
    answer = await engine.batcher.submit(work_of(data, bucket, token_hash))
    assert answer is not None
    return Response(msgspec.json.decode(answer, type=FixesAnswer), media_type=MediaType.JSON)


router = Router("/", route_handlers=[report_fixes], tags=["Phones"])
