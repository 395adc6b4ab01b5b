#include <fmt/format.h>

#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// Where a library's raw rows lie.
constexpr std::int64_t FirstRaw(Oid library) { return library << 32; }
constexpr std::int64_t LastRaw(Oid library) { return (library << 32) | 0xffffffff; }

constexpr char kInsertRaw[] = "INSERT INTO stage.raw VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

// max(id) makes SQLite take the other columns from the row that came last.
constexpr char kFillFolders[] = R"sql(
  INSERT INTO stage.folder(library, item_id, parent_id, name, list_item_id, shared, root)
  SELECT ?1, item_id, parent_id, name, list_item_id, shared, root FROM (
    SELECT item_id, parent_id, name, list_item_id, shared, root, deleted, max(id) FROM stage.raw
    WHERE id BETWEEN ?2 AND ?3 AND (kind <> 0 OR deleted) GROUP BY item_id)
  WHERE NOT deleted)sql";

constexpr char kLinkFolders[] = R"sql(
  UPDATE stage.folder SET parent = (
    SELECT p.id FROM stage.folder p WHERE p.library = ?1 AND p.item_id = folder.parent_id
      AND p.id <> folder.id)
  WHERE library = ?1 AND NOT root)sql";

// Sorted, so that the rows are appended; of an item that comes again the last replaces the others.
constexpr char kFillNodes[] = R"sql(
  INSERT OR REPLACE INTO stage.node
  SELECT ?1, r.item_id, p.id, r.name, r.modified, r.unique_id, r.size, r.list_item_id, r.shared,
         r.kind, r.root, r.deleted
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

Status SqliteStore::StageItems(Oid library, std::span<const DriveItem> items) {
  if (auto begun = StartWrite(); !begun) return begun;
  Stage& stage = stages_[library];
  if (stage.prepared) DropPrepared(library);
  auto& insert = db_->Get(kInsertRaw);
  for (const DriveItem& item : items) {
    insert
        .Bind(FirstRaw(library) + stage.rows++, item.id, item.parent_id, item.name, item.modified,
              item.unique_id, item.size, item.list_item_id, static_cast<int>(item.shared),
              static_cast<int>(item.kind), item.is_root, item.deleted)
        .Run();
  }
  return EndWrite("storing a page of a library");
}

void SqliteStore::PrepareStage(Oid library) {
  Stage& stage = stages_[library];
  if (stage.prepared) return;
  const auto first = FirstRaw(library), last = LastRaw(library);
  db_->Get(kFillFolders).Bind(library, first, last).Run();
  db_->Get(kLinkFolders).Bind(library).Run();
  db_->Get(kFillNodes).Bind(library, first, last).Run();
  stage.prepared = true;
}

void SqliteStore::DropPrepared(Oid library) {
  db_->Get("DELETE FROM stage.folder WHERE library = ?").Bind(library).Run();
  db_->Get("DELETE FROM stage.node WHERE library = ?").Bind(library).Run();
  stages_[library].prepared = false;
}

void SqliteStore::DropStage(Oid library) {
  if (stages_.size() == 1 && stages_.contains(library)) {  // Whole tables go at once.
    db_->Get("DELETE FROM stage.raw").Bind().Run();
    db_->Get("DELETE FROM stage.folder").Bind().Run();
    db_->Get("DELETE FROM stage.node").Bind().Run();
    db_->Get("DELETE FROM stage.inheriting").Bind().Run();
  } else if (stages_.contains(library)) {
    db_->Get("DELETE FROM stage.raw WHERE id BETWEEN ? AND ?")
        .Bind(FirstRaw(library), LastRaw(library))
        .Run();
    db_->Get("DELETE FROM stage.inheriting WHERE library = ?").Bind(library).Run();
    DropPrepared(library);
  }
  stages_.erase(library);
}

Status SqliteStore::DiscardStage(Oid library) {
  if (auto begun = StartWrite(); !begun) return begun;
  DropStage(library);
  return EndWrite("discarding what a library's enumeration brought");
}

Result<DriveEvidence> SqliteStore::StageEvidence(Oid library) {
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
  if (auto begun = StartWrite(); !begun) return begun;
  stages_[library];  // So that DropStage knows of it.
  auto& insert = db_->Get("INSERT OR IGNORE INTO stage.inheriting VALUES (?, ?)");
  for (const std::int64_t id : list_item_ids) insert.Bind(library, id).Run();
  return EndWrite("storing which items own their permissions");
}

Result<std::int64_t> SqliteStore::StageContradictions(Oid library,
                                                      std::span<const std::string> unique_ids) {
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
