#include "bench/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>

namespace spa {
namespace {

using Random = std::mt19937_64;
using Sequence = std::vector<std::uint32_t>;

// Draws ranks: the first is the likeliest.
class Zipf {
 public:
  Zipf(std::size_t count, double skew) : cumulative_(count) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      cumulative_[i] = sum += std::pow(static_cast<double>(i + 1), -skew);
    }
  }
  std::uint32_t operator()(Random& random) const {
    std::uniform_real_distribution<double> pick(0, cumulative_.back());
    return static_cast<std::uint32_t>(
        std::lower_bound(cumulative_.begin(), cumulative_.end(), pick(random)) -
        cumulative_.begin());
  }

 private:
  std::vector<double> cumulative_;
};

template <int kHundredths>
Sequence Skewed(const TraceShape& shape, Random& random) {
  const Zipf zipf(shape.keys, kHundredths / 100.0);
  Sequence sequence(shape.length);
  for (auto& key : sequence) key = zipf(random);
  return sequence;
}

Sequence SkewedWithScan(const TraceShape& shape, Random& random) {
  Sequence sequence = Skewed<99>(shape, random);
  auto unseen = static_cast<std::uint32_t>(shape.keys);
  const std::size_t tenth = std::max<std::size_t>(shape.length / 10, 1);
  for (std::size_t i = tenth / 2; i < sequence.size(); ++i) {
    if (i % tenth >= tenth / 2 && i % tenth < tenth * 3 / 5) sequence[i] = unseen++;
  }
  return sequence;
}

Sequence Loop(const TraceShape& shape, Random&) {
  Sequence sequence(shape.length);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    sequence[i] = static_cast<std::uint32_t>(i % shape.keys);
  }
  return sequence;
}

// One audit: site after site, each with six groups of its own and some of those that many share;
// every group is asked for about once for each place it stands on.
void Audit(const TraceShape& shape, Random& random, std::size_t lookups, Sequence& sequence) {
  const auto shared = static_cast<std::uint32_t>(shape.keys / 4);
  const Zipf zipf(shared, 1.05);
  std::uint32_t own = shared;
  for (const std::size_t end = sequence.size() + lookups; sequence.size() < end;) {
    if (own + 6 > shape.keys) own = shared;
    for (int place = 0; place < 160; ++place) {
      sequence.push_back(random() % 4 == 0 ? own + static_cast<std::uint32_t>(random() % 6)
                                           : zipf(random));
    }
    own += 6;
  }
}

template <int kRuns>
Sequence Expansion(const TraceShape& shape, Random& random) {
  Sequence once;
  Audit(shape, random, shape.length / kRuns, once);
  Sequence sequence;
  for (int run = 0; run < kRuns; ++run) sequence.insert(sequence.end(), once.begin(), once.end());
  return sequence;
}

Sequence Nightly(const TraceShape& shape, Random& random) {
  constexpr int kNights = 7;
  Sequence night;
  Audit(shape, random, shape.length / kNights, night);
  Sequence sequence;
  auto unseen = static_cast<std::uint32_t>(shape.keys);
  std::vector<std::uint32_t> now(shape.keys);
  for (std::uint32_t i = 0; i < now.size(); ++i) now[i] = i;
  for (int i = 0; i < kNights; ++i) {
    for (const auto key : night) sequence.push_back(now[key]);
    for (auto& key : now) {
      if (random() % 50 == 0) key = unseen++;
    }
  }
  return sequence;
}

Sequence Adversarial(const TraceShape& shape, Random& random) {
  Sequence sequence;
  const auto hot = static_cast<std::uint32_t>(std::max<std::size_t>(shape.keys / 10, 1));
  std::uint32_t flood = hot;
  while (sequence.size() < shape.length) {
    for (std::uint32_t i = 0; i < hot; ++i) {
      sequence.push_back(static_cast<std::uint32_t>(random() % hot));
    }
    for (std::uint32_t i = 0; i < hot; ++i) {
      for (int again = 0; again < 4; ++again) sequence.push_back(flood);
      if (++flood >= shape.keys) flood = hot;
    }
  }
  return sequence;
}

using Maker = Sequence (*)(const TraceShape&, Random&);
struct Named {
  std::string_view name;
  Maker make;
};
constexpr Named kTraces[] = {
    {"zipf-0.8", Skewed<80>},
    {"zipf-0.99", Skewed<99>},
    {"zipf-1.2", Skewed<120>},
    {"zipf-scan", SkewedWithScan},
    {"loop", Loop},
    {"group-expansion-1", Expansion<1>},
    {"group-expansion-2", Expansion<2>},
    {"nightly", Nightly},
    {"adversarial", Adversarial},
    {"sizes", Skewed<99>},
};

constexpr std::size_t kKeyBytes = 66;

void PutWord(std::ostream& out, std::uint32_t word) {
  out.write(reinterpret_cast<const char*>(&word), sizeof word);
}

}  // namespace

const std::vector<std::string_view>& TraceNames() {
  static const auto names = [] {
    std::vector<std::string_view> all;
    for (const auto& trace : kTraces) all.push_back(trace.name);
    return all;
  }();
  return names;
}

Result<Trace> MakeTrace(std::string_view name, const TraceShape& shape) {
  const auto* found = std::find_if(std::begin(kTraces), std::end(kTraces),
                                   [&](const Named& trace) { return trace.name == name; });
  if (found == std::end(kTraces)) {
    return Fail(ErrorCode::kMalformed, fmt::format("there is no trace \"{}\"", name));
  }
  Random random(shape.seed);
  Trace trace;
  trace.name = name;
  trace.sequence = found->make(shape, random);
  const auto highest = *std::max_element(trace.sequence.begin(), trace.sequence.end());
  for (std::uint32_t i = 0; i <= highest; ++i) {
    trace.keys.push_back(fmt::format("{:016x}-{:08d}-{:040x}", i * 0x9e3779b97f4a7c15, i, i));
  }
  if (name == "sizes") {
    std::lognormal_distribution<double> bytes(8, 1.5);
    for (std::uint32_t i = 0; i <= highest; ++i) {
      trace.sizes.push_back(
          static_cast<std::uint32_t>(std::clamp(bytes(random), 100.0, 1024.0 * 1024.0)));
    }
  }
  return trace;
}

Status WriteTrace(const Trace& trace, std::uint32_t value_bytes,
                  const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  PutWord(out, static_cast<std::uint32_t>(trace.keys.size()));
  PutWord(out, kKeyBytes);
  PutWord(out, static_cast<std::uint32_t>(trace.sequence.size()));
  PutWord(out, value_bytes);
  for (const auto& key : trace.keys) out.write(key.data(), kKeyBytes);
  for (const auto key : trace.sequence) PutWord(out, key);
  if (!out.flush()) return Fail(ErrorCode::kStorage, "writing the trace " + file.string());
  return {};
}

Result<Trace> ReadTrace(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::uint32_t head[4] = {};
  in.read(reinterpret_cast<char*>(head), sizeof head);
  if (!in || head[1] != kKeyBytes) {
    return Fail(ErrorCode::kStorage, "no trace in " + file.string());
  }
  Trace trace;
  trace.name = file.stem().string();
  trace.keys.assign(head[0], std::string(kKeyBytes, ' '));
  for (auto& key : trace.keys) in.read(key.data(), kKeyBytes);
  trace.sequence.resize(head[2]);
  in.read(reinterpret_cast<char*>(trace.sequence.data()),
          static_cast<std::streamsize>(head[2] * sizeof(std::uint32_t)));
  const bool sound = std::all_of(trace.sequence.begin(), trace.sequence.end(),
                                 [&](std::uint32_t key) { return key < trace.keys.size(); });
  if (!in || !sound) return Fail(ErrorCode::kStorage, "the trace is cut off: " + file.string());
  return trace;
}

}  // namespace spa
