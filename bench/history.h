// History: what concurrent callers did to one key and saw of it, and whether some order explains
// it.
//
// A history is linearizable where each operation can be given an instant between its begin and its
// end such that, taken in the order of their instants, each saw what the ones before it had left
// (Wing and Gong's search, with the states already tried remembered).
#pragma once

#include <cstdint>
#include <vector>

namespace spa {

struct HistoryStep {
  enum class What {
    kRead,    // saw `seen`
    kWrite,   // left `written`
    kErase,   // left nothing, and saw whether something was there
    kUpdate,  // saw `seen` and left `written`, with nobody in between
  };
  HistoryStep() = default;
  What what = What::kRead;
  std::uint64_t seen = 0;     // 0: nothing was there. Of kErase: whether something was.
  std::uint64_t written = 0;  // Never 0.
  std::int64_t begin = 0, end = 0;
};

// At most 64 steps, from a key that held nothing.
bool Linearizable(const std::vector<HistoryStep>& history);

}  // namespace spa
