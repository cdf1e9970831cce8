-- Schema 2, on top of schema 1: who has which sub-port extension of which account, or had it last.
CREATE TABLE extension (account TEXT NOT NULL, digits TEXT NOT NULL, shop INTEGER NOT NULL REFERENCES shop(id),
    since INTEGER NOT NULL, assigned INTEGER NOT NULL, released INTEGER, PRIMARY KEY (account, digits)) WITHOUT ROWID;
CREATE INDEX extension_shop ON extension (shop);
-- Schema 1 kept them in the shops' settings, where two shops could bind one. Such a one is nobody's: replies to it go to
-- the next step of attribution.
INSERT INTO extension
    SELECT account, digits, min(shop), 0, 0, NULL FROM (
        SELECT s.id AS shop, a.key AS account,
            CASE WHEN a.type = 'object' AND json_type(a.value, '$.extension') = 'text'
                THEN json_extract(a.value, '$.extension') END AS digits
        FROM shop s, json_each(CASE WHEN json_valid(s.settings) THEN s.settings ELSE '{}' END, '$.accounts') a)
    WHERE length(digits) BETWEEN 1 AND 12 AND digits NOT GLOB '*[^0-9]*'
    GROUP BY account, digits HAVING count(*) = 1;
-- The connections that a carrier allows an account: each is one process's at a time.
CREATE TABLE place (account TEXT NOT NULL, place INTEGER NOT NULL, holder BLOB NOT NULL, expires INTEGER NOT NULL,
    PRIMARY KEY (account, place)) WITHOUT ROWID;
-- A report that no answer ever claims is dropped in time; and an answer finds its own without reading the others.
ALTER TABLE inbound ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0;
UPDATE inbound SET recorded = at;
CREATE INDEX inbound_recorded ON inbound (recorded);
CREATE INDEX inbound_reference ON inbound (reference) WHERE reference IS NOT NULL;
-- The segments of a long message, where each has an id and a report (told: whether it was delivered) of its own.
ALTER TABLE handle ADD COLUMN segment INTEGER NOT NULL DEFAULT 1;
ALTER TABLE handle ADD COLUMN segments INTEGER NOT NULL DEFAULT 1;
ALTER TABLE handle ADD COLUMN told INTEGER;
CREATE INDEX handle_person ON handle (request, rid, segment);
-- Requests of which some were found to be taken after a doubt: they wait for reports as well.
UPDATE request SET report_due = NULL WHERE state <> 1;
DROP INDEX request_report_due;
CREATE INDEX request_report_due ON request (report_due) WHERE report_due IS NOT NULL;
-- A program that does not know the registry would give an extension twice and send from one that it was not given.
INSERT INTO meta VALUES ('oldest_reader', 2);
