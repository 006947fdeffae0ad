-- What receipts are signed with (docs/adr/0013). Public keys are kept for good: an old receipt must stay
-- verifiable. The secret half is in a schema of its own, so that a backup can leave it out
-- (pg_dump --exclude-schema=alentour_secrets); without it the next receipt makes a new key.
CREATE TABLE receipt_keys (
    kid        text PRIMARY KEY,
    public_x   text NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX one_receipt_key_in_use ON receipt_keys ((true)) WHERE retired_at IS NULL;

CREATE SCHEMA alentour_secrets;
CREATE TABLE alentour_secrets.receipt_keys (
    kid      text PRIMARY KEY REFERENCES public.receipt_keys,
    secret_d text NOT NULL
);
