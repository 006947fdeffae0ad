"""Every problem in English."""

from collections.abc import Mapping
from typing import Final

from api.problem_types.words import Words

WORDS: Final[Mapping[str, Words]] = {
    "invalid_input": Words(
        "Invalid input",
        "A member of the body or a parameter is missing, unknown, of the wrong type or out of range.",
        "`errors` names each field and what is wrong with it. Correct them and send the request again.",
    ),
    "malformed_json": Words(
        "Malformed JSON",
        "The body is empty, was cut off or is not valid JSON in UTF-8.",
        "Send one complete JSON value. NaN, Infinity and trailing commas are not JSON.",
    ),
    "nested_too_deeply": Words(
        "Nested too deeply",
        "The body is JSON, but with more levels of objects and arrays in each other than are read here.",
        "Send it flatter. `detail` names the limit.",
    ),
    "malformed_gzip": Words(
        "Malformed gzip",
        "The body says `Content-Encoding: gzip`, but cannot be unpacked or ends early.",
        "Compress the whole body, or send it plain without that header.",
    ),
    "rows_refused": Words(
        "Rows refused",
        "Some rows of the import cannot be used, so none was written.",
        "`errors` names rows and fields. Correct them, or send `partial=true` to write the good rows.",
    ),
    "code_malformed": Words(
        "Not a redemption code",
        "A redemption code has ten letters and digits; what was sent has not.",
        "Ask the customer to read the code again. Case, spaces and hyphens do not matter.",
    ),
    "unknown_notice": Words(
        "Unknown notice",
        "The consent names a version or language of a notice that was never published.",
        "Read `GET /v1/notices`, show that text, and send its version and language back.",
    ),
    "sensitive_place": Words(
        "Sensitive place",
        "A fence would stand for a place of worship or health care, a trade union, a political party or the"
        " like. Being there says what nobody may ask (GDPR Art. 9), so no fences are drawn around them.",
        "Draw no fence here. The site itself may stay, and is shown to people who look around.",
    ),
    "webhook_unsigned": Words(
        "Webhook not signed",
        "This webhook is not signed with the secret that was agreed on, or was so over five minutes ago.",
        "Check the secret of the endpoint with the provider, and the clock of this server.",
    ),
    "idempotency_key_required": Words(
        "Idempotency key required",
        "Doing this twice would do harm, so the request must carry an `Idempotency-Key`.",
        "Make a random key for each thing to be done, and keep it for all retries of that one.",
    ),
    "unauthenticated": Words(
        "Not authenticated",
        "The `Authorization` header is missing, or its key or token is unknown, expired or revoked.",
        "Send `Authorization: Bearer …` with a valid key (`ak_…`) or device token (`dt_…`). A phone whose"
        " token was revoked registers again.",
    ),
    "forbidden": Words(
        "Not allowed",
        "The key is valid, but its role or its owner may not do this.",
        "Use a key with the role that the answer names, or ask an admin.",
    ),
    "device_pending": Words(
        "Device not confirmed yet",
        "This phone joined with a link code and waits for the yes of the first phone.",
        "Confirm it on the first phone, then send the request again. Until then its token opens nothing.",
    ),
    "no_personalisation_consent": Words(
        "No consent to personalisation",
        "The customer has not agreed to personalisation, so no retailer is given a name for them.",
        "Ask once, with the notice `personalisation`, and respect a no.",
    ),
    "no_dietary_consent": Words(
        "No consent to keeping a diet",
        "The customer has not agreed that allergies and diets are kept. Nothing was read and nothing kept.",
        "Filter on the phone: menus carry allergens and diets. To keep them here, ask alone, with the notice"
        " `dietary`, and respect a no.",
    ),
    "stopped_by_operator": Words(
        "Stopped by the operator",
        "The operator of this system stopped it, and only the operator can let it go on.",
        "Ask the operator why, and to resume it.",
    ),
    "no_location_consent": Words(
        "No consent to location",
        "The customer has not agreed that location is used for this. Nothing was read and nothing kept.",
        "Stop sending positions. Ask once, with the notice `location_offers` or, to park, `location_parking`,"
        " and respect a no. Parking by the code on the sign needs no location.",
    ),
    "age_not_declared": Words(
        "Age not declared",
        "A consent was given by somebody who has not said how old they are, and counts as a minor till then.",
        "Ask for the age band first and set it: `PATCH /v1/me/preferences`. Do not choose it for them.",
    ),
    "under_age": Words(
        "Under age",
        "The person is too young for this consent: marketing is for adults, and every consent needs the"
        " digital age of consent of their country.",
        "Do not ask for it. Saying no, and looking around without offers, is open to everybody.",
    ),
    "not_found": Words(
        "Not found",
        "There is no such thing, or it belongs to somebody else, which looks the same on purpose.",
        "Check the id, and that the key or token is the owner's. An admin names the owner by `retailer_id`.",
    ),
    "route_not_found": Words(
        "No such address",
        "Nothing is served at this path.",
        "Look for the path on the page `/docs`.",
    ),
    "code_unknown": Words(
        "Code unknown",
        "No delivery of this retailer has this redemption code.",
        "Ask the customer to read the code again, and check that the offer is this retailer's.",
    ),
    "method_not_allowed": Words(
        "Method not allowed",
        "The path exists, but not with this method.",
        "The `Allow` header lists the methods that it knows.",
    ),
    "conflict": Words(
        "Conflict",
        "What the request refers to does not exist any more, or is still referred to by something else.",
        "Read the present state and decide anew.",
    ),
    "already_exists": Words(
        "Already exists",
        "Another one has this `external_id` already.",
        "Replace that one with PUT, or choose another `external_id`.",
    ),
    "in_use": Words(
        "Still in use",
        "Offers that have not ended name this site or fence; `detail` lists them.",
        "End those offers, or take the place out of them, and delete again.",
    ),
    "wrong_move": Words(
        "Not possible from here",
        "The offer's status does not allow this move: an ended offer stays ended, a draft cannot be stopped.",
        "Read the offer's `status` first. Draft and paused offers can be activated, active ones paused.",
    ),
    "schedule_is_over": Words(
        "Schedule is over",
        "The offer's `ends_at` has passed, so it cannot be activated.",
        "Give its schedule a later `ends_at`, then activate it.",
    ),
    "offer_is_active": Words(
        "Offer is active",
        "While an offer is active, its triggers, channel and fences cannot change.",
        "Pause it, edit it, and activate it again.",
    ),
    "offer_has_ended": Words(
        "Offer has ended",
        "An ended offer cannot be changed any more.",
        "Create a new offer with what you want to change.",
    ),
    "offer_is_not_stopped": Words(
        "Offer is not stopped",
        "Its deliveries had no limit until now, so those given while it runs are not counted.",
        "Stop the offer, set the limit, and activate it again.",
    ),
    "offer_is_not_a_draft": Words(
        "Offer is not a draft any more",
        "Whose codes an offer uses is settled before it runs for the first time.",
        "Create another offer for codes of another sort, and end this one.",
    ),
    "offer_has_own_codes": Words(
        "Offer uses Alentour's codes",
        "The offer has no `code_format`, so its codes are Alentour's and need not be added.",
        "Set `code_format` while the offer is a draft, then add your codes.",
    ),
    "budget_is_used": Words(
        "Budget is used",
        "The new budget is smaller than what is given, lent to a worker or redeemed already.",
        "Choose a total of at least what is used; `GET /v1/offers/{offer_id}/counts` tells it.",
    ),
    "key_ended": Words(
        "Key has ended",
        "A revoked or expired key cannot be rotated.",
        "Make a new key: `POST /v1/retailers/{retailer_id}/keys`.",
    ),
    "link_code_refused": Words(
        "Link code refused",
        "The code is wrong, expired or used up (which one is not told), or its phone was revoked since.",
        "Ask for a new code on the first phone: `POST /v1/me/link-codes`.",
    ),
    "link_code_waiting": Words(
        "Link code not used yet",
        "No phone has used this code, so there is nothing to confirm.",
        "Type the code on the second phone first.",
    ),
    "link_code_expired": Words(
        "Link code expired",
        "The code, or the time to confirm the phone that used it, has run out after ten minutes.",
        "Ask for a new code: `POST /v1/me/link-codes`.",
    ),
    "link_code_used_up": Words(
        "Link code used up",
        "The code was tried wrongly five times.",
        "Ask for a new code: `POST /v1/me/link-codes`.",
    ),
    "no_link_code_free": Words(
        "No link code free",
        "By chance every code that was drawn is taken at this moment.",
        "Send the request again.",
    ),
    "delivery_not_handed": Words(
        "Delivery not handed over",
        "No phone was given this delivery yet, so it cannot have been shown.",
        "Read the inbox first, and report only what came from there, from `/v1/live` or from a fix.",
    ),
    "delivery_cancelled": Words(
        "Delivery cancelled",
        "The delivery was taken back: the offer was stopped or the consent withdrawn.",
        "Remove it from the screen. It cannot be redeemed.",
    ),
    "already_redeemed": Words(
        "Already redeemed",
        "This code was used before; a code works once.",
        "Do not grant the offer again. A retry of one redemption carries the same `Idempotency-Key`.",
    ),
    "code_expired": Words(
        "Code expired",
        "The delivery's `expires_at` has passed.",
        "The code cannot be redeemed any more.",
    ),
    "stock_exhausted": Words(
        "Nothing left",
        "All redemptions in the offer's budget are used.",
        "Raise `budget.redemptions`, or tell the customer that nothing is left.",
    ),
    "tariff_overlaps": Words(
        "Tariff versions overlap",
        "At some moment two versions of this tariff would hold, and nobody could say which is to be paid.",
        "Read the versions, and let this one begin where the one before ends. What was in force stays.",
    ),
    "tariff_in_force": Words(
        "Tariff version in force",
        "The version has begun: drivers may have paid by it, and receipts name it.",
        "Publish another version that begins later.",
    ),
    "too_many_plates": Words(
        "Too many plates",
        "The person has ten number plates already.",
        "Delete one that is not used any more, then add the new one.",
    ),
    "notice_outdated": Words(
        "Notice outdated",
        "The consent names a text that was replaced by one that says something new.",
        "Read `GET /v1/notices`, show the newest text, and ask again under it.",
    ),
    "clock_not_simulated": Words(
        "Clock is not simulated",
        "This server runs on real time, which nobody can set.",
        "Use a server that was started with `ALENTOUR_CLOCK=simulated` on a database of its own.",
    ),
    "clock_goes_forward": Words(
        "Clock goes forward",
        "Simulated time has run and cannot go back.",
        "Set a later time, or begin with a new database.",
    ),
    "operation_of_another_code": Words(
        "Key of another redemption",
        "This `Idempotency-Key` once redeemed another code; this code was not redeemed.",
        "Draw a new random key for each code, and keep it for the retries of that code alone.",
    ),
    "payment_state": Words(
        "State of the payment",
        "The payment is in a state that does not allow this: only what was captured can be refunded.",
        "Read the payment: its `state` says how it stands.",
    ),
    "payment_mismatch": Words(
        "Key of another payment",
        "This `Idempotency-Key` once began another payment or refund; nothing was begun now.",
        "Draw a new random key for each payment and refund, and keep it for the retries of that one alone.",
    ),
    "refund_too_large": Words(
        "Refund too large",
        "Less than this is left of what was captured: parts were refunded, or are being refunded.",
        "Read the payment, and ask for at most what is left; without `amount_minor` it is all of that.",
    ),
    "idempotency_in_flight": Words(
        "Still in flight",
        "The first request with this `Idempotency-Key` is still running.",
        "Wait a moment and send the same request with the same key: it gets the first one's answer.",
    ),
    "changed_meanwhile": Words(
        "Changed meanwhile",
        "`If-Match` names another version than there is now: somebody else was faster.",
        "Read it again, apply your change to what you read, and send its new ETag.",
    ),
    "body_too_large": Words(
        "Body too large",
        "The body, as sent or unpacked, is larger than this route takes.",
        "Send less at once. `detail` names the limit.",
    ),
    "url_too_long": Words(
        "Address too long",
        "The path and the query together are longer than an address may be.",
        "Send fewer or shorter parameters. `detail` names the limit.",
    ),
    "unsupported_media_type": Words(
        "Unsupported media type",
        "The body is not JSON, or in an encoding that is not read here.",
        "Send `application/json` uncompressed; only `/v1/fixes` reads gzip.",
    ),
    "idempotency_key_reused": Words(
        "Idempotency key reused",
        "This `Idempotency-Key` came before with another request.",
        "Use a new key for each thing to be done; keep it only for retries of exactly the same request.",
    ),
    "too_many_requests": Words(
        "Too many requests",
        "A limit of rate or room is reached.",
        "Come back after `Retry-After` seconds.",
    ),
    "rate_limited": Words(
        "Too often",
        "This key, this device or, for registrations and wrong credentials, this address asks more often"
        " than it may. Nothing was done.",
        "Come back after `Retry-After` seconds. `RateLimit-Policy` says how many requests (`q`) come back"
        " in how many seconds (`w`).",
    ),
    "overloaded": Words(
        "Overloaded",
        "There is no room for one more request at this moment. Nothing was done.",
        "Send it again after `Retry-After` seconds; phones keep their fixes meanwhile.",
    ),
    "too_many_live_streams": Words(
        "Too many live streams",
        "This customer, or this worker, has as many open streams as are allowed.",
        "Close a stream that is not needed, and come back after `Retry-After` seconds.",
    ),
    "headers_too_large": Words(
        "Headers too large",
        "The request has more headers, or larger ones, than are read here.",
        "Send fewer or shorter headers. `detail` names the limits.",
    ),
    "internal_error": Words(
        "Internal error",
        "Something went wrong on our side.",
        "Try again later. If it stays, tell the operator the `request_id`.",
    ),
    "unavailable": Words(
        "Unavailable",
        "The database is busy, restarting or out of reach.",
        "Send the request again after `Retry-After` seconds, with the same `Idempotency-Key` or fix ids.",
    ),
    "starting": Words(
        "Starting",
        "This worker has not loaded its configuration yet.",
        "Send the request again after `Retry-After` seconds.",
    ),
    "configuration_behind": Words(
        "Configuration behind",
        "This worker has not heard of a fence yet that another one already knows.",
        "Nothing to do: the server tries again by itself within a second.",
    ),
    "stopping": Words(
        "Stopping",
        "This worker is being stopped and opens no new stream.",
        "Connect again after `Retry-After` seconds, with `Last-Event-ID`: nothing is lost.",
    ),
    "outcome_unknown": Words(
        "Outcome unknown",
        "The connection to the database broke while the fixes were written: they may be recorded or not.",
        "Send the same batch with the same `fix_id`s again: what was recorded is answered, not repeated.",
    ),
    "quote_used": Words(
        "Quote used already",
        "A parking session began with this quote before; each begins one.",
        "Ask for another quote. A retry of the first request carries its `Idempotency-Key`.",
    ),
    "quote_expired": Words(
        "Quote too old",
        "A quote's price holds for ten minutes.",
        "Ask for another, show its price, and use that one.",
    ),
    "quote_without_plate": Words(
        "Quote without a plate",
        "A quote without a plate tells a price; nobody parks with it.",
        "Ask for one with `plate` or `plate_id`.",
    ),
    "quote_outdated": Words(
        "Quote outdated",
        "Since the quote was made the plate used free minutes that it counted on.",
        "Ask for another, and show its price.",
    ),
    "price_changed": Words(
        "Another price",
        "What it costs is not what the driver was shown.",
        "Read the session again, show `extensions`, and ask the driver once more.",
    ),
    "zone_closed": Words(
        "Zone closed",
        "Its operator sells nothing in this zone now.",
        "Pay on the spot, or choose another zone.",
    ),
    "zone_ambiguous": Words(
        "Several zones with this code",
        "Operators number their zones by themselves, and several have this code.",
        "Send `retailer_id` as well; `detail` names the operators.",
    ),
    "zone_not_paid": Words(
        "Nothing to pay",
        "No tariff is in force in this zone at that time.",
        "Nothing has to be done here; heed the signs.",
    ),
    "parking_forbidden": Words(
        "Parking restricted",
        "A restriction of the zone begins before the stay would end.",
        "Choose an earlier end, or another zone; `detail` says when and why.",
    ),
    "stay_not_allowed": Words(
        "No such stay",
        "The tariff has no stay of that length from that time.",
        "`errors` says until when one may stay.",
    ),
    "already_parked": Words(
        "Parked already",
        "This plate has a session in this zone, perhaps by another person's phone.",
        "Extend or stop that one. It ends by itself in time.",
    ),
    "no_return": Words(
        "Back too early",
        "Who leaves this zone may not park there again for a while, whoever pays.",
        "`detail` says from when.",
    ),
    "stay_ended": Words(
        "Session over",
        "The parking session was stopped, ran out, or never began.",
        "Begin another with a new quote.",
    ),
    "payment_pending": Words(
        "Payment under way",
        "A payment of this session is not decided yet.",
        "Read the session until it is; where `payment` says `requires_action`, let the bank confirm it.",
    ),
    "payment_declined": Words(
        "Payment declined",
        "The provider took no money, so nothing began and nothing was extended.",
        "Try another payment method, with a new `Idempotency-Key`.",
    ),
    "not_paid_yet": Words(
        "No receipt yet",
        "Nothing has been paid for this session, so there is nothing to receipt.",
        "Wait until its `state` is `active`.",
    ),
}
