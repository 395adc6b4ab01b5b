// ScopeMethod::kItemPermissions: who owns a scope, found by comparing each item's permission set
// with the one that applies to its parent (graph.md 4.8 point 5).

#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// Whether the service marks inherited entries in this drive at all.
constexpr char kDriveMarks[] = R"sql(
  SELECT 1 FROM scope s WHERE s.oid = ?1 AND s.to_run IS NULL AND s.read_run = ?2 AND s.marks = 2
  UNION ALL
  SELECT 1 FROM entity e JOIN scope s ON s.oid = e.oid AND s.to_run IS NULL
  WHERE e.container = ?1 AND s.read_run = ?2 AND s.marks = 2 LIMIT 1)sql";

// Top-down: the scope and permission set that apply to each folder. An unread set (NULL) equals
// nothing, so that the item and what lies below stand for themselves.
constexpr char kWalk[] = R"sql(
  WITH RECURSIVE walk(id, scope, acl) AS (
    SELECT f.id, f.oid, s.acl FROM stage.folder f
    LEFT JOIN scope s ON s.oid = f.oid AND s.to_run IS NULL AND s.read_run = ?2
    WHERE f.library = ?1 AND f.parent IS NULL
    UNION ALL
    SELECT f.id,
           CASE WHEN s.acl = walk.acl AND NOT (?3 AND s.marks = 1) THEN walk.scope ELSE f.oid END,
           s.acl
    FROM walk CROSS JOIN stage.folder f ON f.library = ?1 AND f.parent = walk.id
    LEFT JOIN scope s ON s.oid = f.oid AND s.to_run IS NULL AND s.read_run = ?2)
  UPDATE stage.folder SET scope = walk.scope, acl = walk.acl FROM walk WHERE folder.id = walk.id
)sql";

constexpr char kItems[] = R"sql(
  SELECT e.oid, CASE WHEN n.kind <> 0 THEN
             (SELECT f.scope FROM stage.folder f WHERE f.library = ?1 AND f.item_id = n.item_id)
           WHEN s.acl = p.acl AND NOT (?3 AND s.marks = 1) THEN p.scope ELSE e.oid END
  FROM stage.node n JOIN entity e ON e.container = ?1 AND e.graph_id = n.item_id
  LEFT JOIN stage.folder p ON p.id = n.parent
  LEFT JOIN scope s ON s.oid = e.oid AND s.to_run IS NULL AND s.read_run = ?2
  WHERE n.library = ?1 AND NOT n.root AND NOT n.deleted ORDER BY n.item_id)sql";

}  // namespace

Status SqliteStore::ResolveItemScopes(Oid library) {
  if (auto begun = StartWrite(); !begun) return begun;
  auto& marks = db_->Get(kDriveMarks);
  const bool marked = marks.Bind(library, run_).Step();
  marks.Reset();
  db_->Get(kWalk).Bind(library, run_, marked).Run();

  auto& items = db_->Get(kItems);
  items.Bind(library, run_, marked);
  while (items.Step()) {
    const Oid oid = items.Int(0), scope = items.Int(1);
    SetScope(oid, scope);
    if (scope != oid) CloseScope(oid);
  }
  items.Reset();

  // The library's own set served for comparison; where it inherits, its owner's applies.
  auto& inherits =
      db_->Get("SELECT 1 FROM object WHERE oid = ? AND to_run IS NULL AND scope <> oid");
  const bool drop = inherits.Bind(library).Step();
  inherits.Reset();
  if (drop) CloseScope(library);
  db_->Get("UPDATE container SET finished_run = ? WHERE oid = ?").Bind(run_, library).Run();
  DropStage(library);
  return EndWrite("finding which items of a library own their permissions");
}

}  // namespace spa
