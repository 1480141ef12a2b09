-- The models that a key may use: classes and patterns with blanks between them; empty is all models.
ALTER TABLE keys ADD COLUMN models TEXT NOT NULL DEFAULT '';
