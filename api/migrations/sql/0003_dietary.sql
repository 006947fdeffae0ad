-- A purpose of its own: allergies, and some diets, are data concerning health (GDPR Art. 9).
ALTER TABLE notice_versions DROP CONSTRAINT notice_versions_purpose_check;
ALTER TABLE notice_versions ADD CONSTRAINT notice_versions_purpose_check CHECK (purpose IN
    ('location_offers', 'location_parking', 'personalisation', 'measurement', 'dietary', 'marketing'));
ALTER TABLE consents DROP CONSTRAINT consents_purpose_check;
ALTER TABLE consents ADD CONSTRAINT consents_purpose_check CHECK (purpose IN
    ('location_offers', 'location_parking', 'personalisation', 'measurement', 'dietary', 'marketing'));

INSERT INTO notice_versions (purpose, version, asks_again, published_at)
VALUES ('dietary', 1, false, alentour_now());
INSERT INTO notices (purpose, version, language, title, text) VALUES
('dietary', 1, 'en', 'Keeping your allergies and diets',
 'May we keep the allergies and diets you list, to show you menus that suit you on all your phones? This can say something about your health or beliefs, so we ask for your explicit agreement, and for nothing else with it. Restaurants and shops never see it, and it is used for no offer. You do not need to agree: your phone can choose among menus by itself, without telling us. You can change your mind at any time, as easily as now; what you listed is then erased at once. What a menu says comes from the restaurant: with an allergy, always ask there as well.'),
('dietary', 1, 'fr', 'Conserver vos allergies et régimes',
 'Pouvons-nous conserver les allergies et régimes que vous indiquez, pour vous montrer les menus qui vous conviennent sur tous vos téléphones ? Cela peut révéler quelque chose de votre santé ou de vos convictions : nous demandons donc votre accord explicite, et rien d''autre avec lui. Les restaurants et commerces ne le voient jamais, et aucune offre ne s''en sert. Vous n''avez pas besoin d''accepter : votre téléphone peut choisir seul parmi les menus, sans rien nous dire. Vous pouvez changer d''avis à tout moment, aussi simplement que maintenant ; ce que vous avez indiqué est alors effacé aussitôt. Ce que dit un menu vient du restaurant : en cas d''allergie, demandez toujours aussi sur place.');

-- What somebody may not or will not eat: only under that consent, gone with it. Names as in
-- offers.menus.allergens and offers.menus.diets. Nothing that a retailer reads may look in here.
CREATE TABLE customer_diets (
    bucket      smallint NOT NULL,
    customer_id uuid NOT NULL,
    allergens   text[] NOT NULL CHECK (allergens <@ ARRAY[
                'gluten', 'crustaceans', 'eggs', 'fish', 'peanuts', 'soybeans', 'milk', 'nuts', 'celery',
                'mustard', 'sesame', 'sulphites', 'lupin', 'molluscs']),
    diets       text[] NOT NULL CHECK (diets <@ ARRAY[
                'diabetic', 'gluten_free', 'halal', 'hindu', 'kosher', 'low_calorie', 'low_fat',
                'low_lactose', 'low_salt', 'vegan', 'vegetarian']),
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, customer_id),
    FOREIGN KEY (bucket, customer_id) REFERENCES customers
);
