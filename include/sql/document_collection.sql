-- Documents to be chased in the window. Rows without a due date come along, so that the report names them.
-- Dates go out as local time without a zone, as many warehouses keep them; the feed's `timezone` says what they mean.
SELECT
    followup_id, task_type, subject, owner_email, owner_id,
    due_at AT TIME ZONE 'Asia/Kolkata' AS due_at,
    end_at AT TIME ZONE 'Asia/Kolkata' AS end_at,
    duration_minutes, description, location, related_to, related_id, reminder_minutes, notify_owner,
    custom_fields, cancelled
FROM followups
WHERE feed = 'document_collection'
  AND ((due_at >= :window_start AND due_at < :window_end) OR due_at IS NULL)
