-- Requeues acknowledged operations that are missing from the history, which was read up to ?1.
-- An acknowledgement beyond the head is proof of a loss. One at or below the head whose record was
-- not delivered is only a suspicion, so it counts once (is_resent).
UPDATE outbox SET acknowledged_seq = NULL, is_resent = 1
WHERE acknowledged_seq > ?1
   OR acknowledged_seq <= ?1 AND NOT is_resent
  AND NOT EXISTS (
      SELECT 1 FROM base
      WHERE base.entity = outbox.entity AND base.id = outbox.record_id
        AND base.seq >= outbox.acknowledged_seq)
  -- The tombstone of a habit stands for its entries: they are not delivered.
  AND NOT EXISTS (
      SELECT 1 FROM base AS habit
      WHERE habit.entity = 'habit' AND NOT habit.is_live
        AND lower(hex(habit.id)) = replace(body ->> '$.fields.habit_id', '-', ''))
  -- A first pull delivers no tombstones, so neither the records that this device deleted before it
  -- nor their tombstones arrive.
  AND NOT EXISTS (
      SELECT 1 FROM outbox AS deletion
      WHERE deletion.acknowledged_seq <= ?1
        AND deletion.body ->> '$.action' = 'delete'
        AND (deletion.entity = outbox.entity AND deletion.record_id = outbox.record_id
             OR deletion.entity = 'habit'
            AND lower(hex(deletion.record_id))
              = replace(outbox.body ->> '$.fields.habit_id', '-', ''))
        AND NOT EXISTS (
            SELECT 1 FROM base AS kept
            WHERE kept.entity = deletion.entity AND kept.id = deletion.record_id
              AND kept.is_live));
