-- The first wording of what is asked, in English and French. A published text is never edited:
-- another wording is another version.
INSERT INTO notice_versions (purpose, version, asks_again, published_at)
SELECT purpose, 1, false, alentour_now() FROM unnest(ARRAY[
    'location_offers', 'location_parking', 'personalisation', 'measurement', 'marketing']) AS purpose;

INSERT INTO notices (purpose, version, language, title, text) VALUES
('location_offers', 1, 'en', 'Your location, for offers around you',
 'May we use your phone''s location to notice when you are at a place whose shop you want to hear from? Your positions are not kept: only where you are now, which places you entered or left, and the offers you were given. Say no and everything else still works. You can change your mind at any time, as easily as now; we then forget where you are and cancel what was waiting for you.'),
('location_offers', 1, 'fr', 'Votre position, pour les offres autour de vous',
 'Pouvons-nous utiliser la position de votre téléphone pour voir quand vous êtes dans un lieu dont vous souhaitez recevoir les offres ? Vos positions ne sont pas conservées : seulement où vous êtes maintenant, les lieux où vous êtes entré ou dont vous êtes sorti, et les offres reçues. Si vous refusez, tout le reste fonctionne. Vous pouvez changer d''avis à tout moment, aussi simplement que maintenant ; nous oublions alors où vous êtes et annulons ce qui vous attendait.'),
('location_parking', 1, 'en', 'Your location, for parking',
 'May we use your phone''s location to find the car park or parking zone you are in? It is used for parking only. Without it you can still pay by typing the zone''s code. You can change your mind at any time, as easily as now.'),
('location_parking', 1, 'fr', 'Votre position, pour le stationnement',
 'Pouvons-nous utiliser la position de votre téléphone pour trouver le parking ou la zone où vous êtes ? Elle ne sert qu''au stationnement. Sans elle, vous pouvez toujours payer en tapant le code de la zone. Vous pouvez changer d''avis à tout moment, aussi simplement que maintenant.'),
('personalisation', 1, 'en', 'Offers chosen by your interests',
 'May we use the interests you list to choose between offers? Without it the choice is made without looking at who you are. You can change your mind at any time, as easily as now.'),
('personalisation', 1, 'fr', 'Des offres choisies selon vos intérêts',
 'Pouvons-nous utiliser les intérêts que vous indiquez pour choisir entre plusieurs offres ? Sinon, le choix se fait sans regarder qui vous êtes. Vous pouvez changer d''avis à tout moment, aussi simplement que maintenant.'),
('measurement', 1, 'en', 'Counting whether offers bring people in',
 'May we count whether you come back to a place after an offer? Retailers see only totals of groups, never you. It changes nothing in what you receive. You can change your mind at any time, as easily as now.'),
('measurement', 1, 'fr', 'Mesurer si les offres font venir',
 'Pouvons-nous compter si vous revenez dans un lieu après une offre ? Les commerçants ne voient que des totaux de groupes, jamais vous. Cela ne change rien à ce que vous recevez. Vous pouvez changer d''avis à tout moment, aussi simplement que maintenant.'),
('marketing', 1, 'en', 'Offers from this business',
 'May this business send you its offers in the way named here (a notification, or a message in your inbox)? The answer holds for this business and this way only. There is a limit to how often, and quiet hours at night. You can change your mind at any time, as easily as now; what was waiting for you is then cancelled.'),
('marketing', 1, 'fr', 'Les offres de ce commerce',
 'Ce commerce peut-il vous envoyer ses offres par le moyen indiqué ici (une notification, ou un message dans votre boîte) ? La réponse ne vaut que pour ce commerce et ce moyen. Leur nombre est limité, et la nuit reste calme. Vous pouvez changer d''avis à tout moment, aussi simplement que maintenant ; ce qui vous attendait est alors annulé.');

-- What was shown to people stays as they saw it. These tables are written a few times a year.
CREATE FUNCTION refuse_to_edit_notices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published notice is never edited: publish another version'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER notices_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON notices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_edit_notices();
CREATE TRIGGER notice_versions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON notice_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_edit_notices();
