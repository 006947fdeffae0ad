-- What a person's rights need: who they were before, who looked, and what outlives them without them.

-- Whom a customer was before: a joining that left nobody behind. Export and erasure follow it.
CREATE TABLE former_customers (
    bucket             smallint NOT NULL,
    customer_id        uuid NOT NULL,
    former_bucket      smallint NOT NULL,
    former_customer_id uuid NOT NULL,
    joined_at          timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, former_bucket, former_customer_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);
CREATE INDEX ON former_customers (former_bucket, former_customer_id);

-- Which installations a person has: asked at an erasure.
CREATE INDEX installations_of_device ON installations (device_bucket, device_id);

-- An admin looked at a real person, and said why. The person reads it in the export.
CREATE TABLE customer_looks (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    look_id     uuid NOT NULL,
    key_id      text NOT NULL,
    reason      text NOT NULL,
    looked_at   timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id, look_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);

-- What must be shown of somebody who is gone: that a yes or no was said, that a code was used. Each
-- *_proof is an HMAC under a key that no database holds (docs/adr/0012); key_name tells keys apart.
-- Days, not moments; nothing that a person typed.
CREATE TABLE consent_proofs (
    bucket         smallint NOT NULL,
    customer_proof bytea NOT NULL,
    consent_proof  bytea NOT NULL,
    key_name       text NOT NULL,
    position       integer NOT NULL,   -- the order in which that person answered
    purpose        text NOT NULL,
    retailer_id    bigint,
    channel        text,
    is_granted     boolean NOT NULL,
    notice_version integer NOT NULL,
    language       text NOT NULL,
    recorded_on    date NOT NULL,
    erased_on      date NOT NULL,
    PRIMARY KEY (bucket, consent_proof)
);
CREATE INDEX ON consent_proofs (bucket, customer_proof);

CREATE TABLE redemption_proofs (
    bucket           smallint NOT NULL,
    customer_proof   bytea NOT NULL,
    redemption_proof bytea NOT NULL,
    code_proof       bytea NOT NULL,
    key_name         text NOT NULL,
    offer_id         bigint NOT NULL,
    retailer_id      bigint NOT NULL,
    site_id          bigint,
    till_key_id      text NOT NULL,
    redeemed_on      date NOT NULL,
    PRIMARY KEY (bucket, redemption_proof)
);
CREATE INDEX ON redemption_proofs (bucket, customer_proof);
CREATE INDEX ON redemption_proofs (bucket, code_proof);

-- Deliveries that are no longer kept, as numbers: what was given stays given. site_id 0 is none.
CREATE TABLE delivery_totals (
    offer_id       bigint NOT NULL,
    site_id        bigint NOT NULL,
    hour           timestamptz NOT NULL,
    decided        bigint NOT NULL,
    handed         bigint NOT NULL,
    shown          bigint NOT NULL,
    opened         bigint NOT NULL,
    dismissed      bigint NOT NULL,
    less_like_this bigint NOT NULL,
    redeemed       bigint NOT NULL,
    cancelled      bigint NOT NULL,
    PRIMARY KEY (offer_id, site_id, hour)
);
