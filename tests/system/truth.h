// Compares what an export says with what is true, object by object.
//
// Works on two streams of JSON lines and keeps 32 bytes per line, so that a tenant of any size can
// be compared; the lines of the first differences are fetched by a second reading.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace spa::testing {

// Reads all lines, from the beginning each time it is called.
using Line = std::function<void(std::string_view)>;
using Lines = std::function<void(const Line&)>;

Lines LinesOfFile(std::string path);
Lines LinesOfText(std::string text);

enum class Compare {
  // Every field. `levels` and `source` where both sides read the scope through the same interface:
  // a library's scope may come from either, and Graph has no names of levels.
  kEveryField,
  // Who has which role on each file, folder and library: what Graph alone can tell. The scope's
  // owner is left out, since without SharePoint REST an inheriting library shows as its own scope.
  kAccessToItems,
};

struct Comparison {
  std::size_t expected = 0, found = 0;  // lines
  std::size_t missing = 0, extra = 0, different = 0;
  std::string report;  // The first few of each, for people; empty where all is equal.
};

Comparison CompareLines(const Lines& truth, const Lines& exported,
                        Compare what = Compare::kEveryField);

// Fails the test, and shows the report on standard error, where anything is not as it should be.
void CheckEqual(const Comparison& comparison);

}  // namespace spa::testing
