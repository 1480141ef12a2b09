-- Ids of requests begin with the millisecond of their start from here on. Up to this row they are random, and found by a walk.
INSERT INTO meta SELECT 'requests_with_random_ids', coalesce(max(rowid), 0) FROM requests;
