-- Zones and tariffs: what operators define ------------------------------------------------------

-- A tariff is a line of versions (APDS RateTable: a reference is id + version).
CREATE TABLE parking_tariffs (
    tariff_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id bigint NOT NULL REFERENCES retailers,
    external_id text NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE (retailer_id, external_id)
);
CREATE INDEX ON parking_tariffs (retailer_id, tariff_id);

-- Append-only; version is the operator's own number. In force from valid_from (NULL: ever) until valid_until
-- (half-open; NULL: until the next one begins). terms hold no times: what is in force is told here alone.
-- A version that was never in force may be withdrawn; it stays, so that what named it can be explained.
CREATE TABLE parking_tariff_versions (
    tariff_id    bigint NOT NULL REFERENCES parking_tariffs,
    version      integer NOT NULL CHECK (version > 0),
    valid_from   timestamptz,
    valid_until  timestamptz,
    terms        jsonb NOT NULL CHECK (jsonb_typeof(terms) = 'object'),
    published_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (tariff_id, version),
    CHECK (valid_until > valid_from),
    -- The floor under offers.parking.validity. A range of one number has a GiST operator class of its own,
    -- and needs no extension.
    CONSTRAINT parking_tariff_versions_overlap EXCLUDE USING gist (
        int8range(tariff_id, tariff_id, '[]') WITH &&,
        tstzrange(valid_from, valid_until) WITH &&
    ) WHERE (withdrawn_at IS NULL)
);

CREATE FUNCTION parking_tariff_versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a tariff version is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.tariff_id, NEW.version, NEW.valid_from, NEW.terms, NEW.published_at) IS DISTINCT FROM
       (OLD.tariff_id, OLD.version, OLD.valid_from, OLD.terms, OLD.published_at)
       OR (OLD.valid_until IS NOT NULL AND NEW.valid_until IS DISTINCT FROM OLD.valid_until)
       OR (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at) THEN
        RAISE EXCEPTION 'a tariff version is not edited' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER parking_tariff_versions_stay BEFORE UPDATE OR DELETE ON parking_tariff_versions
    FOR EACH ROW EXECUTE FUNCTION parking_tariff_versions_stay();

-- shape is the truth about inside and outside; kerb and buffer_m say how a kerb line was drawn. code is
-- as on the sign, code_key how it is looked up. tariff_id NULL: nothing is paid for here.
CREATE TABLE parking_zones (
    zone_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id  bigint NOT NULL REFERENCES retailers,
    code         text NOT NULL CHECK (length(code) BETWEEN 1 AND 32),
    code_key     text NOT NULL CHECK (length(code_key) BETWEEN 1 AND 32),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    shape        geometry(Geometry, 4326) NOT NULL
                 CHECK (GeometryType(shape) IN ('POLYGON', 'MULTIPOLYGON')),
    kerb         geometry(Geometry, 4326) CHECK (GeometryType(kerb) IN ('LINESTRING', 'MULTILINESTRING')),
    buffer_m     double precision CHECK (buffer_m BETWEEN 2 AND 50),
    time_zone    text NOT NULL,
    country      text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    capacity     integer CHECK (capacity BETWEEN 1 AND 100000),
    tariff_id    bigint REFERENCES parking_tariffs,
    restrictions jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(restrictions) = 'array'),
    closed_at    timestamptz,
    closed_by    text CHECK (closed_by IN ('retailer', 'operator')),
    revision     integer NOT NULL DEFAULT 1,
    -- The revision that brought the shape: only a new shape makes a stay begin anew.
    shape_revision integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (retailer_id, code_key),
    CHECK ((kerb IS NULL) = (buffer_m IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX ON parking_zones USING gist (shape);
CREATE INDEX ON parking_zones (retailer_id, zone_id);
CREATE INDEX ON parking_zones (code_key);
CREATE INDEX ON parking_zones (tariff_id);

-- Who parks as a resident, or in another class: kept by the operator, under the HMAC of the
-- plate alone. zone_ids NULL: in every zone of the operator's.
CREATE TABLE parking_permits (
    permit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id bigint NOT NULL REFERENCES retailers,
    plate_hmac  bytea NOT NULL CHECK (length(plate_hmac) = 32),
    key_name    text NOT NULL,
    user_class  text NOT NULL CHECK (user_class ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    zone_ids    bigint[] CHECK (zone_ids <> '{}'),
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (retailer_id, plate_hmac, user_class),
    CHECK (valid_until > valid_from)
);
CREATE INDEX ON parking_permits (valid_until);

-- Plates of customers -----------------------------------------------------------------------------

-- sealed: encrypted under a key that no database holds; plate_hmac: how it is found (a bare hash of a plate
-- could be tried out in minutes). key_name tells keys apart. used_on: the day it was added or last parked.
CREATE TABLE parking_plates (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    plate_id    uuid NOT NULL,
    plate_hmac  bytea NOT NULL CHECK (length(plate_hmac) = 32),
    sealed      bytea NOT NULL,
    key_name    text NOT NULL,
    label       text CHECK (length(label) BETWEEN 1 AND 60),
    created_at  timestamptz NOT NULL,
    used_on     date NOT NULL,
    PRIMARY KEY (bucket, customer_id, plate_id),
    UNIQUE (bucket, customer_id, plate_hmac),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);
CREATE INDEX ON parking_plates (bucket, used_on);
