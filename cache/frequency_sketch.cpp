#include "cache/frequency_sketch.h"

#include <algorithm>
#include <bit>

namespace spa {
namespace {

constexpr int kRows = 4;
constexpr std::uint64_t kMost = 15;

// Where the counter of a row lies within the line of a key.
struct Place {
  Place(const Fingerprint& print, int row) {
    const std::uint64_t bits = print.high >> (40 + 5 * row);
    word = static_cast<std::size_t>(2 * row) + (bits & 1);
    shift = static_cast<int>((bits >> 1) & 15) * 4;
  }
  std::size_t word;
  int shift;
};

}  // namespace

FrequencySketch::FrequencySketch(std::size_t entries)
    : lines_(std::bit_ceil(std::max<std::size_t>(entries / 8, 1))),
      line_mask_(lines_.size() - 1),
      halve_at_(10 * std::max<std::size_t>(entries, 8)) {}

void FrequencySketch::Record(const Fingerprint& print, std::uint32_t times) {
  const std::uint64_t more = std::min<std::uint64_t>(times, kMost);
  Line& line = lines_[print.high & line_mask_];
  for (int row = 0; row < kRows; ++row) {
    const Place place(print, row);
    auto& word = line.words[place.word];
    const std::uint64_t room = kMost - ((word >> place.shift) & kMost);
    word += std::min(more, room) << place.shift;
  }
  recorded_ += more;
  if (recorded_ >= halve_at_) Halve();
}

int FrequencySketch::Frequency(const Fingerprint& print) const {
  const Line& line = lines_[print.high & line_mask_];
  std::uint64_t least = kMost;
  for (int row = 0; row < kRows; ++row) {
    const Place place(print, row);
    least = std::min(least, (line.words[place.word] >> place.shift) & kMost);
  }
  return static_cast<int>(least);
}

void FrequencySketch::Halve() {
  for (Line& line : lines_) {
    for (auto& word : line.words) word = (word >> 1) & 0x7777777777777777;
  }
  recorded_ /= 2;
}

}  // namespace spa
