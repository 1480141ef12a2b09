-- What was compared to choose the upstream key of a request (packed), where there was a choice.
ALTER TABLE requests ADD COLUMN choice BLOB;
