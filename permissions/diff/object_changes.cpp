#include "permissions/diff/object_changes.h"

#include <fmt/format.h>

namespace spa {
namespace {

// The versions that stood in just one of the runs ?1 (the earlier) and ?2.
constexpr char kVersions[] = R"sql(
  SELECT oid, from_run <= ?1, to_run IS NULL OR to_run > ?2, type, container, parent, scope, name,
         url
  FROM object
  WHERE from_run <= ?2 AND (to_run IS NULL OR to_run > ?1)
    AND NOT (from_run <= ?1 AND (to_run IS NULL OR to_run > ?2))
  ORDER BY oid, from_run)sql";

constexpr char kEarlier[] = "what stands in it was not read in the earlier run";

bool IsContainer(ObjectType type) {
  return type == ObjectType::kSite || type == ObjectType::kLibrary || type == ObjectType::kList;
}

}  // namespace

void PutFace(RunChange& change, const ObjectFace& face) {
  change.object_type = Name(face.type);
  change.object_id = face.id;
  change.object_name = face.name;
  change.object_url = face.url;
}

ObjectChanges::ObjectChanges(sqlite::Database& db, RunSide& before, RunSide& after,
                             NotKnown& not_known)
    : before_(before), after_(after), not_known_(not_known) {
  Read(db);
  std::vector<Oid> known;
  for (const Oid oid : order_) {
    Item& item = items_.at(oid);
    if (!KnownBefore(oid, item)) continue;
    known.push_back(oid);
    if (item.was != item.is) {
      item.counted_in = TopmostOf(oid, item.is);
      ++items_.at(item.counted_in).inside;
    }
  }
  for (const Oid oid : known) {
    Item& item = items_.at(oid);
    item.was == item.is ? TellStayed(oid, item) : TellCame(oid, item);
  }
}

void ObjectChanges::Read(sqlite::Database& db) {
  sqlite::Statement rows(db, kVersions);
  rows.Bind(before_.run(), after_.run());
  Oid last = 0;
  std::string name, url;
  while (rows.Step()) {
    const bool was = rows.Int(1) != 0, is = rows.Int(2) != 0;
    if (!was && !is) continue;
    const Oid oid = rows.Int(0);
    Place place;
    place.type = static_cast<ObjectType>(rows.Int(3));
    place.container = rows.Int(4);
    place.parent = rows.Int(5);
    place.scope = rows.Int(6);
    Item& item = items_[oid];
    if (oid != last) order_.push_back(oid);
    if (was) {
      item.was = true;
      item.before = place;
      name = rows.Text(7);
      url = rows.Text(8);
    } else {
      item.is = true;
      item.after = place;
      if (item.was) {
        item.renamed = rows.Text(7) != name;
        item.readdressed = IsContainer(place.type) && rows.Text(8) != url;
      }
    }
    last = oid;
  }
}

// Whether the earlier run would have seen it as it stood then. What it did not look at may have
// changed at any time before.
bool ObjectChanges::KnownBefore(Oid oid, const Item& item) {
  if (!item.is) return true;  // The store forgets nothing it did not look for.
  const Place& place = item.after;
  if (!IsContainer(place.type)) {
    const Known known = KnownItems(place.container);
    if (known == Known::kUnread) not_known_.AddObject(place.container, 0, kEarlier, 1);
    return known == Known::kYes;
  }
  if (place.parent != 0) {
    const auto above = items_.find(place.parent);
    const bool new_site = above != items_.end() && !above->second.was;
    if (new_site) return KnownBefore(place.parent, above->second);
    if (before_.KnowsContentsOf(place.parent, place.type)) return true;
    not_known_.AddObject(place.parent, 0, kEarlier, 1);
    return false;
  }
  if (item.was) return true;
  // A site that was asked for in vain stands in the ledger by its address.
  const auto face = after_.rows().FaceOf(oid);
  if (!face || !before_.other_gaps().contains(face->url)) return true;
  not_known_.AddObject(oid, 0, kEarlier);
  return false;
}

// What a library or list held in the earlier run.
ObjectChanges::Known ObjectChanges::KnownItems(Oid container) {
  const auto [known, fresh] = containers_.try_emplace(container, Known::kYes);
  if (!fresh || before_.KnowsItemsOf(container)) return known->second;
  const auto item = items_.find(container);
  if (item == items_.end() || item->second.was) {
    known->second = Known::kUnread;
  } else if (!KnownBefore(container, item->second)) {
    known->second = Known::kTold;  // With its site.
  }
  return containers_.at(container);
}

// The highest above it that came (`is`), or went, in the same way.
Oid ObjectChanges::TopmostOf(Oid oid, bool is) {
  std::vector<Oid> passed;
  Oid at = oid;
  for (;;) {
    Item& item = items_.at(at);
    if (item.counted_in != 0) {
      at = item.counted_in;
      break;
    }
    const auto above = items_.find(is ? item.after.parent : item.before.parent);
    if (above == items_.end() || above->second.was == above->second.is || above->second.is != is) {
      break;
    }
    passed.push_back(at);
    at = above->first;
  }
  for (const Oid each : passed) items_.at(each).counted_in = at;
  return at;
}

RunChange& ObjectChanges::Tell(ChangeKind kind, Oid oid, RunSide& side) {
  RunChange& change = changes_.emplace_back();
  change.kind = kind;
  if (const auto face = side.rows().FaceOf(oid)) PutFace(change, *face);
  return change;
}

void ObjectChanges::TellCame(Oid oid, Item& item) {
  RunSide& side = item.is ? after_ : before_;
  const Place& place = item.is ? item.after : item.before;
  if (side.OwnerOf(place.scope) == oid) {
    steps_.emplace_back(oid, item.is ? 0 : oid, item.is ? oid : 0);
  }
  if (item.counted_in != oid) return;
  RunChange& change =
      Tell(item.is ? ChangeKind::kObjectAdded : ChangeKind::kObjectRemoved, oid, side);
  if (item.inside > 1) change.detail = fmt::format("with {} objects in it", item.inside - 1);
}

void ObjectChanges::TellStayed(Oid oid, const Item& item) {
  if (item.renamed) {
    RunChange& change = Tell(ChangeKind::kObjectRenamed, oid, after_);
    const auto face = before_.rows().FaceOf(oid);
    change.before = face ? face->name : "";
    change.after = change.object_name;
  }
  bool moved = item.before.parent != item.after.parent;
  if (moved && !IsContainer(item.after.type) && before_.GapOf(oid) != nullptr) {
    not_known_.AddObject(oid, 0, "its folder was not known");
    moved = false;
  }
  if (moved || (item.readdressed && !AddressFollows(oid, item))) {
    RunChange& change = Tell(ChangeKind::kObjectMoved, oid, after_);
    const auto was = before_.rows().FaceOf(moved ? item.before.parent : oid);
    const auto is = after_.rows().FaceOf(moved ? item.after.parent : oid);
    change.before = was ? was->url : "";
    change.after = is ? is->url : "";
  }
  const Oid owned = before_.OwnerOf(item.before.scope), owns = after_.OwnerOf(item.after.scope);
  if (owned == owns || !KnowsOwner(oid, item.after)) return;
  if (owned == oid || owns == oid) {
    const bool begun = owns == oid;
    RunChange& change =
        Tell(begun ? ChangeKind::kScopeBegun : ChangeKind::kScopeEnded, oid, after_);
    const auto other = (begun ? before_ : after_).rows().FaceOf(begun ? owned : owns);
    (begun ? change.before : change.after) = "as " + (other ? other->url : std::string("above"));
    (begun ? change.after : change.before) = "own";
  } else if (!moved && OwnersOf(item.after.parent) == std::pair(owned, owns)) {
    return;  // It goes with what it stands in.
  }
  steps_.emplace_back(oid, owned, owns);
}

// Whether both runs could tell whose permissions apply: of a library only SharePoint REST says that
// it inherits, which also reads its site.
bool ObjectChanges::KnowsOwner(Oid oid, const Place& place) {
  RunSide* sides[] = {&before_, &after_};
  bool known = true;
  const bool roles[] = {place.type != ObjectType::kLibrary || before_.KnowsRolesAt(place.parent),
                        place.type != ObjectType::kLibrary || after_.KnowsRolesAt(place.parent)};
  for (int i = 0; i < 2; ++i) {
    if (sides[i]->GapOf(oid) == nullptr && (roles[i] || roles[0] == roles[1])) continue;
    not_known_.AddObject(oid, i, "whether it inherits was not read in this run");
    known = false;
  }
  return known;
}

// A library's address begins with its site's.
bool ObjectChanges::AddressFollows(Oid oid, const Item& item) {
  const auto was = before_.rows().FaceOf(oid), is = after_.rows().FaceOf(oid);
  const auto above_was = before_.rows().FaceOf(item.before.parent);
  const auto above_is = after_.rows().FaceOf(item.after.parent);
  return was && is && above_was && above_is && above_was->url != above_is->url &&
         was->url.starts_with(above_was->url) &&
         is->url == above_is->url + was->url.substr(above_was->url.size());
}

std::pair<Oid, Oid> ObjectChanges::OwnersOf(Oid oid) {
  const auto was = before_.PlaceOf(oid), is = after_.PlaceOf(oid);
  return {was ? before_.OwnerOf(was->scope) : 0, is ? after_.OwnerOf(is->scope) : 0};
}

}  // namespace spa
