#include "permissions/diff/not_known.h"

#include <fmt/format.h>

#include "core/ascii.h"

namespace spa {

void NotKnown::Note(Entry& entry, int side, const RunGap& gap) {
  if (entry.state[side].empty()) entry.state[side] = gap.state;
  if (entry.reason.empty()) entry.reason = gap.reason;
}

void NotKnown::AddObject(Oid oid, int side, std::string reason, std::int64_t items) {
  Entry& entry = objects_[oid];
  const RunGap* gap = sides_[static_cast<std::size_t>(side)]->GapOf(oid);
  Note(entry, side, gap != nullptr ? *gap : RunGap("stale", std::move(reason)));
  entry.items += items;
}

void NotKnown::AddRule(std::string id, std::string before, std::string after, std::string reason) {
  Entry& entry = rules_[std::move(id)];
  entry.state[0] = std::move(before);
  entry.state[1] = std::move(after);
  entry.reason = std::move(reason);
}

std::vector<RunChange> NotKnown::Told() {
  std::map<std::string, Entry> others;
  for (int side = 0; side < 2; ++side) {
    const RunSide& run = *sides_[static_cast<std::size_t>(side)];
    for (const auto& [oid, gap] : run.gaps()) Note(objects_[oid], side, gap);
    for (const auto& [about, gap] : run.other_gaps()) Note(others[about], side, gap);
  }
  std::vector<RunChange> told;
  const auto tell = [&](const Entry& entry) -> RunChange& {
    RunChange& change = told.emplace_back();
    change.before = entry.state[0].empty() ? "known" : entry.state[0];
    change.after = entry.state[1].empty() ? "known" : entry.state[1];
    change.detail = entry.reason;
    if (entry.items > 0) {
      change.detail += fmt::format("{}{} objects in it cannot be compared",
                                   change.detail.empty() ? "" : "; ", entry.items);
    }
    return change;
  };
  for (const auto& [oid, entry] : objects_) {
    RunChange& change = tell(entry);
    auto face = sides_[1]->rows().FaceOf(oid);
    if (!face) face = sides_[0]->rows().FaceOf(oid);
    if (!face) continue;
    change.object_type = Name(face->type);
    change.object_id = std::move(face->id);
    change.object_name = std::move(face->name);
    change.object_url = std::move(face->url);
  }
  for (const auto& [about, entry] : others) {
    RunChange& change = tell(entry);
    const auto found = sides_[1]->principals().Find(about);
    const auto earlier = found.empty() ? sides_[0]->principals().Find(about) : found;
    if (earlier.size() == 1) {
      RunSide& side = found.empty() ? *sides_[0] : *sides_[1];
      const Principal& group = side.principals().At(earlier.front());
      change.object_type = KindOf(group);
      change.object_id = group.id;
      change.object_name = group.name;
    } else {
      change.object_name = about;
    }
  }
  for (const auto& [id, entry] : rules_) tell(entry).rule = id;
  return told;
}

}  // namespace spa
