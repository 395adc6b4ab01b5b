#include "report/object_walk.h"

namespace spa {
namespace {

constexpr std::size_t kRemembered = 4096;

// What stood in run ?2, of the object rows called o.
#define SPA_IN_RUN "o.from_run <= ?2 AND (o.to_run IS NULL OR o.to_run > ?2)"

constexpr char kContainers[] =
    "SELECT o.oid, o.type, coalesce(c.root_item_id, e.graph_id), o.url, o.name, o.parent, o.scope, "
    "coalesce(m.name, '') FROM entity e JOIN object o ON o.oid = e.oid "
    "JOIN container c ON c.oid = o.oid LEFT JOIN scope_method m ON m.method = o.method "
    "WHERE e.container = ?1 AND " SPA_IN_RUN " ORDER BY o.url, e.graph_id";

#define SPA_ITEM_COLUMNS                                                                        \
  "SELECT o.oid, o.type, e.graph_id, o.url, o.name, o.parent, o.scope, o.url_segment, o.size, " \
  "o.modified "

constexpr char kItems[] = SPA_ITEM_COLUMNS
    "FROM entity e JOIN object o ON o.oid = e.oid "
    "WHERE e.container = ?1 AND " SPA_IN_RUN " ORDER BY e.graph_id";

constexpr char kOwners[] = SPA_ITEM_COLUMNS
    "FROM object o INDEXED BY object_owner JOIN entity e ON e.oid = o.oid "
    "WHERE o.container = ?1 AND o.scope = o.oid AND " SPA_IN_RUN " ORDER BY e.graph_id";

}  // namespace

ObjectWalk::ObjectWalk(sqlite::Database& db, RunNo run)
    : db_(db),
      run_(run),
      coverage_(db, run),
      id_(db,
          "SELECT coalesce(c.root_item_id, e.graph_id) FROM entity e "
          "LEFT JOIN container c ON c.oid = e.oid WHERE e.oid = ?"),
      url_(db, "SELECT o.url FROM object o WHERE o.oid = ?1 AND " SPA_IN_RUN),
      ids_(kRemembered),
      urls_(kRemembered) {}

const std::string& ObjectWalk::IdOf(Oid oid) {
  Remembered& slot = ids_[static_cast<std::size_t>(oid) % kRemembered];
  if (slot.oid != oid) {
    slot.oid = oid;
    slot.text = id_.Bind(oid).Step() ? id_.String(0) : "";
    id_.Reset();
  }
  return slot.text;
}

const std::string& ObjectWalk::UrlOf(Oid folder) {
  Remembered& slot = urls_[static_cast<std::size_t>(folder) % kRemembered];
  if (slot.oid != folder) {
    slot.oid = folder;
    slot.text = url_.Bind(folder, run_).Step() ? url_.String(0) : "";
    url_.Reset();
  }
  return slot.text;
}

bool ObjectWalk::Items(Oid library, bool owners_only, WalkedObject& item,
                       const std::function<bool(const WalkedObject&)>& use) {
  auto& rows = db_.Get(owners_only ? kOwners : kItems);
  rows.Bind(library, run_);
  std::string url;
  bool go_on = true;
  while (go_on && rows.Step()) {
    item.oid = rows.Int(0);
    item.type = static_cast<ObjectType>(rows.Int(1));
    item.id = rows.Text(2);
    item.name = rows.Text(4);
    item.parent = rows.Int(5);
    item.scope = rows.Int(6);
    item.owner = coverage_.OwnerOf(item.scope);
    if (rows.IsNull(3)) {
      url = UrlOf(item.parent);
      url += '/';
      url += rows.IsNull(7) ? item.name : rows.Text(7);
      item.url = url;
    } else {
      item.url = rows.Text(3);
    }
    item.size = rows.IsNull(8) ? std::nullopt : std::optional(rows.Int(8));
    item.modified = rows.Text(9);
    go_on = use(item);
  }
  rows.Reset();
  return go_on;
}

void ObjectWalk::Run(bool owners_only, const std::function<bool(const WalkedObject&)>& use) {
  sqlite::Statement sites(db_, kContainers), containers(db_, kContainers);
  const auto read = [&](const sqlite::Statement& row) {
    WalkedObject object;
    object.oid = row.Int(0);
    object.type = static_cast<ObjectType>(row.Int(1));
    object.id = row.Text(2);
    object.url = row.Text(3);
    object.name = row.Text(4);
    object.parent = row.Int(5);
    object.scope = row.Int(6);
    object.method = row.Text(7);
    object.owner = coverage_.OwnerOf(object.scope);
    return object;
  };
  sites.Bind(0, run_);
  while (sites.Step()) {
    WalkedObject site = read(sites);
    site.site_url = site.url;
    if (!use(site)) return;
    containers.Bind(site.oid, run_);
    while (containers.Step()) {
      WalkedObject container = read(containers);
      container.site_url = site.url;
      if (!use(container)) return;
      WalkedObject item;
      item.site_url = site.url;
      item.method = container.method;
      if (!Items(container.oid, owners_only, item, use)) return;
    }
  }
}

}  // namespace spa
