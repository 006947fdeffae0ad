"""Every problem in French."""

from collections.abc import Mapping
from typing import Final

from api.problem_types.words import Words

WORDS: Final[Mapping[str, Words]] = {
    "invalid_input": Words(
        "Saisie invalide",
        "Un membre du corps ou un paramètre manque, est inconnu, d'un mauvais type ou hors limites.",
        "`errors` nomme chaque champ et ce qui ne va pas. Corrigez, puis renvoyez la requête.",
    ),
    "malformed_json": Words(
        "JSON mal formé",
        "Le corps est vide, coupé, ou n'est pas du JSON valide en UTF-8.",
        "Envoyez une valeur JSON complète. NaN, Infinity et les virgules finales ne sont pas du JSON.",
    ),
    "nested_too_deeply": Words(
        "Imbrication trop profonde",
        "Le corps est du JSON, mais ses objets et tableaux sont imbriqués sur plus de niveaux qu’on n’en"
        " lit ici.",
        "Envoyez une structure plus plate. `detail` donne la limite.",
    ),
    "malformed_gzip": Words(
        "Gzip mal formé",
        "Le corps annonce `Content-Encoding: gzip`, mais ne se décompresse pas ou s'arrête trop tôt.",
        "Compressez le corps entier, ou envoyez-le sans compression et sans cet en-tête.",
    ),
    "rows_refused": Words(
        "Lignes refusées",
        "Certaines lignes de l'import sont inutilisables ; aucune n'a été écrite.",
        "`errors` nomme lignes et champs. Corrigez-les, ou envoyez `partial=true` pour écrire les bonnes.",
    ),
    "code_malformed": Words(
        "Pas un code d'offre",
        "Un code d'offre a dix lettres et chiffres ; ce n'est pas le cas de celui-ci.",
        "Demandez au client de relire le code. Casse, espaces et tirets n'importent pas.",
    ),
    "unknown_notice": Words(
        "Notice inconnue",
        "Le consentement nomme une version ou une langue de notice qui n'a jamais été publiée.",
        "Lisez `GET /v1/notices`, montrez ce texte, et renvoyez sa version et sa langue.",
    ),
    "sensitive_place": Words(
        "Lieu sensible",
        "Une zone désignerait un lieu de culte ou de soins, un syndicat, un parti ou un lieu semblable. Y"
        " être révèle ce que personne ne peut demander (RGPD, art. 9) : aucune zone autour de ces lieux.",
        "Ne tracez pas de zone ici. Le site peut rester, et se montre à qui regarde autour de soi.",
    ),
    "webhook_unsigned": Words(
        "Webhook non signé",
        "Ce webhook n'est pas signé avec le secret convenu, ou l'a été il y a plus de cinq minutes.",
        "Vérifiez le secret auprès du prestataire, et l'horloge de ce serveur.",
    ),
    "idempotency_key_required": Words(
        "Clé d'idempotence requise",
        "Le faire deux fois serait nuisible : la requête doit porter un `Idempotency-Key`.",
        "Tirez une clé au hasard pour chaque chose à faire, et gardez-la pour tous ses renvois.",
    ),
    "unauthenticated": Words(
        "Non authentifié",
        "L'en-tête `Authorization` manque, ou sa clé ou son jeton est inconnu, expiré ou révoqué.",
        "Envoyez `Authorization: Bearer …` avec une clé (`ak_…`) ou un jeton d'appareil (`dt_…`) valide. Un"
        " téléphone dont le jeton est révoqué s'enregistre à nouveau.",
    ),
    "forbidden": Words(
        "Non autorisé",
        "La clé est valide, mais son rôle ou son propriétaire ne permet pas cela.",
        "Utilisez une clé ayant le rôle nommé dans la réponse, ou adressez-vous à un administrateur.",
    ),
    "device_pending": Words(
        "Appareil pas encore confirmé",
        "Ce téléphone a rejoint un client par un code et attend le oui du premier téléphone.",
        "Confirmez-le sur le premier téléphone, puis renvoyez la requête. D'ici là son jeton n'ouvre rien.",
    ),
    "no_personalisation_consent": Words(
        "Pas de consentement à la personnalisation",
        "Le client n'a pas accepté la personnalisation : aucun commerce ne reçoit de nom pour lui.",
        "Demandez une fois, avec la notice `personalisation`, et respectez un non.",
    ),
    "no_dietary_consent": Words(
        "Pas de consentement à conserver un régime",
        "Le client n'a pas accepté que ses allergies et régimes soient conservés. Rien n'a été lu ni gardé.",
        "Filtrez sur le téléphone : les menus portent allergènes et régimes. Pour les conserver ici, demandez"
        " séparément, avec la notice `dietary`, et respectez un non.",
    ),
    "stopped_by_operator": Words(
        "Arrêté par l'opérateur",
        "L'opérateur de ce système l'a arrêté, et lui seul peut le faire reprendre.",
        "Demandez à l'opérateur pourquoi, et de le faire reprendre.",
    ),
    "no_location_consent": Words(
        "Pas de consentement à la localisation",
        "Le client n'a pas accepté que sa position serve à cela. Rien n'a été lu ni gardé.",
        "Cessez d'envoyer des positions. Demandez une fois, avec la notice `location_offers` ou, pour"
        " stationner, `location_parking`, et respectez un non. Par le code du panneau, aucune position n'est"
        " nécessaire.",
    ),
    "age_not_declared": Words(
        "Âge non déclaré",
        "Un consentement vient de quelqu'un qui n'a pas dit son âge, et compte jusque-là comme mineur.",
        "Demandez d'abord la tranche d'âge et envoyez-la : `PATCH /v1/me/preferences`. Ne la choisissez pas"
        " à sa place.",
    ),
    "under_age": Words(
        "Trop jeune",
        "La personne est trop jeune pour ce consentement : le marketing est réservé aux adultes, et tout"
        " consentement demande l'âge de la majorité numérique de son pays.",
        "Ne le demandez pas. Dire non, et regarder autour de soi sans offres, reste ouvert à tous.",
    ),
    "not_found": Words(
        "Introuvable",
        "Cela n'existe pas, ou appartient à quelqu'un d'autre : la réponse est volontairement la même.",
        "Vérifiez l'identifiant, et que la clé ou le jeton est celui du propriétaire. Un administrateur nomme"
        " le propriétaire par `retailer_id`.",
    ),
    "route_not_found": Words(
        "Adresse inconnue",
        "Rien n'est servi à ce chemin.",
        "Cherchez le chemin dans la page `/docs`.",
    ),
    "code_unknown": Words(
        "Code inconnu",
        "Aucune offre remise par ce commerce ne porte ce code.",
        "Demandez au client de relire le code, et vérifiez que l'offre est bien de ce commerce.",
    ),
    "method_not_allowed": Words(
        "Méthode non permise",
        "Le chemin existe, mais pas avec cette méthode.",
        "L'en-tête `Allow` énumère les méthodes connues.",
    ),
    "conflict": Words(
        "Conflit",
        "Ce dont parle la requête n'existe plus, ou est encore cité ailleurs.",
        "Relisez l'état présent et décidez à nouveau.",
    ),
    "already_exists": Words(
        "Existe déjà",
        "Un autre porte déjà cet `external_id`.",
        "Remplacez celui-là avec PUT, ou choisissez un autre `external_id`.",
    ),
    "in_use": Words(
        "Encore utilisé",
        "Des offres qui ne sont pas terminées citent ce site ou cette zone ; `detail` les énumère.",
        "Terminez ces offres, ou retirez-en le lieu, puis supprimez à nouveau.",
    ),
    "wrong_move": Words(
        "Impossible à ce stade",
        "L'état de l'offre ne le permet pas : une offre terminée le reste, un brouillon ne s'arrête pas.",
        "Lisez d'abord le `status` de l'offre. Un brouillon ou une offre en pause s'active ; une offre active"
        " se met en pause.",
    ),
    "schedule_is_over": Words(
        "Calendrier terminé",
        "Le `ends_at` de l'offre est passé ; elle ne peut plus être activée.",
        "Donnez à son calendrier un `ends_at` plus tardif, puis activez-la.",
    ),
    "offer_is_active": Words(
        "Offre active",
        "Tant qu'une offre est active, ses déclencheurs, son canal et ses zones ne changent pas.",
        "Mettez-la en pause, modifiez-la, et activez-la de nouveau.",
    ),
    "offer_has_ended": Words(
        "Offre terminée",
        "Une offre terminée ne peut plus être modifiée.",
        "Créez une nouvelle offre avec ce que vous voulez changer.",
    ),
    "offer_is_not_stopped": Words(
        "Offre non arrêtée",
        "Ses remises n'avaient pas de limite : celles faites tant qu'elle court ne sont pas comptées.",
        "Arrêtez l'offre, fixez la limite, et activez-la de nouveau.",
    ),
    "offer_is_not_a_draft": Words(
        "L'offre n'est plus un brouillon",
        "À qui sont les codes d'une offre se décide avant qu'elle ne coure pour la première fois.",
        "Créez une autre offre pour des codes d'une autre sorte, et terminez celle-ci.",
    ),
    "offer_has_own_codes": Words(
        "L'offre utilise les codes d'Alentour",
        "L'offre n'a pas de `code_format` : ses codes sont ceux d'Alentour, il n'y a rien à ajouter.",
        "Fixez `code_format` tant que l'offre est un brouillon, puis ajoutez vos codes.",
    ),
    "budget_is_used": Words(
        "Budget entamé",
        "Le nouveau budget est inférieur à ce qui est déjà donné, prêté à un serveur ou utilisé.",
        "Choisissez un total d'au moins ce qui est utilisé ; `GET /v1/offers/{offer_id}/counts` le dit.",
    ),
    "key_ended": Words(
        "Clé terminée",
        "Une clé révoquée ou expirée ne se renouvelle pas.",
        "Créez une nouvelle clé : `POST /v1/retailers/{retailer_id}/keys`.",
    ),
    "link_code_refused": Words(
        "Code de liaison refusé",
        "Le code est faux, expiré ou épuisé (lequel n'est pas dit), ou son téléphone a été révoqué depuis.",
        "Demandez un nouveau code sur le premier téléphone : `POST /v1/me/link-codes`.",
    ),
    "link_code_waiting": Words(
        "Code de liaison pas encore utilisé",
        "Aucun téléphone n'a utilisé ce code : il n'y a rien à confirmer.",
        "Tapez d'abord le code sur le second téléphone.",
    ),
    "link_code_expired": Words(
        "Code de liaison expiré",
        "Le code, ou le délai pour confirmer le téléphone qui l'a utilisé, est passé après dix minutes.",
        "Demandez un nouveau code : `POST /v1/me/link-codes`.",
    ),
    "link_code_used_up": Words(
        "Code de liaison épuisé",
        "Le code a été mal saisi cinq fois.",
        "Demandez un nouveau code : `POST /v1/me/link-codes`.",
    ),
    "no_link_code_free": Words(
        "Aucun code de liaison libre",
        "Par hasard, tous les codes tirés sont pris en ce moment.",
        "Renvoyez la requête.",
    ),
    "delivery_not_handed": Words(
        "Offre pas encore remise",
        "Aucun téléphone n'a encore reçu cette offre : elle n'a pas pu être affichée.",
        "Lisez d'abord la boîte, et ne rapportez que ce qui vient d'elle, de `/v1/live` ou d'une position.",
    ),
    "delivery_cancelled": Words(
        "Offre annulée",
        "L'offre a été reprise : elle a été arrêtée, ou le consentement retiré.",
        "Retirez-la de l'écran. Elle ne peut pas être utilisée.",
    ),
    "already_redeemed": Words(
        "Déjà utilisé",
        "Ce code a déjà servi ; un code sert une fois.",
        "N'accordez pas l'offre de nouveau. Le renvoi d'une même utilisation porte le même"
        " `Idempotency-Key`.",
    ),
    "code_expired": Words(
        "Code expiré",
        "Le `expires_at` de l'offre remise est passé.",
        "Le code ne peut plus être utilisé.",
    ),
    "stock_exhausted": Words(
        "Épuisé",
        "Toutes les utilisations prévues au budget de l'offre sont prises.",
        "Augmentez `budget.redemptions`, ou dites au client qu'il ne reste rien.",
    ),
    "tariff_overlaps": Words(
        "Versions de tarif qui se chevauchent",
        "À un moment, deux versions de ce tarif seraient en vigueur : personne ne saurait laquelle payer.",
        "Lisez les versions, et faites commencer celle-ci où finit la précédente. Ce qui a été en vigueur le"
        " reste.",
    ),
    "tariff_in_force": Words(
        "Version de tarif en vigueur",
        "La version a commencé : des conducteurs ont pu payer selon elle, et des reçus la nomment.",
        "Publiez une autre version, qui commence plus tard.",
    ),
    "too_many_plates": Words(
        "Trop de plaques",
        "La personne a déjà dix plaques d'immatriculation.",
        "Supprimez-en une qui ne sert plus, puis ajoutez la nouvelle.",
    ),
    "notice_outdated": Words(
        "Notice dépassée",
        "Le consentement nomme un texte remplacé par un autre, qui dit quelque chose de nouveau.",
        "Lisez `GET /v1/notices`, montrez le texte le plus récent, et redemandez avec lui.",
    ),
    "clock_not_simulated": Words(
        "Horloge non simulée",
        "Ce serveur suit le temps réel, que personne ne règle.",
        "Utilisez un serveur démarré avec `ALENTOUR_CLOCK=simulated` sur une base à lui.",
    ),
    "clock_goes_forward": Words(
        "L'horloge avance",
        "Le temps simulé s'est écoulé et ne revient pas en arrière.",
        "Réglez une heure plus tardive, ou commencez avec une nouvelle base.",
    ),
    "operation_of_another_code": Words(
        "Clé d'un autre encaissement",
        "Cet `Idempotency-Key` a déjà servi à un autre code ; celui-ci n'a pas été utilisé.",
        "Tirez une nouvelle clé au hasard pour chaque code, et gardez-la pour les renvois de ce code seul.",
    ),
    "payment_state": Words(
        "État du paiement",
        "Le paiement est dans un état qui ne le permet pas : seul ce qui a été encaissé peut être remboursé.",
        "Lisez le paiement : son `state` dit où il en est.",
    ),
    "payment_mismatch": Words(
        "Clé d'un autre paiement",
        "Cet `Idempotency-Key` a déjà servi à un autre paiement ou remboursement ; rien n'a été commencé.",
        "Tirez une nouvelle clé au hasard pour chacun, et gardez-la pour les renvois de celui-là seul.",
    ),
    "refund_too_large": Words(
        "Remboursement trop élevé",
        "Il reste moins que cela de ce qui a été encaissé : une part est remboursée, ou en train de l'être.",
        "Lisez le paiement et demandez au plus ce qui reste ; sans `amount_minor`, c'est tout cela.",
    ),
    "idempotency_in_flight": Words(
        "Encore en cours",
        "La première requête portant cet `Idempotency-Key` est encore en cours.",
        "Attendez un instant et renvoyez la même requête avec la même clé : elle aura la même réponse.",
    ),
    "changed_meanwhile": Words(
        "Modifié entre-temps",
        "`If-Match` nomme une autre version que l'actuelle : quelqu'un a été plus rapide.",
        "Relisez, appliquez votre changement à ce que vous avez lu, et envoyez son nouvel ETag.",
    ),
    "body_too_large": Words(
        "Corps trop grand",
        "Le corps, tel qu'envoyé ou décompressé, dépasse ce que cette route accepte.",
        "Envoyez moins à la fois. `detail` nomme la limite.",
    ),
    "url_too_long": Words(
        "Adresse trop longue",
        "Le chemin et la requête dépassent ensemble la longueur permise.",
        "Envoyez moins de paramètres, ou de plus courts. `detail` donne la limite.",
    ),
    "unsupported_media_type": Words(
        "Type de contenu non géré",
        "Le corps n'est pas du JSON, ou son encodage n'est pas lu ici.",
        "Envoyez `application/json` sans compression ; seule `/v1/fixes` lit gzip.",
    ),
    "idempotency_key_reused": Words(
        "Clé d'idempotence réutilisée",
        "Cet `Idempotency-Key` a déjà accompagné une autre requête.",
        "Une nouvelle clé pour chaque chose à faire ; gardez-la seulement pour renvoyer la même requête.",
    ),
    "too_many_requests": Words(
        "Trop de requêtes",
        "Une limite de débit ou de place est atteinte.",
        "Revenez après `Retry-After` secondes.",
    ),
    "rate_limited": Words(
        "Trop souvent",
        "Cette clé, cet appareil ou, pour les inscriptions et les identifiants faux, cette adresse demande"
        " plus souvent que permis. Rien n’a été fait.",
        "Revenez après `Retry-After` secondes. `RateLimit-Policy` dit combien de requêtes (`q`) reviennent"
        " en combien de secondes (`w`).",
    ),
    "overloaded": Words(
        "Surchargé",
        "Il n'y a pas de place pour une requête de plus en ce moment. Rien n'a été fait.",
        "Renvoyez-la après `Retry-After` secondes ; les téléphones gardent leurs positions d'ici là.",
    ),
    "too_many_live_streams": Words(
        "Trop de flux ouverts",
        "Ce client, ou ce serveur, a autant de flux ouverts que permis.",
        "Fermez un flux inutile, et revenez après `Retry-After` secondes.",
    ),
    "headers_too_large": Words(
        "En-têtes trop grands",
        "La requête a plus d’en-têtes, ou de plus grands, qu’on n’en lit ici.",
        "Envoyez moins d’en-têtes, ou de plus courts. `detail` donne les limites.",
    ),
    "internal_error": Words(
        "Erreur interne",
        "Quelque chose s'est mal passé de notre côté.",
        "Réessayez plus tard. Si cela persiste, donnez le `request_id` à l'exploitant.",
    ),
    "unavailable": Words(
        "Indisponible",
        "La base de données est occupée, redémarre ou est hors d'atteinte.",
        "Renvoyez la requête après `Retry-After` secondes, avec le même `Idempotency-Key` ou les mêmes"
        " `fix_id`.",
    ),
    "starting": Words(
        "Démarrage",
        "Ce serveur n'a pas encore chargé sa configuration.",
        "Renvoyez la requête après `Retry-After` secondes.",
    ),
    "configuration_behind": Words(
        "Configuration en retard",
        "Ce serveur ne connaît pas encore une zone qu'un autre connaît déjà.",
        "Rien à faire : le serveur réessaie de lui-même dans la seconde.",
    ),
    "stopping": Words(
        "Arrêt en cours",
        "Ce serveur s'arrête et n'ouvre plus de flux.",
        "Reconnectez-vous après `Retry-After` secondes, avec `Last-Event-ID` : rien n'est perdu.",
    ),
    "outcome_unknown": Words(
        "Issue inconnue",
        "La connexion à la base s'est rompue pendant l'écriture : c'est peut-être enregistré, ou non.",
        "Renvoyez le même lot avec les mêmes `fix_id` : ce qui est enregistré reçoit sa réponse, sans"
        " être refait.",
    ),
    "quote_used": Words(
        "Devis déjà utilisé",
        "Un stationnement a déjà commencé avec ce devis ; chacun n'en commence qu'un.",
        "Demandez-en un autre. Une nouvelle tentative porte le même `Idempotency-Key`.",
    ),
    "quote_expired": Words(
        "Devis expiré",
        "Le prix d'un devis vaut dix minutes.",
        "Demandez-en un autre, montrez son prix et utilisez celui-là.",
    ),
    "quote_without_plate": Words(
        "Devis sans immatriculation",
        "Un devis sans immatriculation donne un prix ; on ne stationne pas avec.",
        "Demandez-en un avec `plate` ou `plate_id`.",
    ),
    "quote_outdated": Words(
        "Devis dépassé",
        "Depuis ce devis, l'immatriculation a utilisé des minutes gratuites sur lesquelles il comptait.",
        "Demandez-en un autre et montrez son prix.",
    ),
    "price_changed": Words(
        "Prix différent",
        "Le prix n'est pas celui que le conducteur a vu.",
        "Relisez le stationnement, montrez `extensions` et redemandez au conducteur.",
    ),
    "zone_closed": Words(
        "Zone fermée",
        "L'exploitant ne vend rien dans cette zone en ce moment.",
        "Payez sur place, ou choisissez une autre zone.",
    ),
    "zone_ambiguous": Words(
        "Plusieurs zones de ce code",
        "Chaque exploitant numérote ses zones ; plusieurs portent ce code.",
        "Envoyez aussi `retailer_id` ; `detail` nomme les exploitants.",
    ),
    "zone_not_paid": Words(
        "Rien à payer",
        "Aucun tarif n'est en vigueur dans cette zone à ce moment.",
        "Il n'y a rien à faire ici ; suivez les panneaux.",
    ),
    "parking_forbidden": Words(
        "Stationnement restreint",
        "Une restriction de la zone commence avant la fin demandée.",
        "Choisissez une fin plus proche ou une autre zone ; `detail` dit quand et pourquoi.",
    ),
    "stay_not_allowed": Words(
        "Durée impossible",
        "Le tarif ne prévoit pas de stationnement de cette durée à ce moment.",
        "`errors` dit jusqu'à quand il est possible de stationner.",
    ),
    "already_parked": Words(
        "Déjà en stationnement",
        "Cette immatriculation a déjà un stationnement dans cette zone, peut-être par un autre téléphone.",
        "Prolongez ou arrêtez celui-là. Il se termine de lui-même.",
    ),
    "no_return": Words(
        "Retour trop tôt",
        "Qui quitte cette zone ne peut y revenir avant un certain temps, peu importe qui paie.",
        "`detail` dit à partir de quand.",
    ),
    "stay_ended": Words(
        "Stationnement terminé",
        "Ce stationnement a été arrêté, est arrivé à son terme ou n'a jamais commencé.",
        "Commencez-en un autre avec un nouveau devis.",
    ),
    "payment_pending": Words(
        "Paiement en cours",
        "Un paiement de ce stationnement n'est pas encore décidé.",
        "Relisez le stationnement ; si `payment` dit `requires_action`, faites confirmer par la banque.",
    ),
    "payment_declined": Words(
        "Paiement refusé",
        "Le prestataire n'a rien débité : rien n'a commencé ni été prolongé.",
        "Essayez un autre moyen de paiement, avec un nouvel `Idempotency-Key`.",
    ),
    "not_paid_yet": Words(
        "Pas encore de reçu",
        "Rien n'a été payé pour ce stationnement : il n'y a rien à justifier.",
        "Attendez que son `state` soit `active`.",
    ),
}
