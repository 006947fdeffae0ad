-- A menu of a site. `card` is what its retailer is writing (offers.menus.card); phones see the published version.
CREATE TABLE menus (
    menu_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_id       bigint NOT NULL REFERENCES retailers,
    site_id           bigint NOT NULL REFERENCES sites ON DELETE CASCADE,
    external_id       text CHECK (length(external_id) BETWEEN 1 AND 200),
    card              jsonb NOT NULL CHECK (jsonb_typeof(card) = 'object'),
    content_hash      text NOT NULL CHECK (length(content_hash) = 64),
    published_version integer,
    last_version      integer NOT NULL DEFAULT 0,
    revision          integer NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    UNIQUE (retailer_id, external_id),
    CHECK (published_version <= last_version)
);
CREATE INDEX menus_retailer_id_menu_id_idx ON menus (retailer_id, menu_id);
CREATE INDEX menus_site_id_idx ON menus (site_id);

-- What was ever published. Shown from published_at until ended_at, when another version or nothing followed.
CREATE TABLE menu_versions (
    menu_id      bigint NOT NULL REFERENCES menus ON DELETE CASCADE,
    version      integer NOT NULL CHECK (version >= 1),
    card         jsonb NOT NULL,
    content_hash text NOT NULL,
    published_at timestamptz NOT NULL,
    ended_at     timestamptz CHECK (ended_at >= published_at),
    PRIMARY KEY (menu_id, version)
);
CREATE UNIQUE INDEX one_version_is_shown ON menu_versions (menu_id) WHERE ended_at IS NULL;
ALTER TABLE menus ADD FOREIGN KEY (menu_id, published_version) REFERENCES menu_versions DEFERRABLE INITIALLY DEFERRED;

-- Against slips and faults of ours; not a hot table. Only when a version ended is ever added.
CREATE FUNCTION refuse_to_rewrite_menu_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was published of a menu stays as it was' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER menu_versions_stay BEFORE UPDATE OF menu_id, version, card, content_hash, published_at
    ON menu_versions FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_menu_versions();

-- What runs out during the day and comes back, as it was said: no version, but never forgotten.
-- sold_out_until: 'infinity' until it is put back; NULL puts it back.
CREATE TABLE menu_availability (
    menu_id        bigint NOT NULL REFERENCES menus ON DELETE CASCADE,
    event_no       bigint GENERATED ALWAYS AS IDENTITY,
    item_id        text NOT NULL CHECK (length(item_id) BETWEEN 1 AND 64),
    sold_out_until timestamptz,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (menu_id, event_no)
);
CREATE INDEX menu_availability_of_item ON menu_availability (menu_id, item_id, event_no DESC);

-- The menus that phones may see, as filters and lists read them: made anew in the transaction that publishes.
-- languages: in which the whole card can be read. Prices in minor units, of the cheapest and the dearest item.
CREATE TABLE published_menus (
    menu_id          bigint PRIMARY KEY REFERENCES menus ON DELETE CASCADE,
    site_id          bigint NOT NULL REFERENCES sites ON DELETE CASCADE,
    retailer_id      bigint NOT NULL REFERENCES retailers,
    version          integer NOT NULL,
    published_at     timestamptz NOT NULL,
    language         text NOT NULL,
    languages        text[] NOT NULL,
    name             jsonb NOT NULL,
    cuisines         text[] NOT NULL,
    currency         text NOT NULL,
    opening_hours    text,
    items            integer NOT NULL CHECK (items >= 0),
    price_from_minor bigint,
    price_to_minor   bigint,
    FOREIGN KEY (menu_id, version) REFERENCES menu_versions
);
CREATE INDEX published_menus_of_site ON published_menus (site_id);
CREATE INDEX published_menus_cuisines ON published_menus USING gin (cuisines);

-- Every item and formula of them. Bits as in offers.menus.allergens and offers.menus.diets.
-- allergens: NULL is not stated, 0 none declared. special_on: on that day only, in the site's zone.
CREATE TABLE menu_items (
    menu_id        bigint NOT NULL REFERENCES published_menus ON DELETE CASCADE,
    item_no        integer NOT NULL,
    site_id        bigint NOT NULL,
    item_id        text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('item', 'formula', 'special')),
    price_minor    bigint NOT NULL CHECK (price_minor >= 0),
    price_to_minor bigint NOT NULL CHECK (price_to_minor >= price_minor),
    currency       text NOT NULL,
    allergens      integer,
    traces         integer NOT NULL DEFAULT 0,
    diets          integer NOT NULL DEFAULT 0,
    special_on     date CHECK ((special_on IS NOT NULL) = (kind = 'special')),
    sold_out_until timestamptz,
    PRIMARY KEY (menu_id, item_no),
    CHECK (allergens IS NOT NULL OR traces = 0)
);
CREATE INDEX menu_items_of_site ON menu_items (site_id, menu_id) INCLUDE
    (kind, price_minor, currency, allergens, traces, diets, special_on, sold_out_until);
CREATE INDEX menu_items_sold_out ON menu_items (menu_id, item_id) WHERE sold_out_until IS NOT NULL;

-- An offer may lead to a menu.
ALTER TABLE offers ADD COLUMN menu_id bigint REFERENCES menus ON DELETE SET NULL;
CREATE INDEX offers_menu_id_idx ON offers (menu_id) WHERE menu_id IS NOT NULL;
