/**
 * The tables of a data directory, as the steps that made them. A new database takes all steps, an earlier one those it
 * has not taken yet; there is no other description of the tables. A released step is never edited.
 *
 * Each file carries its application id and, as `user_version`, the number of steps taken.
 */

/** "HRTH": says that a file is one of ours. */
export const applicationId = 0x48_52_54_48;

export interface Schema {
  /** Name of the file in the data directory. */
  readonly file: string;
  /** Step n leads from version n to version n + 1. */
  readonly steps: readonly string[];
}

/** Records and queues: what must be quick. */
export const stateSchema: Schema = {
  file: "state.db",
  steps: [
    /* Numbers given out (revisions, sequences) must not come again when the row with the highest is deleted. */
    `CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

     CREATE TABLE record (key TEXT PRIMARY KEY, json TEXT NOT NULL, revision INTEGER NOT NULL);

     CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, dedup_window_ms INTEGER NOT NULL);

     -- is_head: 1 unless an earlier message of the same group is present. Only heads, and what follows them, are received.
     CREATE TABLE message (
       queue INTEGER NOT NULL, sequence INTEGER NOT NULL, group_name TEXT, is_head INTEGER NOT NULL,
       sent_at_ms INTEGER NOT NULL, visible_at_ms INTEGER NOT NULL, first_received_at_ms INTEGER,
       receive_count INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (queue, sequence)
     ) WITHOUT ROWID;
     CREATE INDEX message_due ON message (queue, is_head, visible_at_ms, sequence, receive_count);
     CREATE INDEX message_group ON message (queue, group_name, sequence) WHERE group_name IS NOT NULL;

     -- Apart from the rows that every receive rewrites.
     CREATE TABLE message_body (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, attributes TEXT NOT NULL, body BLOB NOT NULL);

     CREATE TABLE dedup (
       queue INTEGER NOT NULL, dedup_id TEXT NOT NULL, id TEXT NOT NULL, expires_at_ms INTEGER NOT NULL,
       PRIMARY KEY (queue, dedup_id)
     ) WITHOUT ROWID;
     CREATE INDEX dedup_expiry ON dedup (expires_at_ms);`,

    /* Statistics of a queue that do not count its messages each time. */
    `ALTER TABLE queue ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
     UPDATE queue SET messages = (SELECT count(*) FROM message WHERE message.queue = queue.id);`,

    /* What is answered for a duplicate. */
    `ALTER TABLE dedup ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;`,
  ],
};

/** Streams: what may be much, in a file of its own so that its commits delay nothing else. */
export const streamsSchema: Schema = {
  file: "streams.db",
  steps: [
    `CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

     CREATE TABLE stream (
       id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
       last_position INTEGER NOT NULL, bytes INTEGER NOT NULL DEFAULT 0
     );

     CREATE TABLE shard (
       id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, name TEXT NOT NULL,
       first_timestamp_ms REAL NOT NULL, last_timestamp_ms REAL NOT NULL, last_position INTEGER NOT NULL,
       bytes INTEGER NOT NULL,
       UNIQUE (stream, name)
     );

     CREATE TABLE entry (
       stream INTEGER NOT NULL, position INTEGER NOT NULL, shard INTEGER NOT NULL, timestamp_ms REAL NOT NULL,
       data BLOB NOT NULL,
       PRIMARY KEY (stream, position)
     ) WITHOUT ROWID;
     CREATE INDEX entry_shard ON entry (shard, position);`,

    /* Reads and trims by time skip the zones of 1024 positions that hold nothing of that time. */
    `CREATE TABLE zone (
       stream INTEGER NOT NULL, zone INTEGER NOT NULL, first_ms REAL NOT NULL, last_ms REAL NOT NULL,
       PRIMARY KEY (stream, zone)
     ) WITHOUT ROWID;
     INSERT INTO zone
       SELECT stream, position >> 10, min(timestamp_ms), max(timestamp_ms) FROM entry GROUP BY stream, position >> 10;`,
  ],
};

export const schemas: readonly Schema[] = [stateSchema, streamsSchema];

export const blobsFolder = "blobs";
/** Holds a restore that has not finished. */
export const restoringFolder = "restoring";
/** Starts the name of a folder in which a backup is put together; one that is there at opening was left behind. */
export const stagingPrefix = "backup-unfinished-";
