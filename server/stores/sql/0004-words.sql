-- Full text of what was said, noted and of who signed in, for the desk's search; written in the append's transaction.
-- rowid = events.conversation * 2^20 + seq: numbers that a backup keeps, and that an erasure finds at once.

CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "unicode61 remove_diacritics 2");
INSERT INTO words (rowid, text)
  SELECT conversation * 1048576 + seq,
         CASE kind WHEN 'identified'
           THEN coalesce(json_extract(body, '$.name'), '') || ' ' || coalesce(json_extract(body, '$.email'), '')
                || ' ' || coalesce(json_extract(body, '$.customer'), '')
           ELSE json_extract(body, '$.text') END
  FROM events
  WHERE (kind IN ('message', 'note') AND json_extract(body, '$.text') IS NOT NULL)
     OR (kind = 'identified' AND json_extract(body, '$.customer') IS NOT NULL);
