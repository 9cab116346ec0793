-- Which conversations have a call that waits for a decision: the sweep and the list of approvals look for them.

ALTER TABLE conversations ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversations_asked ON conversations (updated_ms) WHERE asked = 1;
