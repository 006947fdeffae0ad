"""Reading OpenStreetMap: what becomes a place, and what odd tags do (nothing worse than be counted)."""

from pathlib import Path

import pytest
import shapely
from osmium.osm.mutable import Node, Relation, Way

from api.demo_city import helsinki_file
from geo.errors import InvalidInput
from geo.osm import City, read_city
from tests.city.conftest import WriteOsm, ring, square


def shop(node_id: int = 1, **tags: str) -> Node:
    return Node(id=node_id, location=(24.94, 60.17), tags={"shop": "bakery", **tags})


def test_a_shop_node_becomes_a_place_with_its_tags(write_osm: WriteOsm):
    node = shop(name="Leipä", opening_hours="Mo-Fr 08:00-18:00", cuisine="bread", operator="Somebody")
    (place,) = read_city(write_osm([node])).places
    assert (place.kind, place.category, place.name) == ("shop", "bakery", "Leipä")
    assert (place.lat, place.lon) == (60.17, 24.94)
    assert place.external_id == "osm:node/1"
    assert place.opening_hours == "Mo-Fr 08:00-18:00"
    assert place.outline is None
    assert place.tags == {"shop": "bakery", "cuisine": "bread"}  # an operator may be a person


def test_a_way_that_carries_the_tags_gives_its_outline(write_osm: WriteOsm):
    path = write_osm([*square(1, 60.0, 25.0, 100), ring(7, 1, amenity="parking", name="P1")])
    (place,) = read_city(path).places
    assert (place.kind, place.external_id) == ("car_park", "osm:way/7")
    assert place.outline is not None
    assert place.outline.bounds == pytest.approx((25.0, 60.0, 25.0009, 60.0009))
    assert place.outline.covers(shapely.Point(place.lon, place.lat))


def test_a_relation_of_ways_gives_its_outline(write_osm: WriteOsm):
    entities = [
        *square(1, 60.0, 25.0, 100),
        *square(11, 60.0002, 25.0002, 40),
        ring(7, 1),
        ring(8, 11),
        Relation(
            id=5,
            members=[("w", 7, "outer"), ("w", 8, "inner")],
            tags={"type": "multipolygon", "building": "yes", "shop": "mall", "name": "Around a yard"},
        ),
    ]
    (place,) = read_city(write_osm(entities)).places
    assert place.external_id == "osm:relation/5"
    assert isinstance(place.outline, shapely.Polygon)
    assert len(place.outline.interiors) == 1
    assert place.outline.covers(shapely.Point(place.lon, place.lat))


def test_a_node_takes_the_smallest_building_around_it(write_osm: WriteOsm):
    entities = [
        *square(1, 60.0, 25.0, 200),
        *square(11, 60.0003, 25.0003, 50),
        Node(id=21, location=(25.0005, 60.0005), tags={"shop": "books"}),
        Node(id=22, location=(25.0015, 60.0015), tags={"shop": "toys"}),
        Node(id=23, location=(25.1, 60.0), tags={"shop": "kiosk"}),
        ring(7, 1, building="yes"),
        ring(8, 11, building="yes"),
    ]
    inner, outer, alone = read_city(write_osm(entities)).places
    assert inner.outline is not None
    assert outer.outline is not None
    assert inner.outline.bounds == pytest.approx((25.0003, 60.0003, 25.00075, 60.00075))
    assert outer.outline.bounds == pytest.approx((25.0, 60.0, 25.0018, 60.0018))
    assert alone.outline is None


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"amenity": "restaurant"}, "restaurant"),
        ({"amenity": "cafe", "shop": "tea"}, "cafe"),
        ({"amenity": "pub"}, "bar"),
        ({"amenity": "fast_food"}, "fast_food"),
        ({"amenity": "parking"}, "car_park"),
        ({"amenity": "bench", "shop": "florist"}, "shop"),
    ],
)
def test_kinds_follow_the_tags(write_osm: WriteOsm, tags: dict[str, str], kind: str):
    (place,) = read_city(write_osm([Node(id=1, location=(1.0, 2.0), tags=tags)])).places
    assert place.kind == kind


@pytest.mark.parametrize("tags", [{"amenity": "bench"}, {"shop": "vacant"}, {"shop": "No"}, {"name": "?"}])
def test_what_is_no_place_of_business_is_left_out(write_osm: WriteOsm, tags: dict[str, str]):
    assert read_city(write_osm([Node(id=1, location=(1.0, 2.0), tags=tags)])).places == []


@pytest.mark.parametrize(
    ("tags", "name", "fault"),
    [
        ({}, "Bakery", None),
        ({"brand": "Chain"}, "Chain", None),
        ({"name": "  \t "}, "Bakery", ("name", "empty")),
        ({"name": "Two\n  lines"}, "Two lines", ("name", "control characters")),
        ({"name": "é" * 255}, "é" * 200, ("name", "longer than 200 characters, cut")),
    ],
)
def test_odd_names_are_mended_and_counted(
    write_osm: WriteOsm, tags: dict[str, str], name: str, fault: tuple[str, str] | None
):
    city = read_city(write_osm([shop(**tags)]))
    assert city.places[0].name == name
    assert city.faults == ({fault: 1} if fault else {})


@pytest.mark.parametrize(
    ("value", "category"),
    [("deli; kitchen", "deli"), ("Hair Dresser", "hair_dresser"), ("レストラン", "yes"), (";", "yes")],
)
def test_a_category_that_is_no_word_is_mended_and_counted(write_osm: WriteOsm, value: str, category: str):
    city = read_city(write_osm([shop(shop=value)]))
    assert city.places[0].category == category
    assert city.faults == {("shop", "not one lower-case word"): 1}


def test_a_capacity_that_is_no_number_is_dropped_and_counted(write_osm: WriteOsm):
    parking = Node(id=1, location=(1.0, 2.0), tags={"amenity": "parking", "capacity": "plenty"})
    city = read_city(write_osm([parking]))
    assert city.places[0].tags == {"amenity": "parking"}
    assert city.faults == {("capacity", "not a whole number"): 1}


def test_bytes_that_are_not_utf8_cost_only_their_object(write_osm: WriteOsm):
    path = write_osm([shop(1, name="replace-me"), shop(2, name="sound")])
    path.write_bytes(path.read_bytes().replace(b"replace-me", b"replace\xff\xfe\xfd"))
    city = read_city(path)
    assert [place.name for place in city.places] == ["sound"]
    assert city.faults == {("any tag", "not UTF-8"): 1}


def test_a_node_without_a_position_is_counted(write_osm: WriteOsm):
    city = read_city(write_osm([Node(id=1, tags={"shop": "books"})]))
    assert city.places == []
    assert city.faults == {("node", "no valid position"): 1}


def test_an_open_way_is_taken_as_a_point(write_osm: WriteOsm):
    way = Way(id=7, nodes=[1, 2, 3, 4], tags={"amenity": "parking"})
    city = read_city(write_osm([*square(1, 60.0, 25.0, 100), way]))
    (place,) = city.places
    assert place.outline is None
    assert (place.lat, place.lon) == pytest.approx((60.00045, 25.00045))
    assert city.faults == {("way", "outline open or cut off, taken as a point"): 1}


def test_a_way_of_missing_nodes_and_a_street_relation_are_counted(write_osm: WriteOsm):
    street = Relation(id=5, members=[("w", 7, "street")], tags={"type": "street", "shop": "yes"})
    city = read_city(write_osm([ring(7, 1, amenity="parking"), street]))
    assert city.places == []
    assert city.faults == {
        ("way", "tagged as a place but has no area and no position"): 1,
        ("relation", "tagged as a place but has no area and no position"): 1,
    }


def test_an_outline_that_crosses_itself_leaves_a_point(write_osm: WriteOsm):
    crossed = Way(id=7, nodes=[1, 2, 4, 3, 1], tags={"amenity": "parking"})
    city = read_city(write_osm([*square(1, 60.0, 25.0, 100), crossed]))
    assert [place.outline for place in city.places] == [None]
    assert city.faults["way", "outline open or cut off, taken as a point"] == 1


def test_streets_and_opening_hours_are_counted(write_osm: WriteOsm):
    entities = [
        *square(1, 60.0, 25.0, 100),
        shop(21, opening_hours="24/7"),
        Node(id=22, location=(25.0, 60.0), tags={"amenity": "library", "opening_hours": "24/7"}),
        Way(id=7, nodes=[1, 2], tags={"highway": "residential"}),
        Way(id=8, nodes=[2, 3], tags={"highway": "footway"}),
    ]
    city = read_city(write_osm(entities))
    assert (city.streets, city.opening_hours) == (2, 2)


def test_progress_is_reported_while_reading(write_osm: WriteOsm):
    seen: list[tuple[str, int, int | None]] = []
    read_city(write_osm([shop()]), lambda *step: seen.append(step))
    assert seen == [("reading", 0, None)]


@pytest.mark.parametrize("content", [b"", b"this is no map", b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18\xff"])
def test_a_file_that_is_no_map_is_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "broken.osm.pbf"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"broken\.osm\.pbf"):
        read_city(path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(InvalidInput, match="nowhere"):
        read_city(tmp_path / "nowhere.osm.pbf")


@pytest.fixture(scope="module")
def helsinki() -> City:
    return read_city(helsinki_file())


def test_central_helsinki_has_its_shops_restaurants_and_car_parks(helsinki: City):
    """515 objects carry shop=; two of them are whole streets, four are restaurants or cafés as well."""
    kinds = [place.kind for place in helsinki.places]
    assert kinds.count("restaurant") == 214
    assert kinds.count("car_park") == 43
    assert sum("shop" in place.tags for place in helsinki.places) == 513
    assert helsinki.opening_hours == 632
    assert helsinki.streets == 2650


def test_most_places_of_helsinki_lie_in_a_building(helsinki: City):
    assert sum(place.outline is not None for place in helsinki.places) > 850
    for place in helsinki.places:
        if place.outline is not None and place.osm_type == "node":
            assert place.outline.covers(shapely.Point(place.lon, place.lat))
