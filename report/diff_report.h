// DiffReport: what changed between two runs as JSON, CSV or a page of HTML, written as it comes.
//
// The changes come in the order of core/run_change.h, section by section. JSON is one object:
// {"from", "to", "changes": [...], "not_known": [...], "by_person", "by_object", "counts"}. CSV has
// the columns of a change, with what is not known among the rows. The page has no scripts, asks for
// nothing, shows at most kMostRows of a section and says so; all texts are escaped.
//
// Threads: one. Errors: at Finish, as report/output.h has them.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/run_change.h"
#include "core/store/audit_store.h"
#include "report/output.h"
#include "report/row_format.h"

namespace spa {

// Counts of all changes, whatever is shown of them.
class DiffTally {
 public:
  struct Line {  // of one person, audience or object
    Line() = default;
    std::string kind, id, name;
    std::int64_t gained = 0, lost = 0, changed = 0;
  };

  void Add(const RunChange& change);

  std::int64_t of(ChangeKind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
  std::int64_t changes() const;                             // without what is not known
  std::int64_t widened() const { return widened_; }         // access gained, or a stronger role
  std::optional<Severity> worst() const { return worst_; }  // of the new and changed findings
  // Those with the most changes of access first.
  std::vector<Line> People() const { return Sorted(people_); }
  std::vector<Line> Objects() const { return Sorted(objects_); }
  // "3 access_gained, 1 object_moved"; "no changes".
  std::string Text() const;

 private:
  static std::vector<Line> Sorted(const std::map<std::string, Line>& lines);

  std::array<std::int64_t, kChangeKinds> kinds_{};
  std::int64_t widened_ = 0;
  std::optional<Severity> worst_;
  std::map<std::string, Line> people_, objects_;
};

class DiffReport {
 public:
  enum class Format { kJson, kCsv, kHtml };
  static constexpr std::size_t kMostRows = 5000;  // of a section of the page
  static constexpr std::size_t kMostLines = 50;   // of its people and objects

  DiffReport(Format format, const RunInfo& before, const RunInfo& after, int fd);

  bool Add(const RunChange& change);  // false: nobody reads it any more
  Status Finish(const DiffTally& tally);

 private:
  void AddRow(const RunChange& change);
  void AddHtml(const RunChange& change);
  void EndSection();
  void Page(const DiffTally& tally);

  Format format_;
  RunInfo before_, after_;
  Output output_;
  RowFormat rows_;
  bool first_ = true, not_known_ = false;
  std::string section_, body_;  // of the page
  std::size_t in_section_ = 0;
};

}  // namespace spa
