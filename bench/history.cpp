#include "bench/history.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace spa {
namespace {

using What = HistoryStep::What;

// What the step leaves where it found `value`; nothing where it cannot have seen that.
std::optional<std::uint64_t> After(const HistoryStep& step, std::uint64_t value) {
  switch (step.what) {
    case What::kRead:
      return step.seen == value ? std::optional(value) : std::nullopt;
    case What::kWrite:
      return step.written;
    case What::kErase:
      return (step.seen != 0) == (value != 0) ? std::optional<std::uint64_t>(0) : std::nullopt;
    case What::kUpdate:
      return step.seen == value ? std::optional(step.written) : std::nullopt;
  }
  return std::nullopt;
}

class Search {
 public:
  explicit Search(const std::vector<HistoryStep>& history) : history_(history) {}

  bool From(std::uint64_t done, std::uint64_t value) {
    if (done == All()) return true;
    if (!tried_.emplace(done, value).second) return false;
    // Only what began before everything left had ended can come next.
    auto first_end = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (!(done >> i & 1)) first_end = std::min(first_end, history_[i].end);
    }
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if ((done >> i & 1) || history_[i].begin > first_end) continue;
      const auto after = After(history_[i], value);
      if (after && From(done | std::uint64_t{1} << i, *after)) return true;
    }
    return false;
  }

 private:
  std::uint64_t All() const {
    return history_.size() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << history_.size()) - 1;
  }

  const std::vector<HistoryStep>& history_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> tried_;
};

}  // namespace

bool Linearizable(const std::vector<HistoryStep>& history) { return Search(history).From(0, 0); }

}  // namespace spa
