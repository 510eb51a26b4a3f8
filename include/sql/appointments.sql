-- Appointments that fall due in the window. Rows without a due date come along, so that the report names them.
SELECT
    followup_id, task_type, subject, owner_email, owner_id, due_at, end_at, duration_minutes,
    description, location, related_to, related_id, reminder_minutes, notify_owner, custom_fields, cancelled
FROM followups
WHERE feed = 'appointments'
  AND ((due_at >= :window_start AND due_at < :window_end) OR due_at IS NULL)
