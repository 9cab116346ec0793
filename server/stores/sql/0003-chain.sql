-- The hash chain of each conversation (server/stores/chain.py); opening the file fills it for rows that are there already.

ALTER TABLE events ADD COLUMN chain BLOB NOT NULL DEFAULT x'';
ALTER TABLE conversations ADD COLUMN chain BLOB NOT NULL DEFAULT x'';
