/** The SQL of queues: no statement reads a queue from end to end, but for the purge. */

/**
 * INDEXED BY and NOT INDEXED keep the planner, which knows nothing of the sizes here, from a plan that reads a whole
 * queue.
 */
export const queueStatements = {
  makeQueue: "INSERT INTO queue (name, dedup_window_ms) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
  queueByName: "SELECT id FROM queue WHERE name = ?",
  queueById: "SELECT dedup_window_ms, messages FROM queue WHERE id = ?",
  listQueues: "SELECT name FROM queue WHERE name >= ? AND name < ? ORDER BY name",
  removeQueue: "DELETE FROM queue WHERE id = ?",
  count: "UPDATE queue SET messages = messages + ? WHERE id = ?",
  resetCount: "UPDATE queue SET messages = 0 WHERE id = ?",

  firstOfGroup: "SELECT 1 FROM message INDEXED BY message_group WHERE queue = ? AND group_name = ? LIMIT 1",
  addMessage: `INSERT INTO message (queue, sequence, group_name, is_head, sent_at_ms, visible_at_ms)
    VALUES (?, ?, ?, ?, ?, ?)`,
  addBody: "INSERT INTO message_body (sequence, id, attributes, body) VALUES (?, ?, ?, ?)",

  dueHeads: `SELECT sequence, group_name AS "group" FROM message
    INDEXED BY message_due
    WHERE queue = ? AND is_head = 1 AND visible_at_ms <= ? ORDER BY visible_at_ms, sequence LIMIT ?`,
  followers: `SELECT sequence, visible_at_ms FROM message INDEXED BY message_group
    WHERE queue = ? AND group_name = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
  nextDue: "SELECT min(visible_at_ms) AS at FROM message WHERE queue = ? AND is_head = 1 AND visible_at_ms > ?",
  take: `UPDATE message SET visible_at_ms = ?, first_received_at_ms = coalesce(first_received_at_ms, ?),
      receive_count = receive_count + 1
    WHERE queue = ? AND sequence = ?
    RETURNING group_name, sent_at_ms, first_received_at_ms, receive_count`,
  body: "SELECT id, attributes, body FROM message_body WHERE sequence = ?",

  isPresent: "SELECT 1 FROM message WHERE queue = ? AND sequence = ?",
  removeMessage: `DELETE FROM message
    WHERE queue = ? AND sequence = ? AND receive_count = ? AND receive_count > 0 AND visible_at_ms > ?
    RETURNING group_name, is_head`,
  oldest: "SELECT sequence, sent_at_ms FROM message NOT INDEXED WHERE queue = ? ORDER BY sequence LIMIT ?",
  dropMessage: "DELETE FROM message WHERE queue = ? AND sequence = ? RETURNING group_name, is_head",
  removeBody: "DELETE FROM message_body WHERE sequence = ?",
  promote: `UPDATE message SET is_head = 1 WHERE queue = ? AND sequence =
    (SELECT min(sequence) FROM message INDEXED BY message_group WHERE queue = ? AND group_name = ?)`,
  changeVisibility: `UPDATE message SET visible_at_ms = ?
    WHERE queue = ? AND sequence = ? AND receive_count = ? AND receive_count > 0 AND visible_at_ms > ?`,
  removeBodies: "DELETE FROM message_body WHERE sequence IN (SELECT sequence FROM message WHERE queue = ?)",
  removeMessages: "DELETE FROM message WHERE queue = ?",

  invisible: `SELECT coalesce(sum(receive_count > 0), 0) AS in_flight, coalesce(sum(receive_count = 0), 0) AS delayed
    FROM message WHERE queue = $queue AND is_head IN (0, 1) AND visible_at_ms > $now`,
  oldestVisible: `SELECT sent_at_ms FROM message NOT INDEXED
    WHERE queue = ? AND visible_at_ms <= ? ORDER BY sequence LIMIT 1`,
} as const;
