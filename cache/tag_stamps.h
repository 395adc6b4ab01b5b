// TagStamps: which tags were erased, and when. An entry that carries a tag and was created at its
// stamp or before is gone, wherever it lies; so erasing a tag costs the same for one entry and a
// million.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "cache/entry.h"
#include "cache/tag.h"

namespace spa {

class TagStamps {
 public:
  // A stamp only ever moves forward. True where it did.
  bool Note(const Tag& tag, CacheTime at) {
    std::unique_lock lock(mutex_);
    auto& known = stamps_[tag];
    if (at <= known) return false;
    known = at;
    return true;
  }
  // A stamp is known for each of them, be it "never" (the epoch).
  bool Know(const std::vector<Tag>& tags) const {
    std::shared_lock lock(mutex_);
    for (const Tag& tag : tags) {
      if (!stamps_.contains(tag)) return false;
    }
    return true;
  }
  void Learn(const std::vector<Tag>& tags, const std::vector<CacheTime>& at) {
    std::unique_lock lock(mutex_);
    for (std::size_t i = 0; i < tags.size() && i < at.size(); ++i) {
      auto& known = stamps_[tags[i]];
      known = std::max(known, at[i]);
    }
  }
  std::vector<Tag> Known() const {
    std::shared_lock lock(mutex_);
    std::vector<Tag> tags;
    for (const auto& [tag, at] : stamps_) tags.push_back(tag);
    return tags;
  }
  // The latest stamp of any of them; the epoch where there is none.
  CacheTime Latest(const std::vector<Tag>& tags) const {
    CacheTime latest{};
    std::shared_lock lock(mutex_);
    for (const Tag& tag : tags) {
      const auto at = stamps_.find(tag);
      if (at != stamps_.end()) latest = std::max(latest, at->second);
    }
    return latest;
  }
  bool Gone(const std::vector<Tag>& tags, CacheTime created) const {
    return !tags.empty() && created <= Latest(tags);
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<Tag, CacheTime> stamps_;
};

}  // namespace spa
