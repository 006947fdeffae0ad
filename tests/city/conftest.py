"""Small OpenStreetMap files made by hand, and the one real one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import osmium
import pytest
from osmium.osm.mutable import Node, Relation, Way

from api.demo_city import HELSINKI_TIME_ZONE, helsinki_file
from api.embedded import Cluster
from api.importer import import_city

WriteOsm = Callable[[Sequence[Any]], Path]

CITY = "helsinki_imported"
# Six decimals are about ten centimetres.
METRE = 0.000009


def square(first_node_id: int, lat: float, lon: float, side_m: float) -> list[Node]:
    """The four corners of a square whose south-west corner is (lat, lon); sides in metres of latitude."""
    side = side_m * METRE
    corners = [(lon, lat), (lon + side, lat), (lon + side, lat + side), (lon, lat + side)]
    return [Node(id=first_node_id + n, location=corner) for n, corner in enumerate(corners)]


def ring(way_id: int, first_node_id: int, **tags: str) -> Way:
    nodes = [first_node_id + n for n in (0, 1, 2, 3, 0)]
    return Way(id=way_id, nodes=nodes, tags={key.replace("__", ":"): value for key, value in tags.items()})


@pytest.fixture
def write_osm(tmp_path: Path) -> WriteOsm:
    """Write objects in the given order (nodes, ways, relations) into an uncompressed .osm.pbf."""

    def write(entities: Sequence[Any]) -> Path:
        path = tmp_path / "small.osm.pbf"
        target = osmium.io.File(str(path), "pbf,pbf_compression=none")
        with osmium.SimpleWriter(target, overwrite=True) as writer:
            for entity in entities:
                if isinstance(entity, Node):
                    writer.add_node(entity)
                elif isinstance(entity, Way):
                    writer.add_way(entity)
                elif isinstance(entity, Relation):
                    writer.add_relation(entity)
        return path

    return write


@pytest.fixture(scope="session")
def city_template(cluster: Cluster) -> str:
    """The name of a database with Helsinki in it, to be cloned; made once."""
    cluster.create_database(CITY, template="migrated")
    asyncio.run(_import_helsinki(cluster.url(CITY)))
    return CITY


async def _import_helsinki(url: str) -> None:
    connection = await asyncpg.connect(url)
    await import_city(connection, helsinki_file(), time_zone=HELSINKI_TIME_ZONE)
    await connection.close()


@pytest.fixture
def city_url(cluster: Cluster, city_template: str) -> Iterator[str]:
    """The URL of this test's own copy of imported Helsinki."""
    cluster.create_database("helsinki_copy", template=city_template)
    yield cluster.url("helsinki_copy")
    cluster.drop_database("helsinki_copy")
