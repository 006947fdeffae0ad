"""One way to make each change that a key can make: the walk of `test_every_change_leaves_an_entry`.

Whoever adds an unsafe operation behind `requires(…)` adds a line to `CHANGES`; the test says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.http.phones import Phone, new_phone, yes
from tests.http.shops import circle, soup
from tests.menus.cards import small
from tests.parking.operators import tariff, zone
from tests.payments.counter import somebody_paid

SITE = {"name": "Bread", "lat": 60.1646, "lon": 24.9385, "time_zone": "Europe/Helsinki"}
CAP = {"scope": "retailer", "at_most": 1, "window": {"calendar": "day"}}
QUIET = {"quiet_hours": {"start": "22:00", "end": "07:00"}}


@dataclass
class Business:
    """One retailer's things, made by its own key, and an admin beside it."""

    admin: httpx.AsyncClient
    manage: httpx.AsyncClient
    retailer_id: int
    database_url: str

    async def payment_id(self) -> str:
        """Somebody paid this business, with play money."""
        return str(await somebody_paid(self.database_url, self.retailer_id))

    async def fence(self, **properties: Any) -> dict[str, Any]:
        fence: dict[str, Any] = (await self._made("/v1/fences", circle(tags=["soup"], **properties))).json()
        return fence

    async def offer(self, **said: Any) -> dict[str, Any]:
        offer: dict[str, Any] = (await self._made("/v1/offers", soup(**said))).json()
        return offer

    async def active_offer(self) -> int:
        offer_id: int = (await self.offer())["offer_id"]
        assert (await self.manage.post(f"/v1/offers/{offer_id}/activate")).status_code == 200
        return offer_id

    async def cap(self) -> int:
        cap_id: int = (await self._made("/v1/caps", CAP)).json()["cap_id"]
        return cap_id

    async def key_id(self) -> str:
        path = f"/v1/retailers/{self.retailer_id}/keys"
        key_id: str = (await self.admin.post(path, json={"role": "read"})).json()["key_id"]
        return key_id

    async def site_id(self) -> int:
        answer = await self.manage.put(f"/v1/sites/{uuid4().hex}", json=SITE)
        site_id: int = answer.json()["site_id"]
        return site_id

    async def _made(self, path: str, body: Any) -> httpx.Response:
        answer = await self.manage.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer


Change = Callable[[Business], Awaitable[httpx.Response]]


def _rows(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def _site_row() -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [24.94, 60.17]}
    about = {"name": "Bread", "time_zone": "Europe/Helsinki", "external_id": uuid4().hex}
    return {"type": "Feature", "geometry": point, "properties": about}


async def _set_clock(shop: Business) -> httpx.Response:
    return await shop.admin.post("/v1/clock/set", json={"at": "2040-07-01T12:00:00Z"})


async def _advance_clock(shop: Business) -> httpx.Response:
    return await shop.admin.post("/v1/clock/advance", json={"seconds": 1})


async def _tick_clock(shop: Business) -> httpx.Response:
    return await shop.admin.post("/v1/clock/tick", json={"ticking": True})


async def _add_retailer(shop: Business) -> httpx.Response:
    return await shop.admin.post("/v1/retailers", json={"name": "Another"})


async def _stop_retailer(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"/v1/retailers/{shop.retailer_id}/stop")


async def _resume_retailer(shop: Business) -> httpx.Response:
    await _stop_retailer(shop)
    return await shop.manage.post(f"/v1/retailers/{shop.retailer_id}/resume")


async def _add_key(shop: Business) -> httpx.Response:
    return await shop.admin.post(f"/v1/retailers/{shop.retailer_id}/keys", json={"role": "till"})


async def _rotate_key(shop: Business) -> httpx.Response:
    return await shop.admin.post(f"/v1/keys/{await shop.key_id()}/rotate", json={"overlap_s": 60})


async def _revoke_key(shop: Business) -> httpx.Response:
    return await shop.admin.delete(f"/v1/keys/{await shop.key_id()}")


async def _put_site(shop: Business) -> httpx.Response:
    return await shop.manage.put(f"/v1/sites/{uuid4().hex}", json=SITE)


async def _delete_site(shop: Business) -> httpx.Response:
    return await shop.manage.delete(f"/v1/sites/by-id/{await shop.site_id()}")


async def _import_sites(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/sites/import", json=_rows(_site_row(), _site_row()))


async def _create_fence(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/fences", json=circle())


async def _edit_fence(shop: Business) -> httpx.Response:
    fence = await shop.fence()
    return await shop.manage.put(f"/v1/fences/{fence['id']}", json=circle(dwell_s=240))


async def _delete_fence(shop: Business) -> httpx.Response:
    return await shop.manage.delete(f"/v1/fences/{(await shop.fence())['id']}")


async def _import_fences(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/fences/import", json=_rows(circle(external_id=uuid4().hex)))


async def _zone(shop: Business) -> dict[str, Any]:
    return (await _create_zone(shop)).json()


async def _create_zone(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/parking/zones", json=zone(uuid4().hex[:20]))


async def _edit_zone(shop: Business) -> httpx.Response:
    made = await _zone(shop)
    made["properties"]["capacity"] = 12
    return await shop.manage.put(f"/v1/parking/zones/{made['id']}", json=made)


async def _settle_stays(shop: Business) -> httpx.Response:
    path = f"/v1/parking/zones/{(await _zone(shop))['id']}/stay-rules"
    return await shop.manage.put(path, json={"pays_actual_time": True})


async def _delete_zone(shop: Business) -> httpx.Response:
    return await shop.manage.delete(f"/v1/parking/zones/{(await _zone(shop))['id']}")


async def _close_zone(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"/v1/parking/zones/{(await _zone(shop))['id']}/close")


async def _reopen_zone(shop: Business) -> httpx.Response:
    zone_id = (await _close_zone(shop)).json()["id"]
    return await shop.manage.post(f"/v1/parking/zones/{zone_id}/reopen")


async def _import_zones(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/parking/zones/import", json=_rows(zone(uuid4().hex[:20])))


async def _publish_tariff(shop: Business) -> httpx.Response:
    said = tariff(uuid4().hex, valid_from="2097-01-01T00:00:00Z")
    return await shop.manage.post("/v1/parking/tariffs", json=said)


async def _withdraw_tariff(shop: Business) -> httpx.Response:
    tariff_id = (await _publish_tariff(shop)).json()["tariff_id"]
    return await shop.manage.delete(f"/v1/parking/tariffs/{tariff_id}/versions/1")


async def _import_tariffs(shop: Business) -> httpx.Response:
    said = {"tariffs": [tariff(uuid4().hex)]}
    return await shop.manage.post("/v1/parking/tariffs/import", json=said)


async def _import_permits(shop: Business) -> httpx.Response:
    permit = {
        "plate": "AB-123-CD",
        "country": "FR",
        "user_class": f"c{uuid4().hex}",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2099-01-01T00:00:00Z",
    }
    return await shop.manage.post("/v1/parking/permits/import", json={"permits": [permit]})


async def _delete_permit(shop: Business) -> httpx.Response:
    await _import_permits(shop)
    (permit, *_) = (await shop.manage.get("/v1/parking/permits")).json()["items"]
    return await shop.manage.delete(f"/v1/parking/permits/{permit['permit_id']}")


async def _create_offer(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/offers", json=soup())


async def _edit_offer(shop: Business) -> httpx.Response:
    offer = await shop.offer()
    body = {**offer, "priority": 5, "budget": {"deliveries": 10}}
    return await shop.manage.put(f"/v1/offers/{offer['offer_id']}", json=body)


async def _activate_offer(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"/v1/offers/{(await shop.offer())['offer_id']}/activate")


async def _pause_offer(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"/v1/offers/{await shop.active_offer()}/pause")


async def _end_offer(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"/v1/offers/{await shop.active_offer()}/end")


async def _stop_offer(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"/v1/offers/{await shop.active_offer()}/stop")


async def _add_offer_codes(shop: Business) -> httpx.Response:
    offer = await shop.offer(code_format="qr")
    return await shop.manage.post(f"/v1/offers/{offer['offer_id']}/codes", json={"codes": ["A1", "A2"]})


async def _create_menu(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/menus", json={"site_id": await shop.site_id(), **small()})


async def _menu(shop: Business) -> str:
    return f"/v1/menus/{(await _create_menu(shop)).json()['menu_id']}"


async def _replace_menu(shop: Business) -> httpx.Response:
    menu = (await _create_menu(shop)).json()
    return await shop.manage.put(f"/v1/menus/{menu['menu_id']}", json={**menu, "cuisines": ["thai"]})


async def _patch_menu(shop: Business) -> httpx.Response:
    return await shop.manage.patch(await _menu(shop), json={"cuisines": ["thai"]})


async def _patch_menu_item(shop: Business) -> httpx.Response:
    return await shop.manage.patch(f"{await _menu(shop)}/items/leeks", json={"price_minor": 1})


async def _delete_menu(shop: Business) -> httpx.Response:
    return await shop.manage.delete(await _menu(shop))


async def _publish_menu(shop: Business) -> httpx.Response:
    return await shop.manage.post(f"{await _menu(shop)}/publish")


async def _unpublish_menu(shop: Business) -> httpx.Response:
    menu = await _menu(shop)
    await shop.manage.post(f"{menu}/publish")
    return await shop.manage.post(f"{menu}/unpublish")


async def _set_menu_availability(shop: Business) -> httpx.Response:
    out = {"item_ids": ["leeks"], "state": "sold_out"}
    return await shop.manage.put(f"{await _menu(shop)}/availability", json=out)


async def _set_menu_specials(shop: Business) -> httpx.Response:
    stew = small()["specials"][0]["items"]
    return await shop.manage.put(f"{await _menu(shop)}/specials/2031-01-01", json={"items": stew})


async def _import_menus(shop: Business) -> httpx.Response:
    menu = {"external_id": uuid4().hex, "site_id": await shop.site_id(), **small()}
    return await shop.manage.post("/v1/menus/import", json={"menus": [menu]})


async def _create_cap(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/caps", json=CAP)


async def _edit_cap(shop: Business) -> httpx.Response:
    return await shop.manage.put(f"/v1/caps/{await shop.cap()}", json={**CAP, "at_most": 3})


async def _delete_cap(shop: Business) -> httpx.Response:
    return await shop.manage.delete(f"/v1/caps/{await shop.cap()}")


async def _edit_defaults(shop: Business) -> httpx.Response:
    return await shop.admin.put("/v1/defaults", json=QUIET)


async def _import_offers(shop: Business) -> httpx.Response:
    offer = soup(external_id=uuid4().hex)
    return await shop.manage.post("/v1/offers/import", json={"offers": [offer]})


async def _publish_notice(shop: Business) -> httpx.Response:
    text = {"title": "Offers from us", "text": "We would like to write to you."}
    said = {"purpose": "marketing", "asks_again": False, "texts": {"en": text}}
    return await shop.manage.post("/v1/notices", json=said)


async def _put_controller(shop: Business) -> httpx.Response:
    said = {"contact": "hello@shop.example", "privacy_policy_url": "https://shop.example/privacy"}
    return await shop.manage.put("/v1/controllers", json=said)


async def _rotate_receipt_key(shop: Business) -> httpx.Response:
    return await shop.admin.post("/v1/receipts/keys")


async def _set_attributes(shop: Business) -> httpx.Response:
    reference = await (await _somebody(shop)).reference()
    return await shop.manage.put(
        f"/v1/customers/{reference}/attributes", json={"attributes": {"tier": "gold"}}
    )


async def _delete_attributes(shop: Business) -> httpx.Response:
    reference = await (await _somebody(shop)).reference()
    return await shop.manage.delete(f"/v1/customers/{reference}/attributes")


async def _invite_test_phone(shop: Business) -> httpx.Response:
    return await shop.manage.post("/v1/test-phones", json={"label": "Counter"})


async def _remove_test_phone(shop: Business) -> httpx.Response:
    return await shop.manage.delete(f"/v1/test-phones/{await (await _somebody(shop)).test_phone_id()}")


async def _preview_offer(shop: Business) -> httpx.Response:
    offer_id, tried_on = (await shop.offer())["offer_id"], await (await _somebody(shop)).test_phone_id()
    return await shop.manage.post(f"/v1/offers/{offer_id}/preview", json={"test_phone_id": tried_on})


async def _refund_payment(shop: Business) -> httpx.Response:
    path, key = f"/v1/payments/{await shop.payment_id()}/refund", {"idempotency-key": uuid4().hex}
    return await shop.manage.post(path, json={"reason": "left early"}, headers=key)


@dataclass
class _Somebody:
    """A customer who lets this business know them, and try things on their phone."""

    shop: Business
    phone: Phone

    async def reference(self) -> str:
        await self.phone.answers(yes("personalisation"))
        answer = await self.phone.post("/v1/references", {"retailer_id": self.shop.retailer_id})
        reference: str = answer.json()["reference"]
        return reference

    async def test_phone_id(self) -> str:
        code = (await _invite_test_phone(self.shop)).json()["code"]
        answer = await self.phone.post("/v1/test-phones/accept", {"code": code})
        test_phone_id: str = answer.json()["test_phone_id"]
        return test_phone_id


async def _somebody(shop: Business) -> _Somebody:
    return _Somebody(shop, await new_phone(shop.manage))


# By operationId: how to make it change something, and the kind of thing that its entry is about.
CHANGES: Mapping[str, tuple[Change, str]] = {
    "setClock": (_set_clock, "clock"),
    "advanceClock": (_advance_clock, "clock"),
    "tickClock": (_tick_clock, "clock"),
    "addRetailer": (_add_retailer, "retailer"),
    "stopRetailer": (_stop_retailer, "retailer"),
    "resumeRetailer": (_resume_retailer, "retailer"),
    "addKey": (_add_key, "key"),
    "rotateKey": (_rotate_key, "key"),
    "revokeKey": (_revoke_key, "key"),
    "putSite": (_put_site, "site"),
    "deleteSite": (_delete_site, "site"),
    "importSites": (_import_sites, "site"),
    "createFence": (_create_fence, "fence"),
    "editFence": (_edit_fence, "fence"),
    "deleteFence": (_delete_fence, "fence"),
    "importFences": (_import_fences, "fence"),
    "createParkingZone": (_create_zone, "parking_zone"),
    "editParkingZone": (_edit_zone, "parking_zone"),
    "writeStayRules": (_settle_stays, "parking_zone"),
    "deleteParkingZone": (_delete_zone, "parking_zone"),
    "closeParkingZone": (_close_zone, "parking_zone"),
    "reopenParkingZone": (_reopen_zone, "parking_zone"),
    "importParkingZones": (_import_zones, "parking_zone"),
    "publishParkingTariff": (_publish_tariff, "parking_tariff"),
    "withdrawParkingTariffVersion": (_withdraw_tariff, "parking_tariff"),
    "importParkingTariffs": (_import_tariffs, "parking_tariff"),
    "importParkingPermits": (_import_permits, "parking_permit"),
    "deleteParkingPermit": (_delete_permit, "parking_permit"),
    "createOffer": (_create_offer, "offer"),
    "editOffer": (_edit_offer, "offer"),
    "activateOffer": (_activate_offer, "offer"),
    "pauseOffer": (_pause_offer, "offer"),
    "endOffer": (_end_offer, "offer"),
    "stopOffer": (_stop_offer, "offer"),
    "importOffers": (_import_offers, "offer"),
    "addOfferCodes": (_add_offer_codes, "offer"),
    "createMenu": (_create_menu, "menu"),
    "replaceMenu": (_replace_menu, "menu"),
    "patchMenu": (_patch_menu, "menu"),
    "patchMenuItem": (_patch_menu_item, "menu"),
    "deleteMenu": (_delete_menu, "menu"),
    "publishMenu": (_publish_menu, "menu"),
    "unpublishMenu": (_unpublish_menu, "menu"),
    "setMenuAvailability": (_set_menu_availability, "menu"),
    "setMenuSpecials": (_set_menu_specials, "menu"),
    "importMenus": (_import_menus, "menu"),
    "createCap": (_create_cap, "cap"),
    "editCap": (_edit_cap, "cap"),
    "deleteCap": (_delete_cap, "cap"),
    "editDefaults": (_edit_defaults, "defaults"),
    "setAttributes": (_set_attributes, "customer"),
    "deleteAttributes": (_delete_attributes, "customer"),
    "inviteTestPhone": (_invite_test_phone, "test_phone"),
    "removeTestPhone": (_remove_test_phone, "test_phone"),
    "previewOffer": (_preview_offer, "offer"),
    "refundPayment": (_refund_payment, "payment"),
    "publishNotice": (_publish_notice, "notice"),
    "putController": (_put_controller, "controller"),
    "rotateReceiptKey": (_rotate_receipt_key, "receipt_key"),
}
# Of several things, or of somebody whose id is not told.
WITHOUT_ONE = frozenset(
    {
        "importSites",
        "importFences",
        "importOffers",
        "setAttributes",
        "deleteAttributes",
        "inviteTestPhone",
        "removeTestPhone",
        "importParkingZones",
        "importParkingTariffs",
        "importParkingPermits",
        "refundPayment",
        "importMenus",
    }
)
# What concerns nobody's things but the operator's.
OF_THE_OPERATOR = frozenset({"setClock", "advanceClock", "tickClock", "editDefaults", "rotateReceiptKey"})
