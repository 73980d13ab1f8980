import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import assert from "node:assert/strict";
import { GroupCommit } from "./group-commit.ts";

function setUp(): {
  database: DatabaseSync;
  commit: GroupCommit;
  insert: (text: string) => () => unknown;
  rows: () => unknown[];
} {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE item (text TEXT UNIQUE)");
  const statement = database.prepare("INSERT INTO item VALUES (?)");
  const all = database.prepare("SELECT text FROM item ORDER BY rowid");
  return {
    database,
    commit: new GroupCommit(database, []),
    insert: (text) => () => {
      statement.run(text);
      return text;
    },
    rows: () => all.all().map((row) => row["text"]),
  };
}

test("an operation that fails is undone whole, and its neighbours in the group are not", () => {
  const { commit, insert, rows } = setUp();

  const outcomes = commit.run([
    insert("a"),
    () => {
      insert("half of it")();
      insert("a")();
    },
    insert("b"),
  ]);

  assert.deepEqual(rows(), ["a", "b"]);
  assert.deepEqual(
    outcomes.map((outcome) => ("value" in outcome ? outcome.value : outcome.failure.isDiskFull)),
    ["a", false, "b"],
  );
});

test("when the disk is full what fits is still written, and only the rest is refused", () => {
  const { database, commit, insert, rows } = setUp();
  const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
  database.exec(`PRAGMA max_page_count = ${pages + 2}`);

  const outcomes = commit.run([insert("small"), insert("x".repeat(100_000)), insert("also small")]);

  assert.deepEqual(rows(), ["small", "also small"]);
  assert.deepEqual(
    outcomes.map((outcome) => "failure" in outcome && outcome.failure.isDiskFull),
    [false, true, false],
  );
});

test("a group whose commit fails has written nothing, and the next one does", () => {
  const { database, commit, insert, rows } = setUp();
  database.exec(
    `PRAGMA foreign_keys = ON; CREATE TABLE child (item TEXT REFERENCES item (text) DEFERRABLE INITIALLY DEFERRED)`,
  );
  const orphan = database.prepare("INSERT INTO child VALUES ('nobody')");

  const outcomes = commit.run([insert("a"), () => orphan.run()]);

  assert(outcomes.every((outcome) => "failure" in outcome));
  assert.deepEqual(rows(), []);
  assert.deepEqual(commit.run([insert("b")]), [{ value: "b" }]);
});
