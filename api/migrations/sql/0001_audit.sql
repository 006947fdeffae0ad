-- What was done with the keys of admins and retailers, and at the command line. Each entry is written in
-- the transaction of what it tells (api.audit). No foreign keys: an entry outlives what it is about.
--
-- retailer_id: whose things it concerns; NULL is the operator's own. Never a customer's id, nor anything
-- else about a person: who looked at whom is kept with that person.
CREATE TABLE audit_log (
    entry_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at  timestamptz NOT NULL,
    role         text NOT NULL CHECK (role IN ('admin', 'manage', 'till', 'read', 'command')),
    key_id       text,
    first_key_id text,
    retailer_id  bigint,
    operation    text NOT NULL CHECK (length(operation) BETWEEN 1 AND 100),
    subject_kind text CHECK (length(subject_kind) BETWEEN 1 AND 40),
    subject_id   text CHECK (length(subject_id) BETWEEN 1 AND 400),
    request_id   text,
    changed      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(changed) = 'object'),
    reason       text CHECK (length(reason) BETWEEN 1 AND 500),
    CHECK ((role = 'command') = (key_id IS NULL)),
    CHECK ((key_id IS NULL) = (first_key_id IS NULL)),
    CHECK (subject_id IS NULL OR subject_kind IS NOT NULL AND subject_kind <> 'customer')
);
CREATE INDEX ON audit_log (retailer_id, entry_id);
CREATE INDEX ON audit_log (recorded_at);

-- Append-only against slips and faults of ours: whoever owns the table can still drop this trigger. Not a
-- hot table, so a trigger does no harm. Only forget_audit_entries, below, may delete.
CREATE FUNCTION refuse_to_rewrite_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('alentour.forgets_audit', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit_log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_audit();

-- Retention: entries from before p_before, at most p_at_once of them, the oldest first; how many there
-- were. Whatever is asked, nothing of the last year goes. The setting holds inside this function only.
CREATE FUNCTION forget_audit_entries(p_before timestamptz, p_at_once integer) RETURNS bigint
LANGUAGE plpgsql SET alentour.forgets_audit = 'yes' AS $$
DECLARE
    v_forgotten bigint;
BEGIN
    WITH old AS MATERIALIZED (
        SELECT entry_id FROM audit_log
        WHERE recorded_at < least(p_before, alentour_now() - interval '1 year')
        ORDER BY recorded_at LIMIT p_at_once FOR UPDATE SKIP LOCKED
    )
    DELETE FROM audit_log AS a USING old WHERE a.entry_id = old.entry_id;
    GET DIAGNOSTICS v_forgotten = ROW_COUNT;
    RETURN v_forgotten;
END
$$;
