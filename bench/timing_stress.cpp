// Does the time a wrong API key takes tell how much of it is right? A matching beginning must cost
// neither more nor less than none (Welch's t of the two below 4.5, as is usual for leaks).
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <random>

#include "bench/stress_suites.h"
#include "bench/welch.h"
#include "serve/api_key.h"

namespace spa {
namespace {

constexpr double kLeak = 4.5;
constexpr std::size_t kLength = 1'000;  // A long key makes a comparison that ends early plain.

std::string RandomText(std::mt19937_64& random, std::size_t length) {
  std::string text(length, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

// Asked in random order, from the same place in memory. Whichever it is, both are read to put it
// there, so that nothing but the bytes tells them apart. What the machine interrupted is cut off
// both alike: the slowest tenth.
template <class Compare>
double LeakOf(Compare compare, const std::string& key, std::size_t samples,
              std::mt19937_64& random) {
  using Steady = std::chrono::steady_clock;
  std::string near = key, far = RandomText(random, kLength);
  near.back() = '!';
  far.front() = '!';
  std::string asked(kLength, ' ');
  std::vector<std::pair<double, bool>> all(samples);
  for (auto& [took, matching] : all) matching = random() % 2 == 0;
  std::size_t accepted = 0;
  for (auto& [took, matching] : all) {
    const int mask = -static_cast<int>(matching);
    for (std::size_t i = 0; i < kLength; ++i) {
      asked[i] = static_cast<char>((near[i] & mask) | (far[i] & ~mask));
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);  // That is not to be timed.
    const auto before = Steady::now();
    accepted += compare(asked);
    took = std::chrono::duration<double, std::nano>(Steady::now() - before).count();
  }
  auto sorted = all;
  std::sort(sorted.begin(), sorted.end());
  const double longest = sorted[sorted.size() * 9 / 10].first;
  std::array<Moments, 2> of;
  for (const auto& [took, matching] : all) {
    if (took <= longest) of[matching].Add(took);
  }
  return accepted == 0 ? std::abs(WelchT(of[0], of[1])) : HUGE_VAL;
}

}  // namespace

Result<StressReport> StressTiming(const StressOptions& options) {
  StressReport report;
  report.suite = "timing";
  std::mt19937_64 random(options.seed);
  const std::string text = RandomText(random, kLength);
  const auto key = ApiKey::From(Secret(text));
  if (!key) return Fail(key.error());
  const std::size_t samples = options.operations.value_or(200'000);
  // Of three, the least: chance passes, a leak stays.
  double t = HUGE_VAL;
  for (int round = 0; round < 3 && t > kLeak; ++round) {
    t = std::min(t, LeakOf([&](const std::string& asked) { return key->Matches(asked); }, text,
                           samples, random));
  }
  // That the measurement would see one.
  const auto plainly = [&](const std::string& asked) {
    return std::mismatch(asked.begin(), asked.end(), text.begin()).first == asked.end();
  };
  report.figures = {{"samples", static_cast<double>(samples)},
                    {"t", t},
                    {"t_of_a_plain_comparison", LeakOf(plainly, text, samples, random)}};
  if (t > kLeak) report.problems.push_back("the time tells how much of a key is right");
  return report;
}

}  // namespace spa
