#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "core/sqlite_rows.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

constexpr char kFolderEntities[] = R"sql(
  INSERT OR IGNORE INTO entity(container, graph_id)
  SELECT library, item_id FROM stage.folder WHERE library = ?1 AND NOT root ORDER BY item_id)sql";

// ?2 is the ScopeMethod. An item that SharePoint did not list, or that cannot be joined with its
// answer, and one without a parent, inherits from nobody knows what: all are read for themselves.
constexpr char kFolderOwners[] = R"sql(
  UPDATE stage.folder SET
    oid = CASE WHEN root THEN ?1
          ELSE (SELECT oid FROM entity WHERE container = ?1 AND graph_id = item_id) END,
    owns = root OR parent IS NULL OR CASE ?2
      WHEN 0 THEN shared <> 0
      WHEN 1 THEN list_item_id < 0 OR NOT EXISTS (SELECT 1 FROM stage.inheriting u
        WHERE u.library = ?1 AND u.list_item_id = folder.list_item_id)
      ELSE 1 END,
    scope = NULL
  WHERE library = ?1)sql";

constexpr char kWalk[] = R"sql(
  WITH RECURSIVE walk(id, scope, url) AS (
    SELECT id, oid, CASE WHEN root THEN ?2 ELSE ?2 || '/' || coalesce(url_segment(name), name) END
    FROM stage.folder WHERE library = ?1 AND parent IS NULL
    UNION ALL
    SELECT f.id, CASE WHEN f.owns THEN f.oid ELSE walk.scope END,
           walk.url || '/' || coalesce(url_segment(f.name), f.name)
    FROM walk CROSS JOIN stage.folder f ON f.library = ?1 AND f.parent = walk.id)
  UPDATE stage.folder SET scope = walk.scope, url = walk.url FROM walk WHERE folder.id = walk.id
)sql";

// Folders that are each other's ancestors: no walk from the root comes by.
constexpr char kCutNodes[] = R"sql(
  UPDATE stage.node SET parent = NULL WHERE library = ?1 AND item_id IN (
    SELECT item_id FROM stage.folder WHERE library = ?1 AND scope IS NULL))sql";
constexpr char kCutFolders[] = R"sql(
  UPDATE stage.folder SET parent = NULL, owns = 1, scope = oid,
    url = ?2 || '/' || coalesce(url_segment(name), name)
  WHERE library = ?1 AND scope IS NULL)sql";

constexpr char kStaged[] = R"sql(
  SELECT n.item_id, n.name, url_segment(n.name), n.size, n.modified, n.list_item_id, n.kind,
         p.oid, p.scope, CASE ?2
           WHEN 0 THEN n.shared <> 0
           WHEN 1 THEN n.list_item_id < 0 OR NOT EXISTS (SELECT 1 FROM stage.inheriting u
             WHERE u.library = ?1 AND u.list_item_id = n.list_item_id)
           ELSE 1 END,
         n.root
  FROM stage.node n LEFT JOIN stage.folder p ON p.id = n.parent
  WHERE n.library = ?1 AND NOT n.deleted ORDER BY n.item_id)sql";

constexpr char kPresent[] = R"sql(
  SELECT e.graph_id, e.oid, o.from_run, o.type, o.parent, o.name, o.url, coalesce(o.size, -1),
         o.modified, coalesce(o.list_item_id, -1), o.scope
  FROM entity e LEFT JOIN object o ON o.oid = e.oid AND o.to_run IS NULL
  WHERE e.container = ? ORDER BY e.graph_id)sql";

// A container names no kind of its own for what is neither file nor folder.
ObjectType TypeOf(bool in_list, bool folder) {
  if (in_list) return ObjectType::kListItem;
  return folder ? ObjectType::kFolder : ObjectType::kFile;
}

struct ItemRow {  // An item as it shall stand; text as in StagedItem.
  Oid oid = 0, parent = 0, scope = 0;
  std::int64_t type = 0, size = -1, list_item_id = -1;
  std::string_view name, modified;
  std::optional<std::string_view> segment, url;
};

// New versions on their way into the table of objects.
class ItemRows final : public sqlite::RowSource {
 public:
  static constexpr int kEnough = 1000;  // Items looked at before they are written.

  void Add(const ItemRow& row) { rows_.push_back(row); }
  void Clear() { rows_.clear(); }
  // As the table has them: what is appended costs least.
  void Sort() {
    std::sort(rows_.begin(), rows_.end(),
              [](const ItemRow& a, const ItemRow& b) { return a.oid < b.oid; });
  }

  std::size_t size() const override { return rows_.size(); }
  void Column(std::size_t row, int column, sqlite3_context* out) const override {
    const ItemRow& r = rows_[row];
    const auto put = [out](const auto& value) {
      if (value) Put(out, *value);
    };
    switch (column) {
      case 0:
        return Put(out, r.oid);
      case 1:
        return Put(out, r.type);
      case 2:
        return Put(out, r.parent);
      case 3:
        return Put(out, r.name);
      case 4:
        return put(r.url);
      case 5:
        return put(r.segment);
      case 6:
        return put(OrNull(r.size));
      case 7:
        return Put(out, r.modified);
      case 8:
        return put(OrNull(r.list_item_id));
      default:
        return Put(out, r.scope);
    }
  }

 private:
  static std::optional<std::int64_t> OrNull(std::int64_t value) {
    return value < 0 ? std::nullopt : std::optional(value);
  }

  std::vector<ItemRow> rows_;
};
constexpr char kInsertItems[] =
    "INSERT INTO object(oid, from_run, type, container, parent, name, url, url_segment, size, "
    "modified, list_item_id, scope) SELECT c0, ?2, c1, ?3, c2, c3, c4, c5, c6, c7, c8, c9 "
    "FROM rows(?1)";

// What the stage's tables hold of a library.
class TableItems final : public StagedItems {
 public:
  TableItems(sqlite::Database& db, Oid library, ScopeMethod method)
      : library_(library),
        items_(db.Get(kStaged)),
        folder_(db.Get("SELECT oid, url FROM stage.folder WHERE library = ? AND item_id = ?")) {
    items_.Bind(library, static_cast<int>(method));
  }
  ~TableItems() override {
    items_.Reset();
    folder_.Reset();
  }

  bool Next(StagedItem& item) override {
    if (!items_.Step()) return false;
    item = StagedItem();
    item.id = Kept(items_.Text(0));
    item.name = Kept(items_.Text(1));
    if (!items_.IsNull(2)) item.segment = Kept(items_.Text(2));
    item.size = items_.Int(3);
    item.modified = Kept(items_.Text(4));
    item.list_item_id = items_.Int(5);
    item.kind = static_cast<DriveItem::Kind>(items_.Int(6));
    item.parent = items_.Int(7);
    item.parent_scope = items_.Int(8);
    item.owns = items_.Int(9) != 0;
    item.root = items_.Int(10) != 0;
    if (item.kind != DriveItem::Kind::kFile && folder_.Bind(library_, item.id).Step()) {
      item.oid = folder_.Int(0);
      if (item.kind == DriveItem::Kind::kFolder) item.url = Kept(folder_.Text(1));
    }
    folder_.Reset();
    return true;
  }
  void Release() override { texts_.clear(); }

 private:
  std::string_view Kept(std::string_view text) { return texts_.emplace_back(text); }

  const Oid library_;
  sqlite::Statement& items_;
  sqlite::Statement& folder_;
  std::deque<std::string> texts_;
};

bool Same(const ItemRow& row, const sqlite::Statement& present) {
  return present.Int(10) == row.scope && present.Int(4) == row.parent &&
         present.Int(3) == row.type && present.Int(7) == row.size &&
         present.Int(9) == row.list_item_id && present.Text(5) == row.name &&
         present.Text(8) == row.modified && present.Text(6) == row.url.value_or("");
}

}  // namespace

std::string SqliteStore::UrlOf(Oid container) {
  std::string url;
  auto& find = db_->Get("SELECT url FROM object WHERE oid = ? AND to_run IS NULL");
  if (find.Bind(container).Step()) url = find.String(0);
  find.Reset();
  return url;
}

void SqliteStore::PlaceFolders(Oid library, ScopeMethod method, const std::string& url) {
  db_->Get(kFolderEntities).Bind(library).Run();
  db_->Get(kFolderOwners).Bind(library, static_cast<int>(method)).Run();
  db_->Get(kWalk).Bind(library, url).Run();
  auto& unplaced = db_->Get("SELECT 1 FROM stage.folder WHERE library = ? AND scope IS NULL");
  const bool cycles = unplaced.Bind(library).Step();
  unplaced.Reset();
  if (cycles) {
    db_->Get(kCutNodes).Bind(library).Run();
    db_->Get(kCutFolders).Bind(library, url).Run();
  }
}

// Walks what was staged and what the database holds side by side, both by item id.
void SqliteStore::MergeItems(Oid library, ScopeMethod method, const std::string& library_url,
                             StagedItems& staged, bool any_known) {
  auto& present = db_->Get(kPresent);
  auto& new_entity = db_->Get("INSERT INTO entity(container, graph_id) VALUES (?, ?)");
  auto& close = db_->Get("UPDATE object SET to_run = ?2 WHERE oid = ?1 AND to_run IS NULL");
  auto& undo = db_->Get("DELETE FROM object WHERE oid = ? AND from_run = ?");
  auto& insert = db_->Get(kInsertItems);
  auto& type = db_->Get("SELECT type FROM object WHERE oid = ? AND to_run IS NULL");
  const bool in_list =
      type.Bind(library).Step() && type.Int(0) == static_cast<int>(ObjectType::kList);
  type.Reset();
  ItemRows rows;
  const auto write = [&] {
    if (rows.size() > 0) {
      rows.Sort();
      insert.Bind(&rows, run_, library).Run();
      rows.Clear();
    }
    staged.Release();
  };

  bool more = any_known && present.Bind(library).Step();
  // Always steps on before it writes: the cursor must not meet what is written here.
  const auto close_present = [&] {
    const bool live = !present.IsNull(2);
    const Oid oid = present.Int(1);
    more = present.Step();
    if (live) CloseObject(oid);
  };
  StagedItem item;
  for (int taken = 0; staged.Next(item);) {
    if (item.root) continue;  // The library itself.
    while (more && present.Text(0) < item.id) close_present();
    const bool known = more && present.Text(0) == item.id;
    const bool live = known && !present.IsNull(2);

    ItemRow row;
    const bool is_folder = item.kind == DriveItem::Kind::kFolder;
    row.type = static_cast<int>(TypeOf(in_list, is_folder));
    row.name = item.name;
    row.size = item.size;
    row.modified = item.modified;
    row.list_item_id = item.list_item_id;
    row.url = item.url;
    if (!item.url) row.segment = item.segment;
    const bool orphan = item.parent == 0;
    row.parent = orphan ? library : item.parent;
    const bool owns = orphan || item.owns;

    row.oid = item.oid != 0 ? item.oid : known ? present.Int(1) : 0;
    if (row.oid == 0) {
      new_entity.Bind(library, item.id).Run();
      row.oid = db_->LastInsertId();
    }
    const Oid old_scope = live ? present.Int(10) : row.oid;
    if (method == ScopeMethod::kItemPermissions) {
      row.scope = old_scope;  // ResolveItemScopes will tell.
    } else {
      row.scope = owns ? row.oid : item.parent_scope;
    }
    const bool same = live && Same(row, present);
    const bool this_run = live && present.Int(2) == run_;
    if (known) more = present.Step();

    if (orphan) {
      const auto url = fmt::format("{}/{}", library_url, row.segment.value_or(row.name));
      WriteGap(row.oid, row.url.value_or(url), CoverageState::kFailed, kOrphanReason,
               "Audit the library again; it may have changed meanwhile.");
    }
    if (!same) {
      if (live) {
        if (row.scope != row.oid && old_scope == row.oid) CloseScope(row.oid);
        (this_run ? undo : close).Bind(row.oid, run_).Run();
      }
      rows.Add(row);
    }
    if (++taken % ItemRows::kEnough == 0) write();
  }
  while (more) close_present();
  present.Reset();
  write();
}

void SqliteStore::Confirm(Oid library) {
  const auto extended = db_->Get(
                               "UPDATE confirmed SET to_run = ?2 WHERE container = ?1 AND to_run = "
                               "(SELECT max(number) FROM run WHERE number < ?2)")
                            .Bind(library, run_)
                            .Run();
  if (extended > 0) return;
  db_->Get("INSERT OR IGNORE INTO confirmed VALUES (?1, ?2, ?2)").Bind(library, run_).Run();
}

void SqliteStore::EndDrive(Oid library, ScopeMethod method, bool library_inherits,
                           const DeltaLink& link, bool quiet) {
  std::optional<std::string> root_id;
  if (!quiet) {
    Stage& stage = stages_[library];
    const std::string url = UrlOf(library);
    // To be compared item by item, they are needed until all permissions are read.
    if (stage.held && method == ScopeMethod::kItemPermissions) Spill(library);
    if (HeldDrive* held = stage.held.get()) {
      held->Prepare();
      if (std::string id = held->RootId(); !id.empty()) root_id = std::move(id);
      const bool known = NumberItems(library, *held);
      held->Place(library, url, method);
      MergeItems(library, method, url, *held, known);
    } else {
      PrepareStage(library);
      PlaceFolders(library, method, url);
      TableItems items(*db_, library, method);
      MergeItems(library, method, url, items, /*known=*/true);
    }
  }

  const bool whole = !stages_[library].changes;
  const bool resolved = method != ScopeMethod::kItemPermissions;
  auto& facts = db_->Get(
      "UPDATE container SET delta_link = ?2, delta_shape = ?3, finished_run = "
      "CASE WHEN ?4 THEN ?5 END, root_item_id = coalesce(?6, "
      "(SELECT item_id FROM stage.folder WHERE library = ?1 AND root), root_item_id) "
      "WHERE oid = ?1");
  facts.Bind(library, link.url, link.shape, resolved, run_, root_id).Run();
  // Of a whole pass every set is due; of changes, those of changed items and those too old, which
  // nobody speaks of.
  db_->Get(
         "UPDATE scope SET due = ?3 WHERE to_run IS NULL AND NOT due AND read_run < ?2 AND oid IN "
         "(SELECT oid FROM object WHERE container = ?1 AND scope = oid)")
      .Bind(library, whole ? run_ : fresh_from_, whole ? kDueTold : kDueUntold)
      .Run();
  if (!whole && !quiet) {
    db_->Get(
           "UPDATE scope SET due = ?3 WHERE to_run IS NULL AND due <> ?3 AND read_run < ?2 AND oid "
           "IN (SELECT e.oid FROM stage.node n JOIN entity e ON e.container = ?1 AND "
           "e.graph_id = n.item_id WHERE n.library = ?1 AND n.fresh)")
        .Bind(library, run_, kDueTold)
        .Run();
  }
  Confirm(library);
  auto& parent =
      db_->Get("SELECT parent, method, scope FROM object WHERE oid = ? AND to_run IS NULL");
  Oid site = 0, scope = 0;
  bool same_method = false;
  if (parent.Bind(library).Step()) {
    site = parent.Int(0);
    scope = parent.Int(2);
    same_method = !parent.IsNull(1) && parent.Int(1) == static_cast<int>(method);
  }
  parent.Reset();
  if (!same_method) {
    Fork(library);
    db_->Get("UPDATE object SET method = ? WHERE oid = ? AND to_run IS NULL")
        .Bind(static_cast<int>(method), library)
        .Run();
  }
  // One that inherits already points at its owner, or Settle will see to it.
  if (!library_inherits) SetScope(library, library);
  if (library_inherits && scope == library) SetScope(library, site);
  if (!resolved) return;
  if (library_inherits) CloseScope(library);
  DropStage(library);
}

Status SqliteStore::FinishDrive(Oid library, ScopeMethod method, bool library_inherits,
                                const DeltaLink& link) {
  if (auto begun = StartWrite(); !begun) return begun;
  EndDrive(library, method, library_inherits, link, /*quiet=*/false);
  return EndWrite("merging what a library's enumeration brought");
}

Result<std::optional<ScopeMethod>> SqliteStore::FinishChanges(Oid library, bool library_inherits,
                                                              const DeltaLink& link) {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  auto method = ScopeMethod::kDeltaHierarchy;
  auto& known = db_->Get("SELECT method FROM object WHERE oid = ? AND to_run IS NULL");
  if (known.Bind(library).Step()) method = static_cast<ScopeMethod>(known.Int(0));
  known.Reset();
  const Stage& stage = stages_[library];
  if (!stage.changes) {
    return Fail(ErrorCode::kInternal, "a whole enumeration was taken for changes");
  }
  if (!stage.quiet && method != ScopeMethod::kDeltaHierarchy) return std::nullopt;
  EndDrive(library, method, library_inherits, link, stage.quiet);
  if (auto merged = EndWrite("merging what changed in a library"); !merged) {
    return Fail(merged.error());
  }
  return method;
}

Result<std::vector<ScopeTarget>> SqliteStore::ScopeTargets(Oid library, Oid after, int limit) {
  std::vector<ScopeTarget> targets;
  std::string drive_id, root_item_id, list_id;
  bool every_item = false, library_owns = false, library_read = false;
  auto& drive = db_->Get(R"sql(
    SELECT e.graph_id, coalesce(c.root_item_id, 'root'), o.method, o.scope = o.oid,
           EXISTS (SELECT 1 FROM scope s WHERE s.oid = o.oid AND s.to_run IS NULL
                   AND s.read_run = ?2), c.list_id
    FROM object o JOIN entity e ON e.oid = o.oid JOIN container c ON c.oid = o.oid
    WHERE o.oid = ?1 AND o.to_run IS NULL)sql");
  if (drive.Bind(library, run_).Step()) {
    drive_id = drive.String(0);
    root_item_id = drive.String(1);
    every_item = drive.Int(2) == static_cast<int>(ScopeMethod::kItemPermissions);
    library_owns = drive.Int(3) != 0;
    library_read = drive.Int(4) != 0;
    list_id = drive.String(5);
  }
  drive.Reset();
  const auto add = [&](Oid oid, std::string item_id, std::int64_t list_item_id, bool stood) {
    ScopeTarget target;
    target.oid = oid;
    target.drive_id = drive_id;
    target.item_id = std::move(item_id);
    target.list_id = list_id;
    target.list_item_id = list_item_id;
    target.is_container = oid == library;
    target.stood = stood;
    targets.push_back(std::move(target));
  };
  // To compare its items with, the library's own set is needed also where it inherits.
  if (after < library && (library_owns || every_item) && !library_read) {
    add(library, root_item_id, -1, false);
    --limit;
  }
  auto& owners = db_->Get(R"sql(
    SELECT o.oid, e.graph_id, coalesce(o.list_item_id, -1),
           EXISTS (SELECT 1 FROM scope s WHERE s.oid = o.oid AND s.to_run IS NULL AND s.due = 2)
    FROM object o INDEXED BY object_owner JOIN entity e ON e.oid = o.oid
    WHERE o.container = ?1 AND o.scope = o.oid AND o.to_run IS NULL AND o.oid > ?2
      AND NOT EXISTS (SELECT 1 FROM scope s WHERE s.oid = o.oid AND s.to_run IS NULL
                      AND NOT s.due)
    ORDER BY o.oid LIMIT ?3)sql");
  auto& items = db_->Get(R"sql(
    SELECT e.oid, e.graph_id, coalesce(o.list_item_id, -1), 0
    FROM entity e JOIN object o ON o.oid = e.oid AND o.to_run IS NULL
    WHERE e.container = ?1
      AND e.graph_id > coalesce((SELECT a.graph_id FROM entity a
                                 WHERE a.oid = ?2 AND a.container = ?1), '')
      AND NOT EXISTS (SELECT 1 FROM scope s WHERE s.oid = e.oid AND s.to_run IS NULL
                      AND NOT s.due)
    ORDER BY e.graph_id LIMIT ?3)sql");
  auto& rows = every_item ? items : owners;
  rows.Bind(library, after, std::max(limit, 0));
  while (rows.Step()) add(rows.Int(0), rows.String(1), rows.Int(2), rows.Int(3) != 0);
  rows.Reset();
  if (auto read = EndWrite("listing whose permissions are to be read"); !read) {
    return Fail(read.error());
  }
  return targets;
}

}  // namespace spa
