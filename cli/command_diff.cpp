// diff: what changed between two runs, for people, files and gates.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/log/terminal_text.h"
#include "permissions/diff/run_diff.h"
#include "report/diff_report.h"

namespace spa {
namespace {

struct Runs {
  Runs() = default;
  RunInfo before, after;
};

bool IsFinished(const RunInfo& run) { return run.status == "complete" || run.status == "partial"; }

// The last moment of a day, or the moment itself; nothing where it is no time.
std::optional<std::string> MomentOf(const std::string& text) {
  for (const std::string& moment : {text, text + "T23:59:59Z"}) {
    const auto time = ParseUtc(moment);
    if (time && UtcText(*time) == moment) return moment;
  }
  return std::nullopt;
}

// `finished`: those that ended, the oldest first.
Result<RunInfo> FindOne(const std::string& text, const std::vector<RunInfo>& all,
                        const std::vector<RunInfo>& finished) {
  if (text.empty() || text == "last") return finished.back();
  for (const RunInfo& run : all) {
    if (run.id != text) continue;
    if (IsFinished(run)) return run;
    return Fail(ErrorCode::kUsage,
                fmt::format("run {} is {}: it did not see everything", text, run.status),
                "compare finished runs; `sharepoint-audit runs` lists them");
  }
  const auto moment = MomentOf(text);
  if (!moment) {
    return Fail(
        ErrorCode::kUsage, fmt::format("there is no run {}", text),
        "give a run's id, last, or a date as YYYY-MM-DD; `sharepoint-audit runs` lists them");
  }
  const auto later = std::find_if(finished.begin(), finished.end(),
                                  [&](const RunInfo& run) { return run.started_at > *moment; });
  if (later != finished.begin()) return *std::prev(later);
  return Fail(ErrorCode::kUsage, fmt::format("no finished run began by {}", text),
              fmt::format("the first one is of {}", finished.front().started_at));
}

Result<Runs> FindRuns(const Flags& flags, const std::string& db_path) {
  auto store = AuditStore::Open(db_path, AuditStore::Mode::kReadOnly);
  if (!store) return Fail(store.error());
  auto all = (*store)->Runs();
  if (!all) return Fail(all.error());
  std::sort(all->begin(), all->end(),
            [](const RunInfo& a, const RunInfo& b) { return a.number < b.number; });
  std::vector<RunInfo> finished;
  std::copy_if(all->begin(), all->end(), std::back_inserter(finished), IsFinished);
  if (finished.size() < 2) {
    return Fail(ErrorCode::kUsage,
                fmt::format("{} holds {} finished run{}: nothing to compare", db_path,
                            finished.size(), finished.size() == 1 ? "" : "s"),
                "run another audit into it");
  }
  auto after = FindOne(flags.to_run, *all, finished);
  if (!after) return Fail(after.error());
  const std::string& from = flags.as_of.empty() ? flags.from_run : flags.as_of;
  Runs runs;
  runs.after = *std::move(after);
  if (from.empty()) {
    runs.before = finished[finished.size() - 2];
    return runs;
  }
  auto before = FindOne(from, *all, finished);
  if (!before) return Fail(before.error());
  runs.before = *std::move(before);
  return runs;
}

// The parts of the table: the first lines of each section.
class Table {
 public:
  explicit Table(int limit) : limit_(static_cast<std::size_t>(limit)) {}

  void Add(const RunChange& change) {
    const std::string_view section = SectionOf(change.kind);
    if (sections_.empty() || sections_.back().name != section) {
      sections_.emplace_back().name = section;
      sections_.back().rows.push_back({"CHANGE", "OBJECT", "WHO", "BEFORE", "AFTER", "HOW"});
    }
    Section& now = sections_.back();
    if (++now.count > limit_ && limit_ > 0) return;
    const std::string& who = change.principal_name.empty() ? change.rule : change.principal_name;
    now.rows.push_back({std::string(Name(change.kind)),
                        change.object_url.empty() ? change.object_name : change.object_url, who,
                        change.before, change.after,
                        change.via.empty() ? change.detail : change.via});
  }

  std::string Text(const Runs& runs, const DiffTally& tally) const {
    std::string text;
    for (const auto& [word, run] : {std::pair{"from", &runs.before}, {"to", &runs.after}}) {
      text += fmt::format("{:<5}run {}, {}, {}\n", word, run->id, run->started_at, run->status);
    }
    text += tally.Text() + '\n';
    std::vector<std::vector<std::string>> people = {{"WHO", "GAINED", "LOST", "CHANGED"}};
    const auto all = tally.People();
    for (const auto& line : all) {
      if (people.size() > limit_ && limit_ > 0) break;
      people.push_back({line.name.empty() ? line.kind : line.name, std::to_string(line.gained),
                        std::to_string(line.lost), std::to_string(line.changed)});
    }
    if (!all.empty()) text += "\naccess by person\n" + RenderTable(people);
    More(text, people.size() - 1, all.size());
    for (const Section& section : sections_) {
      text += fmt::format("\n{}\n{}", section.name, RenderTable(section.rows));
      More(text, section.rows.size() - 1, section.count);
    }
    return text;
  }

 private:
  struct Section {
    Section() = default;
    std::string name;
    std::vector<std::vector<std::string>> rows;
    std::size_t count = 0;
  };
  static void More(std::string& text, std::size_t shown, std::size_t all) {
    if (shown < all) text += fmt::format("… and {} more (--limit 0)\n", all - shown);
  }

  std::size_t limit_;
  std::vector<Section> sections_;
};

bool Fails(const std::string& fail_on, const DiffTally& tally) {
  if (fail_on == "change") return tally.changes() > 0;
  if (fail_on == "gained") return tally.widened() > 0;
  const auto limit = SeverityNamed(fail_on);
  return limit && tally.worst() && *tally.worst() >= *limit;
}

Status Write(const Flags& flags, const Runs& runs, sqlite::Database& db, int fd, DiffTally& tally) {
  std::string form = flags.output_format;
  if (form.empty()) form = fd == STDOUT_FILENO && IsTerminal(stdout) ? "table" : "json";
  if (form == "table") {
    Table table(flags.limit);
    auto compared = DiffRuns(db, runs.before, runs.after, [&](const RunChange& change) {
      tally.Add(change);
      table.Add(change);
      return true;
    });
    if (!compared) return compared;
    Output output(fd);
    output.Append(table.Text(runs, tally));
    return output.Finish();
  }
  DiffReport report(form == "csv"    ? DiffReport::Format::kCsv
                    : form == "html" ? DiffReport::Format::kHtml
                                     : DiffReport::Format::kJson,
                    runs.before, runs.after, fd);
  bool read = true;
  auto compared = DiffRuns(db, runs.before, runs.after, [&](const RunChange& change) {
    tally.Add(change);
    // A gate counts everything, also where its reader went away.
    read = read && report.Add(change);
    return read || flags.fail_on != "none";
  });
  if (!compared) return compared;
  return report.Finish(tally);
}

}  // namespace

Result<ExitCode> CommandDiff(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const auto config = OpenConfig(flags, invocation.environment);
  if (!config) return Fail(config.error());
  const auto runs = FindRuns(flags, config->db_path);
  if (!runs) return Fail(runs.error());
  auto db = sqlite::Database::Open(config->db_path, sqlite::Database::Mode::kReadOnly);
  if (!db) return Fail(db.error());
  (*db)->Exec("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768; BEGIN");

  DiffTally tally;
  Status written;
  if (flags.output_file.empty() || flags.output_file == "-") {
    written = Write(flags, *runs, **db, STDOUT_FILENO, tally);
  } else {
    auto file = OutputFile::Create(flags.output_file);
    if (!file) return Fail(file.error());
    written = Write(flags, *runs, **db, file->fd(), tally);
    if (written) written = file->Keep();
  }
  if (!written) return Fail(written.error());
  return Fails(flags.fail_on, tally) ? ExitCode::kFindings : ExitCode::kDone;
}

}  // namespace spa
