#include "permissions/diff/run_side.h"

namespace spa {
namespace {

// What stood in run ?1, of the rows called x.
#define SPA_STOOD(x) x ".from_run <= ?1 AND (" x ".to_run IS NULL OR " x ".to_run > ?1)"

bool Holds(sqlite::Statement& row) {
  const bool holds = row.Step() && row.Int(0) != 0;
  row.Reset();
  return holds;
}

}  // namespace

RunSide::RunSide(sqlite::Database& db, const RunInfo& info)
    : db_(db),
      info_(info),
      rows_(db, info.number),
      principals_(rows_),
      access_(rows_, principals_),
      coverage_(db, info.number) {
  sqlite::Statement gaps(db, "SELECT oid, url, state, reason FROM gap WHERE run = ? ORDER BY seq");
  gaps.Bind(info.number);
  while (gaps.Step()) {
    RunGap gap(gaps.String(2), gaps.String(3));
    if (gaps.IsNull(0)) {
      other_gaps_.try_emplace(gaps.String(1), std::move(gap));
    } else {
      gaps_.try_emplace(gaps.Int(0), std::move(gap));
    }
  }
}

ScopeIndex& RunSide::index() {
  if (!index_) index_.emplace(rows_, principals_);
  return *index_;
}

std::optional<Place> RunSide::PlaceOf(Oid oid) {
  auto& row = db_.Get(
      "SELECT x.type, x.container, x.parent, x.scope FROM object x WHERE x.oid = ?2 "
      "AND " SPA_STOOD("x"));
  std::optional<Place> place;
  if (row.Bind(run(), oid).Step()) {
    place.emplace();
    place->type = static_cast<ObjectType>(row.Int(0));
    place->container = row.Int(1);
    place->parent = row.Int(2);
    place->scope = row.Int(3);
  }
  row.Reset();
  return place;
}

bool RunSide::KnowsItemsOf(Oid container) {
  const auto [known, fresh] = items_known_.try_emplace(container, false);
  if (fresh) {
    known->second = Holds(db_.Get("SELECT EXISTS (SELECT 1 FROM confirmed WHERE container = ?2 AND "
                                  "?1 BETWEEN from_run AND to_run)")
                              .Bind(run(), container));
  }
  return known->second;
}

bool RunSide::KnowsContentsOf(Oid site, ObjectType type) {
  if (GapOf(site) == nullptr) return true;
  // The site's gap may be about other things: where one of its kind was read, they were listed.
  // A site has at least one library; its subsites are asked for together with them.
  const bool list = type == ObjectType::kList;
  return Holds(
      db_.Get("SELECT EXISTS (SELECT 1 FROM entity e JOIN object x ON x.oid = e.oid AND "
              "x.type = ?3 AND " SPA_STOOD(
                  "x") " JOIN confirmed c ON c.container = x.oid "
                       "AND ?1 BETWEEN c.from_run AND c.to_run WHERE e.container = ?2)")
          .Bind(run(), site, static_cast<int>(list ? ObjectType::kList : ObjectType::kLibrary)));
}

// What was read again later, and was the same, may have been missed in between: then there is a
// gap.
bool RunSide::KnowsScope(Oid owner) {
  auto& row = db_.Get(
      "SELECT x.read_run, o.container FROM scope x JOIN object o ON o.oid = x.oid "
      "AND " SPA_STOOD("o") " WHERE x.oid = ?2 AND " SPA_STOOD("x"));
  const bool found = row.Bind(run(), owner).Step();
  const RunNo read = found ? row.Int(0) : 0;
  const Oid container = found ? row.Int(1) : 0;
  row.Reset();
  if (!found || read == run()) return found;
  return GapOf(owner) == nullptr && (read > run() || KnowsItemsOf(container));
}

bool RunSide::KnowsRolesAt(Oid site) {
  const auto place = PlaceOf(site);
  return place && KnowsScope(OwnerOf(place->scope));
}

bool RunSide::KnowsSiteScope(Oid top_site, std::string_view source) {
  auto& row = db_.Get(
      "SELECT x.read_run FROM site_scope x WHERE x.oid = ?2 AND x.source = ?3 "
      "AND " SPA_STOOD("x"));
  const RunNo read = row.Bind(run(), top_site, source).Step() ? row.Int(0) : 0;
  row.Reset();
  if (read <= run()) return read == run();
  const auto site = rows_.FaceOf(top_site);
  return GapOf(top_site) == nullptr &&
         (!site || !other_gaps_.contains("administrators of " + site->url));
}

const RunGap* RunSide::GapOf(Oid oid) const {
  const auto found = gaps_.find(oid);
  return found == gaps_.end() ? nullptr : &found->second;
}

}  // namespace spa
