-- The time zone in which a workspace keeps its books and reads its charts.
ALTER TABLE workspaces ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
