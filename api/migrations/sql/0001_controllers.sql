-- Who asks, as a person may write to them; retailer_id NULL is the operator.
CREATE TABLE controllers (
    controller_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id        bigint UNIQUE REFERENCES retailers,
    name               text CHECK (length(name) BETWEEN 1 AND 200),
    contact            text NOT NULL CHECK (length(contact) BETWEEN 1 AND 500),
    privacy_policy_url text NOT NULL CHECK (privacy_policy_url ~ '^https?://'),
    updated_at         timestamptz NOT NULL,
    -- A retailer's name is that of the retailer.
    CHECK ((name IS NULL) = (retailer_id IS NOT NULL))
);
CREATE UNIQUE INDEX one_operator ON controllers ((retailer_id IS NULL)) WHERE retailer_id IS NULL;
