#include <fmt/format.h>

#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// Where a library's raw rows lie.
constexpr std::int64_t FirstRaw(Oid library) { return library << 32; }
constexpr std::int64_t LastRaw(Oid library) { return (library << 32) | 0xffffffff; }
// Changes are numbered from here on, so that they come after what the database holds.
constexpr std::int64_t kChangesFrom = std::int64_t{1} << 31;

constexpr char kInsertRaw[] = "INSERT INTO stage.raw VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kInsertInheriting[] = "INSERT OR IGNORE INTO stage.inheriting VALUES (?, ?)";

// max(id) makes SQLite take the other columns from the row that came last.
constexpr char kFillFolders[] = R"sql(
  INSERT INTO stage.folder(library, item_id, parent_id, name, list_item_id, shared, root, fresh)
  SELECT ?1, item_id, parent_id, name, list_item_id, shared, root, id >= ?4 FROM (
    SELECT item_id, parent_id, name, list_item_id, shared, root, deleted, max(id) AS id
    FROM stage.raw
    WHERE id BETWEEN ?2 AND ?3 AND (kind <> 0 OR deleted) GROUP BY item_id)
  WHERE NOT deleted)sql";

// What the database held of the library, as if delta had said it: files that hold something are
// packages.
constexpr char kStagePresent[] = R"sql(
  INSERT INTO stage.raw
  SELECT ?2 + row_number() OVER (), e.graph_id, coalesce(p.graph_id, c.root_item_id), o.name,
         o.modified, '', coalesce(o.size, -1), coalesce(o.list_item_id, -1), o.scope = o.oid,
         CASE WHEN o.type = 2 THEN 1
              WHEN o.oid IN (SELECT x.parent FROM entity y CROSS JOIN object x ON x.oid = y.oid
                             WHERE y.container = ?1 AND x.to_run IS NULL) THEN 2
              ELSE 0 END,
         0, 0
  FROM entity e CROSS JOIN object o ON o.oid = e.oid AND o.to_run IS NULL
  JOIN container c ON c.oid = ?1
  LEFT JOIN entity p ON p.oid = o.parent AND p.container = ?1
  WHERE e.container = ?1)sql";
constexpr char kStageRoot[] = R"sql(
  INSERT INTO stage.raw
  SELECT ?2, root_item_id, '', '', '', '', -1, -1, 1, 1, 1, 0 FROM container
  WHERE oid = ?1 AND root_item_id IS NOT NULL)sql";

// With a folder everything in it is gone, but what was moved elsewhere meanwhile.
constexpr char kDropBelowDeleted[] = R"sql(
  WITH RECURSIVE gone(item_id) AS (
    SELECT item_id FROM (
      SELECT item_id, deleted, max(id) FROM stage.raw WHERE id BETWEEN ?2 AND ?3 GROUP BY item_id)
    WHERE deleted
    UNION
    SELECT f.item_id FROM gone JOIN stage.folder f ON f.parent_id = gone.item_id
    WHERE f.library = ?1 AND NOT f.fresh)
  DELETE FROM stage.folder WHERE library = ?1 AND item_id IN (SELECT item_id FROM gone))sql";
constexpr char kDropOrphans[] =
    "DELETE FROM stage.node WHERE library = ? AND parent IS NULL AND NOT root AND NOT fresh";

constexpr char kLinkFolders[] = R"sql(
  UPDATE stage.folder SET parent = (
    SELECT p.id FROM stage.folder p WHERE p.library = ?1 AND p.item_id = folder.parent_id
      AND p.id <> folder.id)
  WHERE library = ?1 AND NOT root)sql";

// Sorted, so that the rows are appended; of an item that comes again the last replaces the others.
constexpr char kFillNodes[] = R"sql(
  INSERT OR REPLACE INTO stage.node
  SELECT ?1, r.item_id, p.id, r.name, r.modified, r.unique_id, r.size, r.list_item_id, r.shared,
         r.kind, r.root, r.deleted, r.id >= ?4
  FROM stage.raw r LEFT JOIN stage.folder p ON p.library = ?1 AND p.item_id = r.parent_id
    AND p.item_id <> r.item_id
  WHERE r.id BETWEEN ?2 AND ?3 ORDER BY r.item_id, r.id)sql";

constexpr char kEvidence[] = R"sql(
  SELECT count(*), sum(n.root), max(CASE WHEN n.root THEN n.shared ELSE 0 END),
         sum(n.shared = 1), sum(n.shared = 0 AND NOT n.root AND p.shared = 2),
         sum(n.parent IS NULL AND NOT n.root), sum(n.shared <> 0 AND NOT n.root)
  FROM stage.node n LEFT JOIN stage.folder p ON p.id = n.parent
  WHERE n.library = ? AND NOT n.deleted)sql";

}  // namespace

Status SqliteStore::StageItems(Oid library, std::vector<DriveItem> items) {
  if (auto ready = Ready(); !ready) return ready;
  Stage& stage = stages_[library];
  for (const DriveItem& item : items) stage.quiet = stage.quiet && item.is_root;
  if (stage.held && holding_ + items.size() <= held_items_) {
    holding_ += items.size();
    stage.held->Add(std::move(items));
    return {};
  }
  if (auto begun = StartWrite(); !begun) return begun;
  if (stage.held) Spill(library);
  if (stage.prepared) DropPrepared(library);
  WriteRaw(library, items);
  return EndWrite("storing a page of a library");
}

void SqliteStore::WriteRaw(Oid library, std::span<const DriveItem> items) {
  Stage& stage = stages_[library];
  stage.on_file = true;
  auto& insert = db_->Get(kInsertRaw);
  for (const DriveItem& item : items) {
    insert
        .Bind(FirstRaw(library) + stage.rows++, item.id, item.parent_id, item.name, item.modified,
              item.unique_id, item.size, item.list_item_id, static_cast<int>(item.shared),
              static_cast<int>(item.kind), item.is_root, item.deleted)
        .Run();
  }
}

void SqliteStore::Spill(Oid library) {
  Stage& stage = stages_[library];
  const auto held = std::move(stage.held);
  holding_ -= held->size();
  if (stage.on_file) db_->Get("DELETE FROM stage.page WHERE library = ?").Bind(library).Run();
  WriteRaw(library, held->items());
  auto& insert = db_->Get(kInsertInheriting);
  for (const std::int64_t id : held->inheriting()) insert.Bind(library, id).Run();
}

Status SqliteStore::StageChanges(Oid library) {
  if (auto begun = StartWrite(); !begun) return begun;
  DropStage(library);
  Stage& stage = stages_[library];
  stage.held.reset();  // What the database holds joins them, in the tables.
  stage.changes = true;
  stage.rows = kChangesFrom;
  return EndWrite("beginning with what changed in a library");
}

Status SqliteStore::Checkpoint(Oid library, const std::string& next_link,
                               const std::string& shape) {
  if (auto ready = Ready(); !ready) return ready;
  Stage& stage = stages_[library];
  stage.next_link = next_link;
  stage.shape = shape;
  if (stage.held) return {};
  if (auto begun = StartWrite(); !begun) return begun;
  WriteCheckpoint(library, stage);
  return EndWrite("storing how far a library was read");
}

void SqliteStore::WriteCheckpoint(Oid library, const Stage& stage) {
  db_->Get("INSERT OR REPLACE INTO stage.checkpoint VALUES (?, ?, ?, ?)")
      .Bind(library, stage.next_link, stage.shape, stage.changes)
      .Run();
}

void SqliteStore::KeepStages() {
  for (auto& [library, stage] : stages_) {
    if (!stage.held || stage.next_link.empty() || stage.held->packed()) continue;
    if (!db_->InTransaction()) db_->Exec("BEGIN IMMEDIATE");
    const std::string items = stage.held->Pack();
    db_->Get("INSERT INTO stage.page(library, items) VALUES (?, ?)")
        .Bind(library, sqlite::Blob{items})
        .Run();
    WriteCheckpoint(library, stage);
    stage.on_file = true;
  }
}

void SqliteStore::RememberStages() {
  holding_ = 0;
  db_->Exec(
      "DELETE FROM stage.folder; DELETE FROM stage.node; DELETE FROM stage.inheriting;"
      "DELETE FROM stage.page WHERE library NOT IN (SELECT library FROM stage.checkpoint);"
      "DELETE FROM stage.raw WHERE id >> 32 NOT IN (SELECT library FROM stage.checkpoint)");
  auto& known = db_->Get(
      "SELECT c.library, c.changes, (SELECT max(id) FROM stage.raw "
      "WHERE id BETWEEN c.library << 32 AND (c.library << 32) | 0xffffffff) FROM stage.checkpoint "
      "c");
  known.Bind();
  while (known.Step()) {
    Stage stage;
    stage.changes = known.Int(1) != 0;
    stage.rows = stage.changes ? kChangesFrom : 0;
    if (!known.IsNull(2)) stage.rows = known.Int(2) - FirstRaw(known.Int(0)) + 1;
    if (stage.changes || !known.IsNull(2)) stage.held.reset();
    stage.on_file = true;
    stage.quiet = false;
    stages_[known.Int(0)] = std::move(stage);
  }
  known.Reset();
  auto& pages = db_->Get("SELECT library, items FROM stage.page ORDER BY seq");
  pages.Bind();
  while (pages.Step()) {
    HeldDrive* held = stages_[pages.Int(0)].held.get();
    const std::size_t before = held == nullptr ? 0 : held->size();
    if (held == nullptr || !held->Unpack(pages.Text(1))) {
      db_->Fail(SQLITE_CORRUPT);
      break;
    }
    holding_ += held->size() - before;
  }
  pages.Reset();
}

Result<DriveState> SqliteStore::StateOfDrive(Oid library, const std::string& shape) {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  DriveState state;
  auto& page =
      db_->Get("SELECT next_link, changes FROM stage.checkpoint WHERE library = ? AND shape = ?");
  if (page.Bind(library, shape).Step()) {
    state.next_link = page.String(0);
    state.changes = page.Int(1) != 0;
  }
  page.Reset();
  auto& facts = db_->Get(R"sql(
    SELECT c.finished_run IS ?2, o.method, c.delta_link, c.delta_shape IS ?3,
           EXISTS (SELECT 1 FROM entity e JOIN object x ON x.oid = e.oid AND x.to_run IS NULL
                   WHERE e.container = ?1),
           EXISTS (SELECT 1 FROM gap g JOIN entity e ON e.oid = g.oid
                   WHERE g.run = c.finished_run AND e.container = ?1 AND g.reason = ?4)
    FROM container c JOIN object o ON o.oid = c.oid AND o.to_run IS NULL WHERE c.oid = ?1)sql");
  if (facts.Bind(library, run_, shape, kOrphanReason).Step() && !facts.IsNull(1)) {
    const auto method = static_cast<ScopeMethod>(facts.Int(1));
    if (facts.Int(0) != 0) state.finished = method;
    const bool empty = facts.Int(4) == 0, orphans = facts.Int(5) != 0;
    // What a service says that ignores the preferences tells nothing about sharing; of a library
    // that was empty it tells whether it still is.
    const bool usable = (method == ScopeMethod::kDeltaHierarchy || empty) && !orphans;
    if (incremental_ && usable && facts.Int(3) != 0) state.delta_link = facts.String(2);
  }
  facts.Reset();
  if (auto read = EndWrite("looking at what is known of a library"); !read) {
    return Fail(read.error());
  }
  return state;
}

void SqliteStore::StagePresent(Oid library) {
  db_->Get(kStageRoot).Bind(library, FirstRaw(library)).Run();
  db_->Get(kStagePresent).Bind(library, FirstRaw(library)).Run();
}

void SqliteStore::PrepareStage(Oid library) {
  Stage& stage = stages_[library];
  if (stage.prepared) return;
  const auto first = FirstRaw(library), last = LastRaw(library);
  const auto fresh = first + (stage.changes ? kChangesFrom : 0);
  if (stage.changes) StagePresent(library);
  db_->Get(kFillFolders).Bind(library, first, last, fresh).Run();
  if (stage.changes) db_->Get(kDropBelowDeleted).Bind(library, fresh, last).Run();
  db_->Get(kLinkFolders).Bind(library).Run();
  db_->Get(kFillNodes).Bind(library, first, last, fresh).Run();
  if (stage.changes) db_->Get(kDropOrphans).Bind(library).Run();
  stage.prepared = true;
}

void SqliteStore::DropPrepared(Oid library) {
  db_->Get("DELETE FROM stage.folder WHERE library = ?").Bind(library).Run();
  db_->Get("DELETE FROM stage.node WHERE library = ?").Bind(library).Run();
  stages_[library].prepared = false;
}

void SqliteStore::DropStage(Oid library) {
  const auto found = stages_.find(library);
  if (found == stages_.end()) return;
  if (found->second.held) holding_ -= found->second.held->size();
  if (!found->second.on_file) {
    // Nothing of it was ever written down.
  } else if (found->second.held) {
    db_->Get("DELETE FROM stage.page WHERE library = ?").Bind(library).Run();
    db_->Get("DELETE FROM stage.checkpoint WHERE library = ?").Bind(library).Run();
  } else if (stages_.size() == 1) {  // Whole tables go at once.
    db_->Get("DELETE FROM stage.raw").Bind().Run();
    db_->Get("DELETE FROM stage.folder").Bind().Run();
    db_->Get("DELETE FROM stage.node").Bind().Run();
    db_->Get("DELETE FROM stage.inheriting").Bind().Run();
    db_->Get("DELETE FROM stage.checkpoint").Bind().Run();
  } else {
    db_->Get("DELETE FROM stage.raw WHERE id BETWEEN ? AND ?")
        .Bind(FirstRaw(library), LastRaw(library))
        .Run();
    db_->Get("DELETE FROM stage.inheriting WHERE library = ?").Bind(library).Run();
    db_->Get("DELETE FROM stage.checkpoint WHERE library = ?").Bind(library).Run();
    DropPrepared(library);
  }
  stages_.erase(found);
}

Status SqliteStore::DiscardStage(Oid library) {
  if (auto begun = StartWrite(); !begun) return begun;
  DropStage(library);
  return EndWrite("discarding what a library's enumeration brought");
}

Result<DriveEvidence> SqliteStore::StageEvidence(Oid library) {
  if (auto ready = Ready(); !ready) return Fail(ready.error());
  if (HeldDrive* held = stages_[library].held.get()) {
    held->Prepare();
    return held->Evidence();
  }
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  PrepareStage(library);
  DriveEvidence evidence;
  auto& row = db_->Get(kEvidence);
  if (row.Bind(library).Step()) {
    evidence.items = row.Int(0);
    evidence.root_seen = row.Int(1) > 0;
    evidence.root_shared = static_cast<SharedFacet>(row.Int(2));
    evidence.any_empty_facet = row.Int(3) > 0;
    evidence.bare_below_shared = row.Int(4) > 0;
    evidence.orphans = row.Int(5);
    evidence.with_facet = row.Int(6);
  }
  row.Reset();
  if (auto read = EndWrite("looking at what a library's enumeration says"); !read) {
    return Fail(read.error());
  }
  return evidence;
}

Status SqliteStore::StageInheriting(Oid library, std::span<const std::int64_t> list_item_ids) {
  if (auto ready = Ready(); !ready) return ready;
  Stage& stage = stages_[library];
  if (stage.held) {
    stage.held->AddInheriting(list_item_ids);
    return {};
  }
  if (auto begun = StartWrite(); !begun) return begun;
  stage.on_file = true;
  auto& insert = db_->Get(kInsertInheriting);
  for (const std::int64_t id : list_item_ids) insert.Bind(library, id).Run();
  return EndWrite("storing which items own their permissions");
}

Result<std::int64_t> SqliteStore::StageContradictions(Oid library,
                                                      std::span<const std::string> unique_ids) {
  if (auto ready = Ready(); !ready) return Fail(ready.error());
  if (HeldDrive* held = stages_[library].held.get()) {
    held->Prepare();
    return held->Contradictions(unique_ids);
  }
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  PrepareStage(library);
  db_->Get("DELETE FROM stage.named").Bind().Run();
  auto& insert = db_->Get("INSERT OR IGNORE INTO stage.named VALUES (lower(?))");
  for (const std::string& id : unique_ids) insert.Bind(id).Run();
  auto& count = db_->Get(
      "SELECT count(*) FROM stage.node WHERE library = ? AND shared = 0 AND NOT root AND NOT "
      "deleted "
      "AND unique_id IN (SELECT unique_id FROM stage.named)");
  std::int64_t contradictions = 0;
  if (count.Bind(library).Step()) contradictions = count.Int(0);
  count.Reset();
  if (auto read = EndWrite("comparing a library with its sharing links"); !read) {
    return Fail(read.error());
  }
  return contradictions;
}

}  // namespace spa
