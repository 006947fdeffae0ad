-- What explaining needs: phones that a retailer may try things on, and what is tried there.

-- A code shown to somebody who may let a phone of theirs be tried on; only its hash, and not for long.
CREATE TABLE test_phone_invitations (
    code_hash   bytea PRIMARY KEY,
    retailer_id bigint NOT NULL REFERENCES retailers,
    label       text NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX ON test_phone_invitations (retailer_id);

-- A phone whose person lets one retailer try things on it. The id names its bucket.
CREATE TABLE test_phones (
    bucket        smallint NOT NULL,
    customer_id   uuid NOT NULL,
    device_id     uuid NOT NULL,
    retailer_id   bigint NOT NULL REFERENCES retailers,
    test_phone_id text NOT NULL,
    label         text NOT NULL,
    accepted_at   timestamptz NOT NULL,
    PRIMARY KEY (bucket, device_id, retailer_id),
    UNIQUE (bucket, test_phone_id),
    FOREIGN KEY (bucket, device_id) REFERENCES devices ON DELETE CASCADE
);
CREATE INDEX test_phones_of_retailer ON test_phones (retailer_id, test_phone_id);

-- An offer shown on a test phone: never a delivery, so that nothing counts, caps or redeems it.
CREATE TABLE previews (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    device_id   uuid NOT NULL,
    preview_id  uuid NOT NULL,
    retailer_id bigint NOT NULL,
    offer_id    bigint NOT NULL,
    channel     text NOT NULL,
    tags        text[] NOT NULL,
    content     json NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, device_id, preview_id),
    FOREIGN KEY (bucket, device_id, retailer_id) REFERENCES test_phones ON DELETE CASCADE
);
