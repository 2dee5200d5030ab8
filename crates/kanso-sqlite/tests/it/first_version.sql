-- One user with four live habits and a tombstone, as the first schema holds them.

INSERT INTO server (id, epoch) VALUES (1, 7);
INSERT INTO emails (email, user_id)
VALUES ('person1@example.org', x'00000000000000000000000000000001');
INSERT INTO users (user_id, email, password_hash, timezone, week_start, day_start, created_at,
                   head_seq, last_change_at)
VALUES (x'00000000000000000000000000000001', 'person1@example.org', 'hash of 1', 'Europe/Rome',
        'monday', '00:00', 1768392000000000, 5, 1768392000000005);

INSERT INTO habits (user_id, id, title, description, color, icon, sort_order, type,
                    frequency_type, weekdays, interval, times_per_week, target_value,
                    target_direction, unit, reminder_time, start_date, end_date, archived_at,
                    seq, version, created_at, updated_at, deleted_at)
VALUES
-- Created in the last microsecond of 14 January 2026, UTC.
(x'00000000000000000000000000000001', x'00000000000000000000000000000001', 'Read', '', '#6366F1',
 'check', 0, 'boolean', 'daily', NULL, NULL, NULL, 1000, 'at_least', '', NULL, NULL, NULL, NULL,
 1, 3, 1768435199999999, 1768435199999999, NULL),
-- Created and archived in the first microsecond of the 15th.
(x'00000000000000000000000000000001', x'00000000000000000000000000000002', 'Run', '', '#6366F1',
 'check', 0, 'numeric', 'specific_days', 42, NULL, NULL, 2500, 'at_least', 'km', NULL, NULL, NULL,
 1768435200000000, 2, 1, 1768435200000000, 1768435200000001, NULL),
-- A microsecond before 1970, and its first one.
(x'00000000000000000000000000000001', x'00000000000000000000000000000003', 'Rest', '', '#6366F1',
 'check', 0, 'timer', 'interval', NULL, 3, NULL, 30000, 'at_least', 'min', '21:30', NULL, NULL,
 NULL, 3, 1, -1, 1768435200000002, NULL),
(x'00000000000000000000000000000001', x'00000000000000000000000000000004', 'Smoke', '', '#6366F1',
 'check', 0, 'numeric', 'weekly', NULL, NULL, 4, 0, 'at_most', '', NULL, NULL, NULL, NULL,
 4, 1, 0, 1768435200000003, NULL),
(x'00000000000000000000000000000001', x'00000000000000000000000000000005', 'Deleted', '', '#6366F1',
 'check', 0, 'boolean', 'daily', NULL, NULL, NULL, 1000, 'at_least', '', NULL, NULL, NULL, NULL,
 5, 2, 1768435200000000, 1768435200000004, 1768435200000004);
